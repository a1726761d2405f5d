//! `aws_secretsmanager_secret`: the place of a secret; its values are versions.

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::named;
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::policy::{check_json, same_policy};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::retry::iam_propagation;
use crate::tags::{self, Tags, with_tags};
use crate::value::Fields;
use crate::wait::{Wait, minutes};

/// The type `aws_secretsmanager_secret`.
pub(crate) struct SecretsmanagerSecret;

#[async_trait]
impl Resource for SecretsmanagerSecret {
    fn schema(&self) -> Schema {
        let block = Block::new("A secret of Secrets Manager.")
            .attr("arn", Attribute::computed(Type::String))
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 512))
                    .check(Validator::Custom(check_name)),
            )
            .attr("name_prefix", Attribute::optional_computed(Type::String).force_new())
            .attr("description", Attribute::optional(Type::String))
            .attr("kms_key_id", Attribute::optional(Type::String))
            .attr(
                "policy",
                Attribute::optional_computed(Type::String)
                    .equal(same_policy)
                    .check(Validator::Custom(check_json)),
            )
            .attr(
                "recovery_window_in_days",
                Attribute::optional(Type::Number)
                    .default(30)
                    .check(Validator::Custom(check_window))
                    .doc("How long it can be restored after it was destroyed: 7 to 30, or 0 for not at all."),
            );
        Schema::new(with_tags(block)).unique(&["name"]).data_bearing()
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let Some(secret) = find(cx, &prior.id()).await? else {
                return Ok(None);
            };
            let arn = secret.arn().unwrap_or_default();
            let call = cx.secrets().get_resource_policy().secret_id(arn);
            let policy = or_gone(call.send().await.op("GetResourcePolicy"))?;
            let policy = policy.and_then(|p| p.resource_policy).unwrap_or_default();
            let mut state = cx.state(prior);
            state
                .name(secret.name().unwrap_or_default())
                .set("id", arn)
                .set("arn", arn)
                .set("description", secret.description().filter(|d| !d.is_empty()))
                .set("kms_key_id", secret.kms_key_id())
                .set("policy", policy)
                .tags(cx.default_tags(), tag_map(secret.tags()));
            named::set_unread(cx, &mut state, prior, &["recovery_window_in_days"]);
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", 512);
        let tags = tag_list(&named::creation_tags(op));
        // A name that was deleted without a recovery window stays blocked for a moment.
        let again = |error: &ProviderError| {
            has_code(error, &["InvalidRequestException"])
                && (error.message.contains("scheduled for deletion") || error.message.contains("was deleted"))
        };
        let made = op
            .retry(minutes(2), again, || async {
                let call = op.cx.secrets().create_secret().name(&name);
                call.client_request_token(named::client_token(op.token))
                    .set_description(op.planned.text("description"))
                    .set_kms_key_id(op.planned.text("kms_key_id"))
                    .set_tags(Some(tags.clone()))
                    .send()
                    .await
                    .op("CreateSecret")
            })
            .await;
        let arn = match made {
            Err(error) if has_code(&error, &["ResourceExistsException"]) => {
                let ours = ours(op.cx, &name, op.token).await?;
                ours.ok_or_else(|| named::taken("a secret", &name))?.arn
            }
            Err(error) if again(&error) => {
                return Err(error.help(format!(
                    "the name `{name}` is blocked until the deleted secret is gone; restore and import it \
                     (`aws secretsmanager restore-secret`), or choose another name"
                )));
            }
            other => other?.arn,
        };
        let arn = arn.expect_in("CreateSecret", "ARN")?;
        op.exists([
            ("id", arn.as_str().into()),
            ("arn", arn.as_str().into()),
            ("name", name.into()),
        ]);
        match op.planned.text("policy").filter(|p| !p.is_empty()) {
            Some(policy) => put_policy(op, &arn, &policy).await,
            None => Ok(()),
        }
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let client = op.cx.secrets();
        if op.any_changed(&["description", "kms_key_id"]) {
            let call = client.update_secret().secret_id(&arn);
            call.description(op.planned.text("description").unwrap_or_default())
                .set_kms_key_id(op.planned.text("kms_key_id"))
                .send()
                .await
                .op("UpdateSecret")?;
        }
        if op.changed("policy") {
            match op.planned.text("policy").filter(|p| !p.is_empty()) {
                Some(policy) => put_policy(op, &arn, &policy).await?,
                None => {
                    let call = client.delete_resource_policy().secret_id(&arn);
                    call.send().await.op("DeleteResourcePolicy")?;
                }
            }
        }
        if let Some((remove, set)) = tags::change(op) {
            if !remove.is_empty() {
                let call = client.untag_resource().secret_id(&arn).set_tag_keys(Some(remove));
                call.send().await.op("UntagResource")?;
            }
            if !set.is_empty() {
                let call = client.tag_resource().secret_id(&arn).set_tags(Some(tag_list(&set)));
                call.send().await.op("TagResource")?;
            }
        }
        Ok(())
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let window = op
            .prior
            .get("recovery_window_in_days")
            .and_then(Value::as_i64)
            .unwrap_or(30);
        let call = op.cx.secrets().delete_secret().secret_id(&arn);
        let call = match window {
            0 => call.force_delete_without_recovery(true),
            days => call.recovery_window_in_days(days),
        };
        call.send().await.op("DeleteSecret")?;
        let wait = Wait::new("the secret to be gone", minutes(2));
        op.wait_gone(wait, || async {
            Ok(find(op.cx, &arn).await?.map(|_| "still there".to_owned()))
        })
        .await
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = names::resolve_as(planned, token, "name", "name_prefix", 512);
        let found = ours(cx, &name, token).await?;
        Ok(found.map(|s| Value::object([("id", s.arn.into())])))
    }
}

fn check_name(name: &Value) -> Option<String> {
    // The ARN ends in a hyphen and six characters; such a name would read as part of an ARN.
    let (_, end) = name.as_str()?.rsplit_once('-')?;
    (end.len() == 6 && end.chars().all(|c| c.is_ascii_alphanumeric())).then(|| {
        "the name must not end in a hyphen and six characters: it would look like the end of an ARN".to_owned()
    })
}

fn check_window(days: &Value) -> Option<String> {
    let days = days.as_i64()?;
    (days != 0 && !(7..=30).contains(&days)).then(|| "the recovery window must be 0, or 7 to 30 days".to_owned())
}

/// Finds a secret that is not deleted.
async fn find(cx: &Cx<'_>, id: &str) -> Result<Option<DescribeSecretOutput>, ProviderError> {
    let call = cx.secrets().describe_secret().secret_id(id);
    let found = or_gone(call.send().await.op("DescribeSecret"))?;
    Ok(found.filter(|s| s.deleted_date().is_none()))
}

async fn ours(cx: &Cx<'_>, name: &str, token: &str) -> Result<Option<DescribeSecretOutput>, ProviderError> {
    let found = find(cx, name).await?;
    Ok(found.filter(|s| named::is_ours(&tag_map(s.tags()), token)))
}

async fn put_policy(op: &Op<'_>, arn: &str, policy: &str) -> Result<(), ProviderError> {
    op.retry(minutes(2), iam_propagation, || async {
        let call = op.cx.secrets().put_resource_policy().secret_id(arn);
        call.resource_policy(policy).send().await.op("PutResourcePolicy")
    })
    .await
    .map(|_| ())
}

fn tag_map(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
        .collect()
}

fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_arns() {
        assert!(check_name(&"db-abc123".into()).is_some());
        assert!(check_name(&"db-password".into()).is_none());
        assert!(check_name(&"plain".into()).is_none());
    }

    #[test]
    fn recovery_windows() {
        assert!(check_window(&0.into()).is_none());
        assert!(check_window(&7.into()).is_none());
        assert!(check_window(&3.into()).is_some());
    }
}
