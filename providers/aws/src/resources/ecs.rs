//! What the ECS types share: tags, and how clusters and revisions are written.

use aws_sdk_ecs::types::Tag;
use infra_providers::ProviderError;
use infra_types::Value;

use crate::error::Call;
use crate::resource::Op;
use crate::tags::{self, Tags};

/// Returns ECS tags as a map.
pub(super) fn tag_map(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
        .collect()
}

/// Returns a map as ECS tags; nothing for an empty one.
pub(super) fn tag_list(tags: &Tags) -> Option<Vec<Tag>> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect();
    (!tags.is_empty()).then_some(tags)
}

/// Brings the tags of an object from prior to planned.
pub(super) async fn update_tags(op: &Op<'_>, arn: &str) -> Result<(), ProviderError> {
    let Some((remove, set)) = tags::change(op) else {
        return Ok(());
    };
    if !remove.is_empty() {
        let call = op.cx.ecs().untag_resource().resource_arn(arn);
        call.set_tag_keys(Some(remove)).send().await.op("UntagResource")?;
    }
    if let Some(tags) = tag_list(&set) {
        let call = op.cx.ecs().tag_resource().resource_arn(arn);
        call.set_tags(Some(tags)).send().await.op("TagResource")?;
    }
    Ok(())
}

/// Returns the last part of an ARN, or the name as it is.
pub(super) fn short_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Says whether two texts name the same cluster, role or revision: by ARN or by name.
pub(super) fn same_name(prior: &Value, configured: &Value) -> bool {
    let name = |v: &Value| v.as_str().map(|s| short_name(s).to_owned());
    matches!((name(prior), name(configured)), (Some(a), Some(b)) if a == b)
}

/// Splits `family:revision`, or the ARN that ends in it.
pub(super) fn family_and_revision(name: &str) -> (&str, Option<&str>) {
    match short_name(name).rsplit_once(':') {
        Some((family, revision)) => (family, Some(revision)),
        None => (short_name(name), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns() {
        let arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/main";
        assert!(same_name(&arn.into(), &"main".into()));
        assert!(!same_name(&arn.into(), &"other".into()));
        let revision = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7";
        assert_eq!(family_and_revision(revision), ("web", Some("7")));
        assert_eq!(family_and_revision("web"), ("web", None));
    }
}
