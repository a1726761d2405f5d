//! `aws_iam_policy`: a policy that can be attached.

use async_trait::async_trait;
use aws_sdk_iam::types::Policy;
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::{iam, named};
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::policy::{check_json, same_policy, url_decode};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::tags::{self, with_tags};
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_iam_policy`.
pub(crate) struct IamPolicy;

const NAME: usize = 128;

/// How many versions of a policy may exist.
const VERSIONS: usize = 5;

#[async_trait]
impl Resource for IamPolicy {
    fn schema(&self) -> Schema {
        let block = Block::new("A managed IAM policy.")
            .attr("arn", Attribute::computed(Type::String))
            .attr("policy_id", Attribute::computed(Type::String))
            .attr("attachment_count", Attribute::computed(Type::Number))
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, NAME)),
            )
            .attr("name_prefix", Attribute::optional_computed(Type::String).force_new())
            .attr("path", Attribute::optional(Type::String).default("/").force_new())
            .attr("description", Attribute::optional(Type::String).force_new())
            .attr(
                "policy",
                Attribute::required(Type::String)
                    .equal(same_policy)
                    .check(Validator::Custom(check_json)),
            );
        Schema::new(with_tags(block)).unique(&["name"]).create_before_destroy()
    }

    fn regional(&self) -> bool {
        false
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let arn = prior.id();
            let Some(policy) = find(cx, &arn).await? else {
                return Ok(None);
            };
            let version = policy.default_version_id().unwrap_or_default();
            let call = cx.iam().get_policy_version().policy_arn(&arn).version_id(version);
            let answer = call.send().await.op("GetPolicyVersion")?;
            let document = answer.policy_version().and_then(|v| v.document()).unwrap_or_default();
            let mut state = cx.state(prior);
            state
                .name(policy.policy_name().unwrap_or_default())
                .set("id", arn.as_str())
                .set("arn", arn.as_str())
                .set("policy_id", policy.policy_id())
                .set("attachment_count", policy.attachment_count().unwrap_or(0))
                .set("path", policy.path())
                .set("description", policy.description().filter(|d| !d.is_empty()))
                .set("policy", url_decode(document))
                .tags(cx.default_tags(), iam::tag_map(policy.tags()));
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", NAME);
        let call = op.cx.iam_once().create_policy().policy_name(&name);
        let answer = call
            .set_path(op.planned.text("path"))
            .set_description(op.planned.text("description"))
            .set_policy_document(op.planned.text("policy"))
            .set_tags(iam::tag_list(&named::creation_tags(op))?)
            .send()
            .await
            .op("CreatePolicy");
        let arn = match answer {
            Err(error) if has_code(&error, &["EntityAlreadyExists"]) => {
                let arn = arn_of(op.cx, op.planned, op.token).await?;
                let found = find(op.cx, &arn).await?;
                let ours = found.is_some_and(|p| named::is_ours(&iam::tag_map(p.tags()), op.token));
                if !ours {
                    return Err(named::taken("an IAM policy", &name));
                }
                arn
            }
            other => other?.policy.and_then(|p| p.arn).expect_in("CreatePolicy", "ARN")?,
        };
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let client = op.cx.iam();
        if op.changed("policy") {
            make_room(op, &arn).await?;
            let call = client.create_policy_version().policy_arn(&arn).set_as_default(true);
            call.set_policy_document(op.planned.text("policy"))
                .send()
                .await
                .op("CreatePolicyVersion")?;
        }
        if let Some((remove, set)) = tags::change(op) {
            if !remove.is_empty() {
                let call = client.untag_policy().policy_arn(&arn).set_tag_keys(Some(remove));
                call.send().await.op("UntagPolicy")?;
            }
            if let Some(tags) = iam::tag_list(&set)? {
                let call = client.tag_policy().policy_arn(&arn).set_tags(Some(tags));
                call.send().await.op("TagPolicy")?;
            }
        }
        Ok(())
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        for version in old_versions(op, &arn).await? {
            delete_version(op, &arn, &version).await?;
        }
        op.retry(minutes(2), iam::hung, || async {
            let call = op.cx.iam().delete_policy().policy_arn(&arn);
            call.send().await.op("DeletePolicy")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let arn = arn_of(cx, planned, token).await?;
        let found = find(cx, &arn).await?;
        let ours = found.filter(|p| named::is_ours(&iam::tag_map(p.tags()), token));
        Ok(ours.map(|_| Value::object([("id", arn.into())])))
    }
}

async fn find(cx: &Cx<'_>, arn: &str) -> Result<Option<Policy>, ProviderError> {
    let answer = or_gone(cx.iam().get_policy().policy_arn(arn).send().await.op("GetPolicy"))?;
    Ok(answer.and_then(|a| a.policy))
}

/// Returns the ARN that a create with this token leads to.
async fn arn_of(cx: &Cx<'_>, planned: &Value, token: &str) -> Result<String, ProviderError> {
    let name = names::resolve_as(planned, token, "name", "name_prefix", NAME);
    let path = planned.text("path").unwrap_or_else(|| "/".to_owned());
    Ok(format!(
        "arn:{}:iam::{}:policy{path}{name}",
        cx.partition(),
        cx.account().await?
    ))
}

/// Returns the versions that are not in force, oldest first.
async fn old_versions(op: &Op<'_>, arn: &str) -> Result<Vec<String>, ProviderError> {
    let call = op.cx.iam().list_policy_versions().policy_arn(arn);
    let answer = call.send().await.op("ListPolicyVersions")?;
    let mut versions: Vec<_> = answer.versions().iter().filter(|v| !v.is_default_version()).collect();
    versions.sort_by_key(|v| v.create_date().map(|d| (d.secs(), d.subsec_nanos())));
    Ok(versions.into_iter().filter_map(|v| v.version_id.clone()).collect())
}

async fn delete_version(op: &Op<'_>, arn: &str, version: &str) -> Result<(), ProviderError> {
    let call = op.cx.iam().delete_policy_version().policy_arn(arn).version_id(version);
    or_gone(call.send().await.op("DeletePolicyVersion")).map(|_| ())
}

/// Deletes the oldest version when there is no room for another one.
async fn make_room(op: &Op<'_>, arn: &str) -> Result<(), ProviderError> {
    let old = old_versions(op, arn).await?;
    match old.first() {
        Some(version) if old.len() + 1 >= VERSIONS => delete_version(op, arn, version).await,
        _ => Ok(()),
    }
}
