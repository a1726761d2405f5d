//! `aws_route`: one route of a table.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Route as Remote, RouteTable};
use infra_providers::{Attribute, Block, ErrorKind, Problem, ProviderError, ReadRequest, Schema};
use infra_types::{Path, Type, Value};

use super::routing::{
    OF_ROUTE, TARGETS, arguments, create_route, delete_route, describe_tables, destination, find_route, replace_route,
    same_target, targets_of,
};
use crate::batch::lookup_keys;
use crate::ec2::PROPAGATION;
use crate::names::checksum;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct Route;

#[async_trait]
impl Resource for Route {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let block = Block::new("One route of a table.").attr(
            "route_table_id",
            Attribute::required(Type::String).force_new().doc("The table."),
        );
        let block = arguments(block, OF_ROUTE, Attribute::force_new)
            .attr(
                "network_interface_id",
                Attribute::optional_computed(Type::String).doc("Where to send the packets."),
            )
            .attr("instance_id", computed())
            .attr("instance_owner_id", computed())
            .attr("origin", computed())
            .attr("state", computed());
        Schema::new(with_timeouts(block, &["create", "update", "delete"]))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let count = |names: &[&str]| names.iter().filter(|name| config.is_set(name)).count();
        let mut problems = Vec::new();
        if count(&OF_ROUTE.0) != 1 {
            problems.push(
                Problem::new(
                    Path::attr("destination_cidr_block"),
                    "a route needs exactly one destination",
                )
                .help(format!("set one of `{}`", OF_ROUTE.0.join("`, `"))),
            );
        }
        if count(&TARGETS) != 1 {
            problems.push(
                Problem::new(Path::attr("gateway_id"), "a route needs exactly one target")
                    .help(format!("set one of `{}`", TARGETS.join("`, `"))),
            );
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        let targets = TARGETS.iter().filter(|name| **name != "network_interface_id");
        if targets.into_iter().any(|name| plan.changed(name)) {
            plan.unknown(&["state", "instance_id", "instance_owner_id"]);
            if !plan.config.is_set("network_interface_id") {
                plan.unknown(&["network_interface_id"]);
            }
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let tables = objects.iter().filter_map(|o| o.prior.text("route_table_id"));
        let found = lookup_keys(tables, 200, |ids| describe_tables(cx, ids)).await;
        let table = |prior: &Value| prior.text("route_table_id").unwrap_or_default();
        found.answer_by(objects, table, |table, prior| state(cx, table, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let (table, to) = whereabouts(op.planned)?;
        create_route(op, &table, &to, op.planned).await?;
        op.exists([("id", route_id(&table, &to.1).into())]);
        let wait = Wait::new(
            format!("the route to {} to show", to.1),
            op.timeout("create", minutes(5)),
        );
        op.wait(wait.every(seconds(2)).times(2), || async {
            let table = describe_tables(op.cx, vec![table.clone()]).await?.remove(&table);
            Ok(match table.as_ref().and_then(|t| find_route(t, &to)) {
                Some(_) => Look::Done(()),
                None => Look::Pending("not visible yet".to_owned()),
            })
        })
        .await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let (table, to) = whereabouts(op.planned)?;
        if !op.any_changed(&TARGETS) {
            return Ok(());
        }
        replace_route(op, &table, &to, op.planned).await?;
        let wait = Wait::new(
            format!("the route to {} to change", to.1),
            op.timeout("update", minutes(2)),
        );
        op.wait(wait.every(seconds(2)).times(2), || async {
            let table = describe_tables(op.cx, vec![table.clone()]).await?.remove(&table);
            Ok(match table.as_ref().and_then(|t| find_route(t, &to)) {
                Some(route) if same_target(route, op.planned) => Look::Done(()),
                _ => Look::Pending("not changed yet".to_owned()),
            })
        })
        .await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let (table, to) = whereabouts(&op.prior)?;
        delete_route(op, &table, &to).await?;
        let wait = Wait::new(
            format!("the route to {} to be gone", to.1),
            op.timeout("delete", minutes(5)),
        );
        op.wait_gone(wait.every(seconds(2)).times(2), || async {
            let table = describe_tables(op.cx, vec![table.clone()]).await?.remove(&table);
            let there = table.is_some_and(|t| find_route(&t, &to).is_some());
            Ok(there.then(|| "there".to_owned()))
        })
        .await
    }

    async fn identify(&self, _cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        let wrong = || {
            ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not the id of a route"))
                .help("give table and destination: `rtb-0123_10.0.0.0/16`")
        };
        let (table, to) = id.split_once('_').ok_or_else(wrong)?;
        let kind = match to {
            list if list.starts_with("pl-") => 2,
            v6 if v6.contains(':') => 1,
            _ => 0,
        };
        Ok(Value::object([
            ("id", route_id(table, to).into()),
            ("route_table_id", table.into()),
            (OF_ROUTE.0[kind], to.into()),
        ]))
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, _token: &str) -> Result<Option<Value>, ProviderError> {
        let (table_id, to) = whereabouts(planned)?;
        let table = describe_tables(cx, vec![table_id.clone()]).await?.remove(&table_id);
        let route = table.as_ref().and_then(|t| find_route(t, &to));
        // Another target: somebody else's route.
        Ok(route.filter(|r| same_target(r, planned)).map(|_| {
            Value::object([
                ("id", route_id(&table_id, &to.1).into()),
                ("route_table_id", table_id.as_str().into()),
            ])
        }))
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

/// Returns the table and the destination of a route.
fn whereabouts(value: &Value) -> Result<(String, (usize, String)), ProviderError> {
    let table = value
        .text("route_table_id")
        .expect_in("the configuration", "`route_table_id`")?;
    let to = destination(value, OF_ROUTE).expect_in("the configuration", "destination")?;
    Ok((table, to))
}

fn state(cx: &Cx<'_>, table: &RouteTable, prior: &Value) -> Option<Value> {
    let to = destination(prior, OF_ROUTE)?;
    let route: &Remote = find_route(table, &to)?;
    let table_id = table.route_table_id().unwrap_or_default();
    let mut state = cx.state(prior);
    state
        .set("id", route_id(table_id, &to.1))
        .set("route_table_id", table_id)
        .set(OF_ROUTE.0[to.0], to.1)
        .set("instance_id", route.instance_id().filter(|i| !i.is_empty()))
        .set("instance_owner_id", route.instance_owner_id().filter(|i| !i.is_empty()))
        .set("origin", route.origin().map(|o| o.as_str()))
        .set("state", route.state().map(|s| s.as_str()));
    for (name, target) in targets_of(route) {
        state.set(name, target);
    }
    Some(state.finish())
}

/// Returns the id Terraform gives a route: the table and a checksum of the destination.
fn route_id(table: &str, destination: &str) -> String {
    format!("r-{table}{}", checksum(destination))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_terraform() {
        // As `terraform state show` has it for a default route.
        assert_eq!(route_id("rtb-1", "0.0.0.0/0"), "r-rtb-11080289494");
    }
}
