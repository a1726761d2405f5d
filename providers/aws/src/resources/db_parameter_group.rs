//! `aws_db_parameter_group`: settings of a database engine.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_rds::types::{DbParameterGroup as Remote, Parameter};
use infra_providers::{Attribute, Block, NestedBlock, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::{named, rds};
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::tags::with_tags;
use crate::value::{Fields, same_text_any_case};
use crate::wait::minutes;

/// The type `aws_db_parameter_group`.
pub(crate) struct DbParameterGroup;

/// How many parameters one call takes.
const CHUNK: usize = 20;

#[async_trait]
impl Resource for DbParameterGroup {
    fn schema(&self) -> Schema {
        let parameter = Block::new("A parameter.")
            .attr("name", Attribute::required(Type::String).equal(same_text_any_case))
            .attr("value", Attribute::required(Type::String))
            .attr(
                "apply_method",
                Attribute::optional(Type::String)
                    .default("immediate")
                    .check(Validator::OneOf(&["immediate", "pending-reboot"]))
                    .doc("Static parameters take `pending-reboot` only."),
            );
        let block = Block::new("A group of parameters for databases.")
            .attr("arn", Attribute::computed(Type::String))
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .equal(same_text_any_case)
                    .check(Validator::Length(1, 255)),
            )
            .attr("name_prefix", Attribute::optional_computed(Type::String).force_new())
            .attr("family", Attribute::required(Type::String).force_new())
            .attr(
                "description",
                Attribute::optional(Type::String)
                    .default("Managed by infra")
                    .force_new(),
            )
            .attr(
                "skip_destroy",
                Attribute::optional(Type::Bool)
                    .default(false)
                    .doc("Leaves the group when it is destroyed here."),
            )
            .block("parameter", NestedBlock::set(parameter));
        Schema::new(with_tags(block)).unique(&["name"]).create_before_destroy()
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let name = prior.id();
            let Some(group) = find(cx, &name).await? else {
                return Ok(None);
            };
            let arn = group.db_parameter_group_arn().unwrap_or_default();
            let tags = rds::tags_of(cx, arn).await?;
            let mut state = cx.state(prior);
            state
                .name(group.db_parameter_group_name().unwrap_or_default())
                .set("id", group.db_parameter_group_name())
                .set("arn", arn)
                .set("family", group.db_parameter_group_family())
                .set("description", group.description())
                .tags(cx.default_tags(), tags);
            state.set_blocks("parameter", parameters(cx, &name, prior).await?);
            named::set_unread(cx, &mut state, prior, &["skip_destroy"]);
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", 255).to_lowercase();
        let call = op.cx.rds_once().create_db_parameter_group();
        let made = call
            .db_parameter_group_name(&name)
            .set_db_parameter_group_family(op.planned.text("family"))
            .set_description(op.planned.text("description"))
            .set_tags(Some(rds::tag_list(&named::creation_tags(op))))
            .send()
            .await
            .op("CreateDBParameterGroup");
        let group = match made {
            Err(error)
                if has_code(
                    &error,
                    &["DBParameterGroupAlreadyExists", "DBParameterGroupAlreadyExistsFault"],
                ) =>
            {
                let found = find(op.cx, &name).await?;
                match found {
                    Some(group) if is_ours(op.cx, &group, op.token).await? => group,
                    _ => return Err(named::taken("a DB parameter group", &name)),
                }
            }
            other => other?
                .db_parameter_group
                .expect_in("CreateDBParameterGroup", "parameter group")?,
        };
        op.exists([
            ("id", group.db_parameter_group_name.into()),
            ("arn", group.db_parameter_group_arn.into()),
        ]);
        modify(op, &name, wanted(op.planned)).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = op.prior.id();
        let (old, new) = (wanted(&op.prior), wanted(op.planned));
        let gone: Vec<Parameter> = old
            .iter()
            .filter(|(name, _)| !new.contains_key(*name))
            .map(|(_, p)| p.clone())
            .collect();
        let set = new.into_iter().filter(|(name, p)| old.get(name) != Some(p)).collect();
        for chunk in gone.chunks(CHUNK) {
            let call = op.cx.rds().reset_db_parameter_group().db_parameter_group_name(&name);
            call.reset_all_parameters(false)
                .set_parameters(Some(chunk.to_vec()))
                .send()
                .await
                .op("ResetDBParameterGroup")?;
        }
        modify(op, &name, set).await?;
        rds::update_tags(op).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        if op.prior.flag("skip_destroy") == Some(true) {
            return Ok(());
        }
        let name = op.prior.id();
        let busy = |error: &ProviderError| {
            has_code(
                error,
                &["InvalidDBParameterGroupState", "InvalidDBParameterGroupStateFault"],
            )
        };
        op.retry(minutes(3), busy, || async {
            let call = op.cx.rds().delete_db_parameter_group().db_parameter_group_name(&name);
            call.send().await.op("DeleteDBParameterGroup")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = names::resolve_as(planned, token, "name", "name_prefix", 255).to_lowercase();
        let Some(found) = find(cx, &name).await? else {
            return Ok(None);
        };
        let ours = is_ours(cx, &found, token).await?;
        Ok(ours.then(|| Value::object([("id", name.into())])))
    }
}

async fn find(cx: &Cx<'_>, name: &str) -> Result<Option<Remote>, ProviderError> {
    let call = cx.rds().describe_db_parameter_groups().db_parameter_group_name(name);
    let answer = or_gone(call.send().await.op("DescribeDBParameterGroups"))?;
    Ok(answer.and_then(|a| a.db_parameter_groups?.into_iter().next()))
}

async fn is_ours(cx: &Cx<'_>, group: &Remote, token: &str) -> Result<bool, ProviderError> {
    let arn = group.db_parameter_group_arn().unwrap_or_default();
    Ok(named::is_ours(&rds::tags_of(cx, arn).await?, token))
}

/// Returns the parameters of an object by name.
fn wanted(object: &Value) -> BTreeMap<String, Parameter> {
    let blocks = object.blocks("parameter").iter();
    blocks
        .map(|p| {
            let name = p.text("name").unwrap_or_default().to_lowercase();
            let parameter = Parameter::builder()
                .parameter_name(&name)
                .set_parameter_value(p.text("value"))
                .set_apply_method(p.text("apply_method").map(|m| m.as_str().into()))
                .build();
            (name, parameter)
        })
        .collect()
}

async fn modify(op: &Op<'_>, name: &str, parameters: BTreeMap<String, Parameter>) -> Result<(), ProviderError> {
    let parameters: Vec<Parameter> = parameters.into_values().collect();
    for chunk in parameters.chunks(CHUNK) {
        let call = op.cx.rds().modify_db_parameter_group().db_parameter_group_name(name);
        call.set_parameters(Some(chunk.to_vec()))
            .send()
            .await
            .op("ModifyDBParameterGroup")?;
    }
    Ok(())
}

/// Reads the parameters that were set, and those that were written but equal the engine's default.
async fn parameters(cx: &Cx<'_>, name: &str, prior: &Value) -> Result<Vec<Value>, ProviderError> {
    let written = wanted(prior);
    let methods: BTreeMap<String, String> = prior
        .blocks("parameter")
        .iter()
        .filter_map(|p| Some((p.text("name")?.to_lowercase(), p.text("apply_method")?)))
        .collect();
    let call = cx.rds().describe_db_parameters().db_parameter_group_name(name);
    let mut pages = call.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for parameter in page.op("DescribeDBParameters")?.parameters() {
            let name = parameter.parameter_name().unwrap_or_default().to_lowercase();
            let is_set = parameter.source().is_none_or(|s| s == "user");
            let Some(value) = parameter.parameter_value() else {
                continue;
            };
            let as_written = written.get(&name).is_some_and(|w| w.parameter_value() == Some(value));
            if !is_set && !as_written {
                continue;
            }
            // How it was applied is not remembered by the service.
            let method = methods.get(&name).cloned();
            let method = method.or_else(|| parameter.apply_method().map(|m| m.as_str().to_owned()));
            found.push(Value::object([
                ("name", name.into()),
                ("value", value.into()),
                ("apply_method", method.unwrap_or_else(|| "immediate".to_owned()).into()),
            ]));
        }
    }
    Ok(found)
}
