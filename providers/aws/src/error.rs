//! From SDK errors to [`ProviderError`]: what kind it is, and what to do about it.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use infra_providers::{ErrorKind, ProviderError};

/// Turns the result of an SDK call into ours.
pub(crate) trait Call<T> {
    /// Names the operation (`CreateVpc`) and classifies its failure.
    fn op(self, operation: &str) -> Result<T, ProviderError>;
}

impl<T, E> Call<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn op(self, operation: &str) -> Result<T, ProviderError> {
        self.map_err(|error| from_sdk(operation, &error))
    }
}

/// Classifies an SDK error.
fn from_sdk<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let mut out = match error {
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            let status = error.raw_response().map_or(0, |r| r.status().as_u16());
            from_answer(operation, status, error.code(), error.message())
        }
        SdkError::DispatchFailure(_) => from_dispatch(operation, error),
        SdkError::TimeoutError(_) => {
            ProviderError::new(ErrorKind::Retryable, format!("{operation} got no answer in time"))
        }
        _ => ProviderError::new(
            ErrorKind::Invalid,
            format!("{operation} could not be sent: {}", chain(error)),
        ),
    };
    out.operation = Some(operation.to_owned());
    out.code = error.code().map(str::to_owned);
    out.request_id = error.request_id().map(str::to_owned);
    out
}

/// Classifies an answer of the service.
fn from_answer(operation: &str, status: u16, code: Option<&str>, message: Option<&str>) -> ProviderError {
    let kind = kind_of(status, code);
    let text = match (message, code) {
        (Some(message), _) if !message.trim().is_empty() => message.trim().to_owned(),
        (_, Some(code)) => format!("{operation} failed: {code}"),
        _ => format!("{operation} failed with HTTP status {status}"),
    };
    advise(ProviderError::new(kind, text))
}

/// Classifies a request that got no answer.
fn from_dispatch<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: Error + Send + Sync + 'static,
{
    let text = chain(error);
    if find_cause::<CredentialsError>(error).is_some() || text.contains("credential") {
        return no_credentials(&text);
    }
    // Whether the request was ever sent decides whether it may have had an effect.
    let connected = !text.contains("connect error") && !text.contains("dns error") && !text.contains("ConnectError");
    if connected {
        ProviderError::new(
            ErrorKind::Retryable,
            format!("the connection broke during {operation}: {text}"),
        )
    } else {
        advise(ProviderError::new(
            ErrorKind::Unreachable,
            format!("{operation} could not reach the service: {text}"),
        ))
    }
}

/// Makes the error for missing or unusable credentials.
pub(crate) fn no_credentials(why: &str) -> ProviderError {
    advise(ProviderError::new(
        ErrorKind::Credentials,
        format!("no usable AWS credentials: {why}"),
    ))
}

/// Adds what to do, by kind.
fn advise(error: ProviderError) -> ProviderError {
    let help = match error.kind {
        ErrorKind::Credentials => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` (run `aws sso login` for an SSO profile); \
             `sandbox = true` in the provider block needs no account"
        }
        ErrorKind::Denied => {
            "allow this operation to the identity in use (`aws sts get-caller-identity` shows which one it is)"
        }
        ErrorKind::Unreachable => "check the network, the region, and the endpoint settings",
        ErrorKind::Unsupported => "this endpoint does not offer the operation; the real service may",
        _ => return error,
    };
    error.help(help)
}

/// Returns the kind of an answer, by its code and HTTP status.
fn kind_of(status: u16, code: Option<&str>) -> ErrorKind {
    let Some(code) = code else {
        return match status {
            404 => ErrorKind::NotFound,
            401 | 403 => ErrorKind::Denied,
            429 => ErrorKind::Throttled,
            501 => ErrorKind::Unsupported,
            500.. => ErrorKind::Retryable,
            _ => ErrorKind::Other,
        };
    };
    // Some services qualify their codes: `Client.InvalidVpcID.NotFound`, `aws.ns#Code`.
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.strip_prefix("Client.").unwrap_or(code);
    match code {
        "NotImplemented" | "UnknownOperationException" => ErrorKind::Unsupported,
        "MotoCrash" => ErrorKind::Other,
        _ if is_throttling(code) => ErrorKind::Throttled,
        _ if is_not_found(code) => ErrorKind::NotFound,
        _ if is_credentials(code) => ErrorKind::Credentials,
        _ if is_denied(code) => ErrorKind::Denied,
        _ if is_conflict(code) => ErrorKind::Conflict,
        _ if status >= 500 || is_transient(code) => ErrorKind::Retryable,
        _ => ErrorKind::Invalid,
    }
}

fn is_throttling(code: &str) -> bool {
    code.contains("Throttl")
        || code.contains("TooManyRequests")
        || matches!(
            code,
            "RequestLimitExceeded"
                | "BandwidthLimitExceeded"
                | "SlowDown"
                | "PriorRequestNotComplete"
                | "ProvisionedThroughputExceededException"
                | "EC2ThrottledException"
                | "RequestThrottled"
        )
}

fn is_not_found(code: &str) -> bool {
    code.ends_with("NotFound")
        || code.ends_with("NotFoundFault")
        || code.ends_with("NotFoundException")
        || code.contains(".NotFound")
        || code.starts_with("NoSuch")
}

fn is_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "UnrecognizedClientException"
            | "AuthFailure"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
    )
}

fn is_denied(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || matches!(
            code,
            "UnauthorizedOperation" | "AuthorizationError" | "NotAuthorized" | "OptInRequired" | "Blocked"
        )
}

fn is_conflict(code: &str) -> bool {
    [
        "InUse",
        "AlreadyExists",
        "Duplicate",
        "Conflict",
        "AlreadyAssociated",
        "ConcurrentModification",
        "OperationAborted",
        "IncorrectState",
        "EntityTemporarilyUnmodifiable",
    ]
    .iter()
    .any(|part| code.contains(part))
        || code == "DependencyViolation"
}

fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "InternalError"
            | "InternalFailure"
            | "InternalServerError"
            | "ServiceUnavailable"
            | "Unavailable"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "ServerException"
            | "IDPCommunicationError"
    )
}

/// Returns the causes of an error in one line, without repetitions.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

fn find_cause<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Says whether an error has one of these codes.
pub(crate) fn has_code(error: &ProviderError, codes: &[&str]) -> bool {
    error.code.as_deref().is_some_and(|c| codes.contains(&c))
}

/// Turns a not-found error into `None`.
pub(crate) fn or_gone<T>(result: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the error for a broken expectation about an answer.
pub(crate) fn incomplete(operation: &str, what: &str) -> ProviderError {
    let mut error = ProviderError::new(ErrorKind::Other, format!("the answer to {operation} has no {what}"));
    error.operation = Some(operation.to_owned());
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        let cases = [
            ("InvalidVpcID.NotFound", 400, ErrorKind::NotFound),
            ("NoSuchEntity", 404, ErrorKind::NotFound),
            ("DBInstanceNotFound", 404, ErrorKind::NotFound),
            ("DBSubnetGroupNotFoundFault", 404, ErrorKind::NotFound),
            ("ClusterNotFoundException", 400, ErrorKind::NotFound),
            ("ResourceNotFoundException", 400, ErrorKind::NotFound),
            ("LoadBalancerNotFound", 400, ErrorKind::NotFound),
            ("RequestLimitExceeded", 503, ErrorKind::Throttled),
            ("ThrottlingException", 400, ErrorKind::Throttled),
            ("PriorRequestNotComplete", 400, ErrorKind::Throttled),
            ("UnauthorizedOperation", 403, ErrorKind::Denied),
            ("AccessDeniedException", 400, ErrorKind::Denied),
            ("ExpiredToken", 400, ErrorKind::Credentials),
            ("InvalidClientTokenId", 403, ErrorKind::Credentials),
            ("DependencyViolation", 400, ErrorKind::Conflict),
            ("InvalidGroup.InUse", 400, ErrorKind::Conflict),
            ("InvalidGroup.Duplicate", 400, ErrorKind::Conflict),
            ("EntityAlreadyExists", 409, ErrorKind::Conflict),
            ("NotImplemented", 501, ErrorKind::Unsupported),
            ("InternalError", 500, ErrorKind::Retryable),
            ("ServiceUnavailable", 503, ErrorKind::Retryable),
            ("InvalidParameterValue", 400, ErrorKind::Invalid),
            ("VpcLimitExceeded", 400, ErrorKind::Invalid),
        ];
        for (code, status, kind) in cases {
            assert_eq!(kind_of(status, Some(code)), kind, "{code}");
        }
        assert_eq!(kind_of(502, None), ErrorKind::Retryable);
        assert_eq!(kind_of(501, None), ErrorKind::Unsupported);
    }

    #[test]
    fn denials_say_what_to_do() {
        let error = from_answer(
            "CreateVpc",
            403,
            Some("UnauthorizedOperation"),
            Some("You are not authorized."),
        );
        assert_eq!(error.message, "You are not authorized.");
        assert!(error.help.unwrap().contains("allow this operation"));
    }
}
