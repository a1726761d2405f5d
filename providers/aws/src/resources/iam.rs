//! What the IAM types share: tags, documents, and when to try again.

use aws_sdk_iam::types::Tag;
use infra_providers::{ErrorKind, ProviderError};

use crate::retry::{concurrent, iam_propagation};
use crate::tags::Tags;

/// Returns IAM tags as a map.
pub(super) fn tag_map(tags: &[Tag]) -> Tags {
    tags.iter().map(|t| (t.key.clone(), t.value.clone())).collect()
}

/// Returns a map as IAM tags; nothing for an empty one.
pub(super) fn tag_list(tags: &Tags) -> Result<Option<Vec<Tag>>, ProviderError> {
    let tags: Result<Vec<Tag>, _> = tags
        .iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect();
    let tags = tags.map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))?;
    Ok((!tags.is_empty()).then_some(tags))
}

/// Says whether a change of a role or policy may work in a moment.
pub(super) fn unsettled(error: &ProviderError) -> bool {
    iam_propagation(error) || concurrent(error)
}

/// Says whether something still hangs on a role or policy.
pub(super) fn hung(error: &ProviderError) -> bool {
    concurrent(error) || crate::error::has_code(error, &["DeleteConflict"])
}
