//! `aws_route_table`: where a subnet's packets go.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, Route, RouteOrigin, RouteTable as Remote};
use infra_providers::{Attribute, Block, NestedBlock, Problem, ProviderError, ReadRequest, Schema};
use infra_types::{Path, PathStep, Type, Value};

use super::routing::{
    Destination, OF_BLOCK, TARGETS, arguments, create_route, delete_route, describe_tables, destination,
    destination_of, replace_route, targets_of,
};
use crate::batch::lookup;
use crate::ec2::{PROPAGATION, creation_tags, tag_map, update_tags};
use crate::error::{Call, or_gone};
use crate::names::client_token;
use crate::resource::{Answers, Cx, Expect, Op, Resource, with_timeouts};
use crate::retry::{in_use, not_yet};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct RouteTable;

#[async_trait]
impl Resource for RouteTable {
    fn schema(&self) -> Schema {
        let route = arguments(Block::new("A route of the table."), OF_BLOCK, |a| a);
        let block = Block::new("Where a subnet's packets go.")
            .attr("vpc_id", Attribute::required(Type::String).force_new().doc("The VPC."))
            .attr(
                "propagating_vgws",
                Attribute::optional_computed(Type::set(Type::String)).doc("The gateways that may add routes."),
            )
            .attr("arn", Attribute::computed(Type::String))
            .attr("owner_id", Attribute::computed(Type::String))
            .block("route", NestedBlock::set(route).computed());
        Schema::new(with_timeouts(with_tags(block), &["create", "update", "delete"]))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let routes = config.blocks("route").iter().enumerate();
        let problems = routes.filter_map(|(i, route)| {
            let targets = TARGETS.iter().filter(|name| route.is_set(name)).count();
            let destinations = OF_BLOCK.0.iter().filter(|name| route.is_set(name)).count();
            let message = match (destinations, targets) {
                (1, 1) => return None,
                (1, _) => "a route needs exactly one target",
                _ => "a route needs exactly one destination",
            };
            Some(Problem::new(Path::attr("route").join(PathStep::Index(i)), message))
        });
        problems.collect()
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe_tables(cx, ids)).await;
        found.answer(objects, |table, prior| state(cx, table, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let answer = op
            .cx
            .ec2_once()
            .create_route_table()
            .client_token(client_token(op.token))
            .set_vpc_id(op.planned.text("vpc_id"))
            .tag_specifications(creation_tags(op, ResourceType::RouteTable))
            .send()
            .await
            .op("CreateRouteTable")?;
        let id = answer.route_table.and_then(|t| t.route_table_id);
        let id = id.expect_in("CreateRouteTable", "route table id")?;
        op.exists([("id", id.as_str().into())]);
        let wait = Wait::new(format!("{id} to be visible"), op.timeout("create", minutes(5)));
        op.wait(wait.every(seconds(2)).times(2), || async {
            Ok(match describe_tables(op.cx, vec![id.clone()]).await?.remove(&id) {
                Some(_) => Look::Done(()),
                None => Look::Pending("not visible yet".to_owned()),
            })
        })
        .await?;
        change_propagation(op, &id).await?;
        change_routes(op, &id).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        change_propagation(op, &id).await?;
        change_routes(op, &id).await?;
        update_tags(op, &id).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let Some(table) = describe_tables(op.cx, vec![id.clone()]).await?.remove(&id) else {
            return Ok(());
        };
        for association in table.associations().iter().filter(|a| a.main() != Some(true)) {
            let call = op.cx.ec2().disassociate_route_table();
            let call = call.set_association_id(association.route_table_association_id.clone());
            or_gone(call.send().await.op("DisassociateRouteTable"))?;
        }
        let timeout = op.timeout("delete", minutes(5));
        op.retry(timeout, in_use, || async {
            op.cx
                .ec2()
                .delete_route_table()
                .route_table_id(&id)
                .send()
                .await
                .op("DeleteRouteTable")
        })
        .await?;
        let wait = Wait::new(format!("{id} to be gone"), timeout).every(seconds(5));
        op.wait_gone(wait, || async {
            let table = describe_tables(op.cx, vec![id.clone()]).await?.remove(&id);
            Ok(table.map(|_| "there".to_owned()))
        })
        .await
    }

    fn has_creation_tag(&self) -> bool {
        true
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

/// Says whether a route is one that somebody wrote: not the VPC's own, not propagated, not a
/// gateway endpoint's.
fn is_written(route: &Route) -> bool {
    let by_itself = matches!(
        route.origin(),
        Some(RouteOrigin::CreateRouteTable | RouteOrigin::EnableVgwRoutePropagation)
    );
    let endpoint =
        route.destination_prefix_list_id().is_some() && route.gateway_id().is_some_and(|g| g.starts_with("vpce-"));
    !by_itself && !endpoint && route.gateway_id() != Some("local")
}

fn state(cx: &Cx<'_>, table: &Remote, prior: &Value) -> Value {
    let id = table.route_table_id().unwrap_or_default();
    let owner = table.owner_id().unwrap_or_default();
    let gateways = table.propagating_vgws().iter().filter_map(|g| g.gateway_id.clone());
    // A table whose routes are not written inline leaves them to `aws_route`.
    let inline = !prior.blocks("route").is_empty() || prior.get("route").is_none();
    let routes = table.routes().iter().filter(|r| inline && is_written(r));
    let mut state = cx.state(prior);
    state
        .set("id", id)
        .set("arn", cx.arn("ec2", owner, &format!("route-table/{id}")))
        .set("owner_id", owner)
        .set("vpc_id", table.vpc_id())
        .set("propagating_vgws", gateways.collect::<Vec<String>>())
        .set_blocks("route", routes.map(route_block).collect())
        .tags(cx.default_tags(), tag_map(table.tags()));
    state.finish()
}

fn route_block(route: &Route) -> Value {
    let destination = destination_of(route).map(|(kind, text)| (OF_BLOCK.0[kind], Value::string(text)));
    let targets = targets_of(route);
    let targets = targets
        .into_iter()
        .filter_map(|(name, target)| Some((name, Value::string(target?))));
    Value::object(destination.into_iter().chain(targets))
}

/// Returns the inline routes of an object by destination.
fn by_destination(object: &Value) -> BTreeMap<Destination, &Value> {
    let routes = object.blocks("route").iter();
    routes.filter_map(|r| Some((destination(r, OF_BLOCK)?, r))).collect()
}

async fn change_routes(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    if !op.changed("route") {
        return Ok(());
    }
    let (old, new) = (by_destination(&op.prior), by_destination(op.planned));
    for to in old.keys().filter(|to| !new.contains_key(*to)) {
        delete_route(op, id, to).await?;
    }
    for (to, route) in &new {
        match old.get(to) {
            None => create_route(op, id, to, route).await?,
            Some(was) if !was.same_value(route) => replace_route(op, id, to, route).await?,
            Some(_) => {}
        }
    }
    Ok(())
}

async fn change_propagation(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    if !op.changed("propagating_vgws") {
        return Ok(());
    }
    let (old, new) = (op.prior.texts("propagating_vgws"), op.planned.texts("propagating_vgws"));
    for gateway in old.iter().filter(|g| !new.contains(g)) {
        let call = op.cx.ec2().disable_vgw_route_propagation();
        let call = call.route_table_id(id).gateway_id(gateway);
        or_gone(call.send().await.op("DisableVgwRoutePropagation"))?;
    }
    for gateway in new.iter().filter(|g| !old.contains(g)) {
        op.retry(PROPAGATION, not_yet, || async {
            let call = op.cx.ec2().enable_vgw_route_propagation();
            let call = call.route_table_id(id).gateway_id(gateway);
            call.send().await.op("EnableVgwRoutePropagation")
        })
        .await?;
    }
    Ok(())
}
