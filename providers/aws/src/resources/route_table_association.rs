//! `aws_route_table_association`: which table a subnet (or gateway) uses.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{RouteTableAssociation as Remote, RouteTableAssociationStateCode as Code};
use infra_providers::{Attribute, Block, ErrorKind, Problem, ProviderError, ReadRequest, Schema};
use infra_types::{Path, Type, Value};

use super::routing::describe_tables;
use crate::batch::lookup;
use crate::ec2::{PROPAGATION, filter};
use crate::error::{Call, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::retry::not_yet;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct RouteTableAssociation;

#[async_trait]
impl Resource for RouteTableAssociation {
    fn schema(&self) -> Schema {
        let member = || Attribute::optional(Type::String).force_new();
        let block = Block::new("Which table a subnet (or gateway) uses.")
            .attr("route_table_id", Attribute::required(Type::String).doc("The table."))
            .attr("subnet_id", member().doc("The subnet that uses it."))
            .attr(
                "gateway_id",
                member().doc("The gateway that uses it, for packets from outside."),
            );
        Schema::new(with_timeouts(block, &["create", "update", "delete"]))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        if config.is_set("subnet_id") != config.is_set("gateway_id") {
            return Vec::new();
        }
        vec![Problem::new(
            Path::attr("subnet_id"),
            "exactly one of `subnet_id` and `gateway_id` must be set",
        )]
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        // Exchanging the table makes another association.
        if plan.changed("route_table_id") {
            plan.unknown(&["id"]);
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe(cx, ids)).await;
        found.answer(objects, |association, prior| {
            let mut state = cx.state(prior);
            state
                .set("id", association.route_table_association_id())
                .set("route_table_id", association.route_table_id())
                .set("subnet_id", association.subnet_id().filter(|s| !s.is_empty()))
                .set("gateway_id", association.gateway_id().filter(|g| !g.is_empty()));
            state.finish()
        })
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let answer = op
            .retry(PROPAGATION, not_yet, || async {
                let call = op
                    .cx
                    .ec2_once()
                    .associate_route_table()
                    .set_route_table_id(op.planned.text("route_table_id"))
                    .set_subnet_id(op.planned.text("subnet_id"))
                    .set_gateway_id(op.planned.text("gateway_id"));
                call.send().await.op("AssociateRouteTable")
            })
            .await?;
        let id = answer
            .association_id
            .expect_in("AssociateRouteTable", "association id")?;
        op.exists([("id", id.as_str().into())]);
        wait_associated(op, &id, "create").await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        if !op.changed("route_table_id") {
            return Ok(());
        }
        let call = op.cx.ec2_once().replace_route_table_association();
        let call = call.association_id(op.prior.id());
        let call = call.set_route_table_id(op.planned.text("route_table_id"));
        let answer = call.send().await.op("ReplaceRouteTableAssociation")?;
        let id = answer
            .new_association_id
            .expect_in("ReplaceRouteTableAssociation", "association id")?;
        op.exists([("id", id.as_str().into())]);
        wait_associated(op, &id, "update").await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.prior.id();
        let call = op.cx.ec2().disassociate_route_table().association_id(&id);
        or_gone(call.send().await.op("DisassociateRouteTable"))?;
        let wait = Wait::new(format!("{id} to be gone"), op.timeout("delete", minutes(5)));
        op.wait_gone(wait.every(seconds(2)), || async {
            let association = describe(op.cx, vec![id.clone()]).await?.remove(&id);
            Ok(association.map(|_| "disassociating".to_owned()))
        })
        .await
    }

    async fn identify(&self, cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        if id.starts_with("rtbassoc-") {
            return Ok(Value::object([("id", id.into())]));
        }
        let Some((member, table)) = id.split_once('/') else {
            return Err(
                ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not the id of an association"))
                    .help("give subnet (or gateway) and table: `subnet-0123/rtb-0123`"),
            );
        };
        let found = find(cx, member, table).await?;
        let found = found.ok_or_else(|| {
            ProviderError::new(
                ErrorKind::NotFound,
                format!("`{member}` does not use the table `{table}`"),
            )
        })?;
        Ok(Value::object([("id", found.into())]))
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, _token: &str) -> Result<Option<Value>, ProviderError> {
        let member = planned.text("subnet_id").or_else(|| planned.text("gateway_id"));
        let (Some(member), Some(table)) = (member, planned.text("route_table_id")) else {
            return Ok(None);
        };
        let found = find(cx, &member, &table).await?;
        Ok(found.map(|id| Value::object([("id", id.into())])))
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

/// Returns associations by id; those that are ending are gone.
async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let call = cx.ec2().describe_route_tables();
    let call = call.filters(filter("association.route-table-association-id", ids));
    let pages = call.into_paginator().items().send();
    let tables: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.op("DescribeRouteTables")?;
    let associations = tables.into_iter().flat_map(|t| t.associations.unwrap_or_default());
    let living = associations.filter(|a| {
        let state = a.association_state().and_then(|s| s.state());
        !matches!(state, Some(Code::Disassociated | Code::Disassociating))
    });
    let by_id = living.filter_map(|a| Some((a.route_table_association_id.clone()?, a)));
    Ok(by_id.collect())
}

/// Finds the association of a subnet or gateway with a table.
async fn find(cx: &Cx<'_>, member: &str, table: &str) -> Result<Option<String>, ProviderError> {
    let table = describe_tables(cx, vec![table.to_owned()]).await?.remove(table);
    let associations = table.and_then(|t| t.associations).unwrap_or_default();
    let of_member = associations
        .into_iter()
        .find(|a| a.subnet_id() == Some(member) || a.gateway_id() == Some(member));
    Ok(of_member.and_then(|a| a.route_table_association_id))
}

async fn wait_associated(op: &Op<'_>, id: &str, kind: &str) -> Result<(), ProviderError> {
    let wait = Wait::new(format!("{id} to be associated"), op.timeout(kind, minutes(5)));
    op.wait(wait.every(seconds(2)), || async {
        let Some(association) = describe(op.cx, vec![id.to_owned()]).await?.remove(id) else {
            return Ok(Look::Pending("not visible yet".to_owned()));
        };
        let state = association.association_state.unwrap_or_else(|| {
            // Some endpoints say nothing; it is there.
            aws_sdk_ec2::types::RouteTableAssociationState::builder()
                .state(Code::Associated)
                .build()
        });
        match state.state {
            Some(Code::Failed) => Err(ProviderError::new(
                ErrorKind::Other,
                format!("{id} failed: {}", state.status_message.unwrap_or_default()),
            )),
            Some(Code::Associating) => Ok(Look::Pending("associating".to_owned())),
            _ => Ok(Look::Done(())),
        }
    })
    .await
}
