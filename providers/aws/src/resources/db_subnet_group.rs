//! `aws_db_subnet_group`: where databases may be placed.

use async_trait::async_trait;
use aws_sdk_rds::types::DbSubnetGroup as Remote;
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::{named, rds};
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::tags::with_tags;
use crate::value::{Fields, same_text_any_case};
use crate::wait::{Wait, minutes};

/// The type `aws_db_subnet_group`.
pub(crate) struct DbSubnetGroup;

#[async_trait]
impl Resource for DbSubnetGroup {
    fn schema(&self) -> Schema {
        let block = Block::new("A group of subnets for databases.")
            .attr("arn", Attribute::computed(Type::String))
            .attr("vpc_id", Attribute::computed(Type::String))
            .attr("supported_network_types", Attribute::computed(Type::set(Type::String)))
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .equal(same_text_any_case)
                    .check(Validator::Length(1, 255)),
            )
            .attr("name_prefix", Attribute::optional_computed(Type::String).force_new())
            .attr(
                "description",
                Attribute::optional(Type::String).default("Managed by infra"),
            )
            .attr(
                "subnet_ids",
                Attribute::required(Type::set(Type::String)).doc("Subnets in at least two zones."),
            );
        Schema::new(with_tags(block)).unique(&["name"]).create_before_destroy()
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
            let arn = group.db_subnet_group_arn().unwrap_or_default();
            let tags = rds::tags_of(cx, arn).await?;
            let subnets: Vec<&str> = group.subnets().iter().filter_map(|s| s.subnet_identifier()).collect();
            let mut state = cx.state(prior);
            state
                .name(group.db_subnet_group_name().unwrap_or_default())
                .set("id", group.db_subnet_group_name())
                .set("arn", arn)
                .set("vpc_id", group.vpc_id())
                .set("supported_network_types", group.supported_network_types())
                .set("description", group.db_subnet_group_description())
                .set("subnet_ids", subnets)
                .tags(cx.default_tags(), tags);
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", 255).to_lowercase();
        if let Some(found) = find(op.cx, &name).await?
            && !is_ours(op.cx, &found, op.token).await?
        {
            return Err(named::taken("a DB subnet group", &name));
        }
        let call = op.cx.rds_once().create_db_subnet_group().db_subnet_group_name(&name);
        let made = call
            .set_db_subnet_group_description(op.planned.text("description"))
            .set_subnet_ids(Some(op.planned.texts("subnet_ids")))
            .set_tags(Some(rds::tag_list(&named::creation_tags(op))))
            .send()
            .await
            .op("CreateDBSubnetGroup");
        let group = match made {
            Err(error)
                if has_code(
                    &error,
                    &["DBSubnetGroupAlreadyExists", "DBSubnetGroupAlreadyExistsFault"],
                ) =>
            {
                find(op.cx, &name).await?
            }
            other => other?.db_subnet_group,
        };
        let group = group.expect_in("CreateDBSubnetGroup", "subnet group")?;
        op.exists([
            ("id", group.db_subnet_group_name.into()),
            ("arn", group.db_subnet_group_arn.into()),
        ]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        if op.any_changed(&["description", "subnet_ids"]) {
            let call = op.cx.rds().modify_db_subnet_group().db_subnet_group_name(op.prior.id());
            call.set_db_subnet_group_description(op.planned.text("description"))
                .set_subnet_ids(Some(op.planned.texts("subnet_ids")))
                .send()
                .await
                .op("ModifyDBSubnetGroup")?;
        }
        rds::update_tags(op).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = op.prior.id();
        let busy =
            |error: &ProviderError| has_code(error, &["InvalidDBSubnetGroupStateFault", "InvalidDBSubnetGroupState"]);
        op.retry(minutes(3), busy, || async {
            let call = op.cx.rds().delete_db_subnet_group().db_subnet_group_name(&name);
            call.send().await.op("DeleteDBSubnetGroup")
        })
        .await?;
        let wait = Wait::new(format!("DB subnet group {name} to be gone"), minutes(3));
        op.wait_gone(wait, || async {
            Ok(find(op.cx, &name).await?.map(|_| "deleting".to_owned()))
        })
        .await
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
    let call = cx.rds().describe_db_subnet_groups().db_subnet_group_name(name);
    let answer = or_gone(call.send().await.op("DescribeDBSubnetGroups"))?;
    Ok(answer.and_then(|a| a.db_subnet_groups?.into_iter().next()))
}

async fn is_ours(cx: &Cx<'_>, group: &Remote, token: &str) -> Result<bool, ProviderError> {
    let arn = group.db_subnet_group_arn().unwrap_or_default();
    Ok(named::is_ours(&rds::tags_of(cx, arn).await?, token))
}
