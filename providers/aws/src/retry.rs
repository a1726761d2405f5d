//! Trying again: what the SDK's own retries do not know about.
//!
//! The SDK retries lost connections, 5xx answers and throttling, briefly.
//! This layer is for errors that are right now but will go away: a role that
//! has not propagated, an object that something still hangs on, an id that a
//! read does not know yet. See [`Op::retry`](crate::resource::Op::retry).

use std::time::Duration;

use infra_providers::{ErrorKind, ProviderError};
use rand::Rng;

/// Growing delays with jitter.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Starts at 100 ms and grows to `max`.
    pub(crate) fn up_to(max: Duration) -> Self {
        Self {
            next: Duration::from_millis(100).min(max),
            max,
        }
    }

    /// Returns the next delay: between three quarters and all of the nominal one.
    pub(crate) fn delay(&mut self) -> Duration {
        let nominal = self.next;
        self.next = (self.next * 8 / 5).min(self.max);
        nominal.mul_f64(rand::rng().random_range(0.75..=1.0))
    }
}

/// Says whether the service asked to slow down.
pub(crate) fn throttled(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Throttled
}

/// Says whether something is not visible yet.
pub(crate) fn not_yet(error: &ProviderError) -> bool {
    error.is_not_found()
}

/// Says whether something still hangs on the object.
pub(crate) fn in_use(error: &ProviderError) -> bool {
    const CODES: [&str; 6] = [
        "DependencyViolation",
        "InvalidGroup.InUse",
        "ResourceInUse",
        "ResourceInUseException",
        "DeleteConflict",
        "OperationAborted",
    ];
    crate::error::has_code(error, &CODES)
        || error.message.contains("has dependencies and cannot be deleted")
        || error.message.contains("can't be deleted since it has")
}

/// Says whether others change the same object at the same time.
pub(crate) fn concurrent(error: &ProviderError) -> bool {
    const CODES: [&str; 8] = [
        "ConcurrentModification",
        "ConcurrentModificationException",
        "OperationAbortedException",
        "OperationAborted",
        "ResourceConflictException",
        "EntityTemporarilyUnmodifiable",
        "ConflictException",
        "PriorRequestNotComplete",
    ];
    crate::error::has_code(error, &CODES) || error.message.contains("concurrent update operation")
}

/// Says whether an IAM role, policy or principal has not propagated yet.
pub(crate) fn iam_propagation(error: &ProviderError) -> bool {
    const CASES: [(&str, &str); 14] = [
        ("InvalidParameterException", "Unable to assume the service linked role"),
        (
            "InvalidParameterException",
            "verify that the ECS service role being passed has the proper permissions",
        ),
        ("InvalidParameter", "Unable to assume given IAM role"),
        ("ValidationException", "Unable to assume IAM role"),
        ("ValidationException", "ECS service doesn't exist"),
        ("ValidationException", "cannot be assumed by principal"),
        ("InvalidParameterValue", "required permissions for: ENHANCED_MONITORING"),
        (
            "InvalidParameterValue",
            "IAM role ARN value is invalid or does not include the required permissions",
        ),
        ("InvalidParameterValue", "couldn't fetch the role from instance profile"),
        ("InvalidParameterValue", "Invalid IAM Instance Profile"),
        ("MalformedPolicyDocument", "Invalid principal in policy"),
        (
            "MalformedPolicyDocumentException",
            "Policy contains a statement with one or more invalid principals",
        ),
        ("MalformedPolicyDocumentException", "unsupported principal"),
        ("MalformedPolicy", "Invalid principal in policy"),
    ];
    CASES
        .iter()
        .any(|(code, text)| error.code.as_deref() == Some(code) && error.message.contains(text))
        // The end of the text tells a service's call on the role from our own credentials.
        || error.message.contains("security token included in the request is invalid. (Service:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap() {
        let mut backoff = Backoff::up_to(Duration::from_secs(2));
        let delays: Vec<Duration> = (0..20).map(|_| backoff.delay()).collect();
        assert!(delays[0] <= Duration::from_millis(100));
        assert!(delays[19] <= Duration::from_secs(2));
        assert!(delays[19] >= Duration::from_millis(1500));
    }

    #[test]
    fn propagation_is_told_by_code_and_text() {
        let mut error = ProviderError::new(ErrorKind::Invalid, "Invalid principal in policy: \"AWS\":\"x\"");
        error.code = Some("MalformedPolicyDocument".into());
        assert!(iam_propagation(&error));
        error.code = Some("EntityAlreadyExists".into());
        assert!(!iam_propagation(&error));
        let own = ProviderError::new(
            ErrorKind::Credentials,
            "The security token included in the request is invalid.",
        );
        assert!(!iam_propagation(&own));
    }
}
