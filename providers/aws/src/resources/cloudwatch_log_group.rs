//! `aws_cloudwatch_log_group`: where logs go, and how long they stay.

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::named;
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Op, Plan, Resource};
use crate::retry::concurrent;
use crate::tags::{self, Tags, with_tags};
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_cloudwatch_log_group`.
pub(crate) struct CloudwatchLogGroup;

/// Days that logs may be kept; 0 is for ever.
const RETENTION: &[i64] = &[
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

#[async_trait]
impl Resource for CloudwatchLogGroup {
    fn schema(&self) -> Schema {
        let block = Block::new("A CloudWatch log group.")
            .attr("arn", Attribute::computed(Type::String))
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 512)),
            )
            .attr("name_prefix", Attribute::optional_computed(Type::String).force_new())
            .attr(
                "retention_in_days",
                Attribute::optional(Type::Number)
                    .default(0)
                    .check(Validator::OneOfNumbers(RETENTION))
                    .doc("How many days logs are kept; 0 is for ever."),
            )
            .attr("kms_key_id", Attribute::optional(Type::String))
            .attr(
                "log_group_class",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::OneOf(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"])),
            )
            .attr(
                "skip_destroy",
                Attribute::optional(Type::Bool)
                    .default(false)
                    .doc("Leaves the log group, and its logs, when it is destroyed here."),
            );
        Schema::new(with_tags(block)).unique(&["name"])
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let Some(group) = find(cx, &prior.id()).await? else {
                return Ok(None);
            };
            let arn = plain_arn(&group);
            let tags = list_tags(cx, &arn).await?;
            let mut state = cx.state(prior);
            let class = group.log_group_class().map(|c| c.as_str().to_owned());
            let class = class.or_else(|| prior.text("log_group_class"));
            state
                .name(group.log_group_name().unwrap_or_default())
                .set("id", group.log_group_name())
                .set("arn", arn)
                .set("retention_in_days", group.retention_in_days().unwrap_or(0))
                .set("kms_key_id", group.kms_key_id())
                .set("log_group_class", class.unwrap_or_else(|| "STANDARD".to_owned()));
            named::set_unread(cx, &mut state, prior, &["skip_destroy"]);
            state.tags(cx.default_tags(), tags);
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", 512);
        let tags = named::creation_tags(op).into_iter().collect();
        let call = op.cx.logs_once().create_log_group().log_group_name(&name);
        let made = call
            .set_kms_key_id(op.planned.text("kms_key_id"))
            .set_log_group_class(op.planned.text("log_group_class").map(|c| c.as_str().into()))
            .set_tags(Some(tags))
            .send()
            .await
            .op("CreateLogGroup");
        match made {
            Err(error) if has_code(&error, &["ResourceAlreadyExistsException"]) => {
                if !is_ours(op.cx, &name, op.token).await? {
                    return Err(named::taken("a log group", &name)
                        .detail("Lambda, ECS and RDS make their log groups themselves when they write first"));
                }
            }
            other => {
                other?;
            }
        }
        op.exists([("id", name.as_str().into()), ("name", name.as_str().into())]);
        match op.planned.int("retention_in_days") {
            None | Some(0) => Ok(()),
            Some(days) => put_retention(op, &name, days).await,
        }
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = op.prior.id();
        let client = op.cx.logs();
        if op.changed("retention_in_days") {
            match op.planned.int("retention_in_days") {
                None | Some(0) => {
                    let call = client.delete_retention_policy().log_group_name(&name);
                    or_gone(call.send().await.op("DeleteRetentionPolicy"))?;
                }
                Some(days) => put_retention(op, &name, days).await?,
            }
        }
        if op.changed("kms_key_id") {
            match op.planned.text("kms_key_id") {
                Some(key) => {
                    let call = client.associate_kms_key().log_group_name(&name).kms_key_id(key);
                    call.send().await.op("AssociateKmsKey")?;
                }
                None => {
                    let call = client.disassociate_kms_key().log_group_name(&name);
                    call.send().await.op("DisassociateKmsKey")?;
                }
            }
        }
        if let Some((remove, set)) = tags::change(op) {
            let arn = op.prior.text("arn").unwrap_or_default();
            if !remove.is_empty() {
                let call = client.untag_resource().resource_arn(&arn).set_tag_keys(Some(remove));
                call.send().await.op("UntagResource")?;
            }
            if !set.is_empty() {
                let call = client.tag_resource().resource_arn(&arn);
                call.set_tags(Some(set.into_iter().collect()))
                    .send()
                    .await
                    .op("TagResource")?;
            }
        }
        Ok(())
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        if op.prior.flag("skip_destroy") == Some(true) {
            return Ok(());
        }
        let name = op.prior.id();
        op.retry(minutes(1), concurrent, || async {
            let call = op.cx.logs().delete_log_group().log_group_name(&name);
            call.send().await.op("DeleteLogGroup")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = names::resolve_as(planned, token, "name", "name_prefix", 512);
        let ours = is_ours(cx, &name, token).await?;
        Ok(ours.then(|| Value::object([("id", name.into())])))
    }
}

/// Finds a log group. The service searches by prefix, so the name is compared.
async fn find(cx: &Cx<'_>, name: &str) -> Result<Option<LogGroup>, ProviderError> {
    let call = cx.logs().describe_log_groups().log_group_name_prefix(name);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let groups = page.op("DescribeLogGroups")?.log_groups.unwrap_or_default();
        if let Some(group) = groups.into_iter().find(|g| g.log_group_name() == Some(name)) {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

fn plain_arn(group: &LogGroup) -> String {
    let arn = group.arn().unwrap_or_default();
    arn.strip_suffix(":*").unwrap_or(arn).to_owned()
}

async fn list_tags(cx: &Cx<'_>, arn: &str) -> Result<Tags, ProviderError> {
    let call = cx.logs().list_tags_for_resource().resource_arn(arn);
    let answer = call.send().await.op("ListTagsForResource")?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

async fn is_ours(cx: &Cx<'_>, name: &str, token: &str) -> Result<bool, ProviderError> {
    let Some(group) = find(cx, name).await? else {
        return Ok(false);
    };
    Ok(named::is_ours(&list_tags(cx, &plain_arn(&group)).await?, token))
}

async fn put_retention(op: &Op<'_>, name: &str, days: i32) -> Result<(), ProviderError> {
    // Policies that ask for a tag may not see the tags of a new group yet.
    let again = |error: &ProviderError| {
        concurrent(error)
            || (has_code(error, &["AccessDeniedException"])
                && error.message.contains("no identity-based policy allows"))
    };
    op.retry(minutes(1), again, || async {
        let call = op.cx.logs().put_retention_policy().log_group_name(name);
        call.retention_in_days(days).send().await.op("PutRetentionPolicy")
    })
    .await
    .map(|_| ())
}
