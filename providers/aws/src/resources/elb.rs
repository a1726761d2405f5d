//! What the load balancing types share: tags, attributes by key, batches.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::Tag;
use infra_providers::{ProviderError, ReadRequest};
use infra_types::{Type, Value};

use super::named;
use crate::batch::{Found, lookup_keys};
use crate::error::{Call, or_gone};
use crate::resource::{Cx, Op};
use crate::tags::{self, Tags};
use crate::value::{Fields, State};

/// How many ARNs one call takes.
const CHUNK: usize = 20;

/// Returns tags as the service wants them; never empty for a new object.
pub(super) fn tag_list(tags: &Tags) -> Option<Vec<Tag>> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect();
    (!tags.is_empty()).then_some(tags)
}

/// Fetches the tags of objects, by ARN.
pub(super) async fn tags_of(cx: &Cx<'_>, arns: Vec<String>) -> Result<BTreeMap<String, Tags>, ProviderError> {
    let mut out = BTreeMap::new();
    for chunk in arns.chunks(CHUNK) {
        let call = cx.elb().describe_tags().set_resource_arns(Some(chunk.to_vec()));
        let answer = call.send().await.op("DescribeTags")?;
        for object in answer.tag_descriptions() {
            let tags = object.tags().iter();
            let tags = tags.filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())));
            if let Some(arn) = object.resource_arn() {
                out.insert(arn.to_owned(), tags.collect());
            }
        }
    }
    Ok(out)
}

/// Says whether the create with this token made an object.
pub(super) async fn is_ours(cx: &Cx<'_>, arn: &str, token: &str) -> Result<bool, ProviderError> {
    let tags = tags_of(cx, vec![arn.to_owned()]).await?;
    Ok(tags.get(arn).is_some_and(|t| named::is_ours(t, token)))
}

/// Brings the tags of an object from prior to planned.
pub(super) async fn update_tags(op: &Op<'_>, arn: &str) -> Result<(), ProviderError> {
    let Some((remove, set)) = tags::change(op) else {
        return Ok(());
    };
    if !remove.is_empty() {
        let call = op.cx.elb().remove_tags().resource_arns(arn).set_tag_keys(Some(remove));
        call.send().await.op("RemoveTags")?;
    }
    if let Some(tags) = tag_list(&set) {
        let call = op.cx.elb().add_tags().resource_arns(arn).set_tags(Some(tags));
        call.send().await.op("AddTags")?;
    }
    Ok(())
}

/// Fetches objects with their tags, many per call.
///
/// The service fails for all when one is missing; then they are asked for one by one.
pub(super) async fn lookup_tagged<T, F, Fut>(cx: &Cx<'_>, objects: &[ReadRequest], fetch: F) -> Found<(T, Tags)>
where
    T: Send,
    F: Fn(Vec<String>) -> Fut + Sync,
    Fut: Future<Output = Result<BTreeMap<String, T>, ProviderError>> + Send,
{
    let fetch = &fetch;
    lookup_keys(objects.iter().map(|o| o.prior.id()), CHUNK, |arns| async move {
        let mut found = BTreeMap::new();
        match or_gone(fetch(arns.clone()).await)? {
            Some(all) => found = all,
            None if arns.len() == 1 => {}
            None => {
                for arn in arns {
                    found.extend(or_gone(fetch(vec![arn]).await)?.unwrap_or_default());
                }
            }
        }
        let mut tags = match found.is_empty() {
            true => BTreeMap::new(),
            false => tags_of(cx, found.keys().cloned().collect()).await?,
        };
        let found = found.into_iter();
        Ok(found
            .map(|(arn, object)| {
                let tags = tags.remove(&arn).unwrap_or_default();
                (arn, (object, tags))
            })
            .collect())
    })
    .await
}

/// An attribute that the service keeps under a key, as text.
pub(super) struct Keyed {
    /// The argument.
    pub(super) name: &'static str,
    /// The key.
    pub(super) key: &'static str,
    /// What a new object has.
    pub(super) initial: &'static str,
}

/// Returns what to send: what a new object does not have already, or what changes.
pub(super) fn keyed_changes(op: &Op<'_>, table: &[Keyed], is_new: bool) -> Vec<(&'static str, String)> {
    let changed = table.iter().filter(|a| is_new || op.changed(a.name));
    changed
        .filter_map(|a| {
            let text = as_text(op.planned.get(a.name)?)?;
            (!is_new || text != a.initial).then_some((a.key, text))
        })
        .collect()
}

/// Sets attributes from what the service lists. What it does not list is as a new object has it.
pub(super) fn set_keyed(cx: &Cx<'_>, state: &mut State<'_>, table: &[Keyed], listed: &BTreeMap<String, String>) {
    for attribute in table {
        let text = listed.get(attribute.key).map_or(attribute.initial, String::as_str);
        let ty = cx.schema.block.attributes.get(attribute.name).map(|a| &a.ty);
        let value = match ty {
            Some(Type::Bool) => Value::from(text == "true"),
            Some(Type::Number) => text.parse::<i64>().ok().into(),
            _ if text.is_empty() => Value::null(),
            _ => text.into(),
        };
        state.set(attribute.name, value);
    }
}

/// Writes a bool, number or text as text.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match (value.as_bool(), value.as_i64()) {
        (Some(flag), _) => Some(flag.to_string()),
        (_, Some(number)) => Some(number.to_string()),
        _ => value.as_str().map(str::to_owned),
    }
}

/// Returns what follows a marker in an ARN: `app/main/50dc6c495c0c9188`.
pub(super) fn arn_suffix(arn: &str) -> &str {
    match arn.split_once(":loadbalancer/") {
        Some((_, suffix)) => suffix,
        None => arn.rsplit(':').next().unwrap_or_default(),
    }
}

/// Says what is wrong with the name of a load balancer or target group.
pub(super) fn check_name(name: &Value) -> Option<String> {
    let name = name.as_str()?;
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() || name.len() > 32 || !valid {
        return Some("the name must have 1 to 32 letters, digits and hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Some("the name must not begin or end with a hyphen".to_owned());
    }
    name.starts_with("internal-")
        .then(|| "the name must not begin with `internal-`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        let lb = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/main/50dc6c495c0c9188";
        assert_eq!(arn_suffix(lb), "app/main/50dc6c495c0c9188");
        let tg = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067";
        assert_eq!(arn_suffix(tg), "targetgroup/web/73e2d6bc24d8a067");
    }

    #[test]
    fn names() {
        assert!(check_name(&"web-1".into()).is_none());
        for bad in [
            "",
            "-web",
            "web-",
            "internal-web",
            "web_1",
            "abcdefghijklmnopqrstuvwxyz0123456",
        ] {
            assert!(check_name(&bad.into()).is_some(), "{bad}");
        }
    }
}
