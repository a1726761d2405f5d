//! What the RDS types share: tags.

use aws_sdk_rds::types::Tag;
use infra_providers::ProviderError;

use crate::error::Call;
use crate::resource::{Cx, Op};
use crate::tags::{self, Tags};

/// Returns RDS tags as a map.
pub(super) fn tag_map(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
        .collect()
}

/// Returns a map as RDS tags.
pub(super) fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

/// Fetches the tags of an object.
pub(super) async fn tags_of(cx: &Cx<'_>, arn: &str) -> Result<Tags, ProviderError> {
    let call = cx.rds().list_tags_for_resource().resource_name(arn);
    let answer = call.send().await.op("ListTagsForResource")?;
    Ok(tag_map(answer.tag_list()))
}

/// Brings the tags of an object from prior to planned.
pub(super) async fn update_tags(op: &Op<'_>) -> Result<(), ProviderError> {
    let Some((remove, set)) = tags::change(op) else {
        return Ok(());
    };
    let arn = op.prior.get_str("arn").unwrap_or_default();
    if !remove.is_empty() {
        let call = op.cx.rds().remove_tags_from_resource().resource_name(arn);
        call.set_tag_keys(Some(remove))
            .send()
            .await
            .op("RemoveTagsFromResource")?;
    }
    if !set.is_empty() {
        let call = op.cx.rds().add_tags_to_resource().resource_name(arn);
        call.set_tags(Some(tag_list(&set)))
            .send()
            .await
            .op("AddTagsToResource")?;
    }
    Ok(())
}
