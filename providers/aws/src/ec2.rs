//! What the EC2 types share: filters, tags, the creation tag.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use infra_providers::{Attribute, Block, NestedBlock, ProviderError};
use infra_types::{Type, Value};

use crate::error::Call;
use crate::resource::{Cx, Op};
use crate::retry::not_yet;
use crate::tags::{self, CREATION_TAG, Tags};
use crate::value::Fields;
use crate::wait::minutes;

/// How long a new EC2 object may be unknown to other calls.
pub(crate) const PROPAGATION: std::time::Duration = minutes(5);

/// Makes a filter.
pub(crate) fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().collect()))
        .build()
}

/// Returns EC2's tags as a map.
pub(crate) fn tag_map(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
        .collect()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Returns the tags of a new object: the planned ones and the creation tag.
pub(crate) fn creation_tags(op: &Op<'_>, kind: ResourceType) -> TagSpecification {
    let planned = tags::planned(op);
    let planned = planned.iter().map(|(k, v)| tag(k, v));
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(planned.chain([tag(CREATION_TAG, op.token)]).collect()))
        .build()
}

/// Finds an object by its creation tag.
pub(crate) async fn find_created(cx: &Cx<'_>, token: &str) -> Result<Option<Value>, ProviderError> {
    let answer = cx
        .ec2()
        .describe_tags()
        .filters(filter("key", [CREATION_TAG.to_owned()]))
        .filters(filter("value", [token.to_owned()]))
        .send()
        .await
        .op("DescribeTags")?;
    let id = answer.tags().iter().find_map(|t| t.resource_id.clone());
    Ok(id.map(|id| Value::object([("id", id.into())])))
}

/// Brings the tags of an object from prior to planned.
pub(crate) async fn update_tags(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    let Some((remove, set)) = tags::change(op) else {
        return Ok(());
    };
    if !remove.is_empty() {
        let keys: Vec<Tag> = remove.iter().map(|k| Tag::builder().key(k).build()).collect();
        let call = op.cx.ec2().delete_tags().resources(id).set_tags(Some(keys));
        call.send().await.op("DeleteTags")?;
    }
    if !set.is_empty() {
        let tags: Vec<Tag> = set.iter().map(|(k, v)| tag(k, v)).collect();
        op.retry(PROPAGATION, not_yet, || async {
            let call = op.cx.ec2().create_tags().resources(id).set_tags(Some(tags.clone()));
            call.send().await.op("CreateTags")
        })
        .await?;
    }
    Ok(())
}

/// Adds the arguments by which data sources select: `filter` blocks and `tags`.
pub(crate) fn with_filters(block: Block) -> Block {
    let filter = Block::new("What the service selects by.")
        .attr(
            "name",
            Attribute::required(Type::String).doc("The filter, by the API's name."),
        )
        .attr(
            "values",
            Attribute::required(Type::set(Type::String)).doc("The values, one of which must be."),
        );
    block.block("filter", NestedBlock::set(filter)).attr(
        "tags",
        Attribute::optional_computed(Type::map(Type::String)).doc("Tags it must have."),
    )
}

/// Returns the filters of a data source: its `filter` blocks, its tags, and arguments by the
/// names of the API.
pub(crate) fn selection(config: &Value, arguments: &[(&str, &str)]) -> Vec<Filter> {
    let blocks = config.blocks("filter").iter();
    let blocks = blocks.map(|b| filter(b.get_str("name").unwrap_or_default(), b.texts("values")));
    let tags: BTreeMap<String, String> = config.map("tags");
    let tags = tags.into_iter().map(|(k, v)| filter(&format!("tag:{k}"), [v]));
    let arguments = arguments.iter().filter_map(|(argument, name)| {
        let value = config.get(argument)?;
        let text = value.as_str().map(str::to_owned);
        let text = text.or_else(|| value.as_bool().map(|b| b.to_string()))?;
        Some(filter(name, [text]))
    });
    blocks.chain(tags).chain(arguments).collect()
}
