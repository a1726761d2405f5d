//! What `aws_route` and `aws_route_table` share: destinations, targets, calls.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Route, RouteTable};
use infra_providers::{Attribute, Block, ProviderError};
use infra_types::{Type, Value};

use crate::ec2::{PROPAGATION, filter};
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Cx, Op};
use crate::value::{Fields, same_cidr};

/// The targets a route may have, by argument.
pub(super) const TARGETS: [&str; 10] = [
    "carrier_gateway_id",
    "core_network_arn",
    "egress_only_gateway_id",
    "gateway_id",
    "local_gateway_id",
    "nat_gateway_id",
    "network_interface_id",
    "transit_gateway_id",
    "vpc_endpoint_id",
    "vpc_peering_connection_id",
];

/// Names of the arguments of a destination: IPv4, IPv6, prefix list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names(pub(super) [&'static str; 3]);

/// The arguments of `aws_route`.
pub(super) const OF_ROUTE: Names = Names([
    "destination_cidr_block",
    "destination_ipv6_cidr_block",
    "destination_prefix_list_id",
]);

/// The arguments of a `route` block.
pub(super) const OF_BLOCK: Names = Names(["cidr_block", "ipv6_cidr_block", "destination_prefix_list_id"]);

/// Where a route leads: kind (as in [`Names`]) and canonical text.
pub(super) type Destination = (usize, String);

/// Adds destinations and targets to a block.
pub(super) fn arguments(block: Block, names: Names, change: fn(Attribute) -> Attribute) -> Block {
    let docs = [
        "The IPv4 destination.",
        "The IPv6 destination.",
        "The prefix list of the destination.",
    ];
    let block = names.0.iter().enumerate().fold(block, |block, (i, name)| {
        let attribute = Attribute::optional(Type::String).doc(docs[i]);
        let attribute = if i < 2 { attribute.equal(same_cidr) } else { attribute };
        block.attr(name, change(attribute))
    });
    TARGETS.iter().fold(block, |block, name| {
        block.attr(
            name,
            Attribute::optional(Type::String).doc("Where to send the packets."),
        )
    })
}

/// Returns the destination that a block or resource names.
pub(super) fn destination(value: &Value, names: Names) -> Option<Destination> {
    let text = |i: usize| value.text(names.0[i]).filter(|t| !t.is_empty());
    (0..3).find_map(|i| Some((i, canonical(&text(i)?))))
}

/// Returns the destination of a route as the service has it.
pub(super) fn destination_of(route: &Route) -> Option<Destination> {
    let texts = [
        route.destination_cidr_block(),
        route.destination_ipv6_cidr_block(),
        route.destination_prefix_list_id(),
    ];
    let mut found = texts
        .iter()
        .enumerate()
        .filter_map(|(i, t)| Some((i, canonical((*t)?))));
    found.find(|(_, text)| !text.is_empty())
}

fn canonical(cidr: &str) -> String {
    cidr.parse::<ipnet::IpNet>()
        .map_or_else(|_| cidr.to_owned(), |net| net.trunc().to_string())
}

/// Returns the targets of a route by argument.
pub(super) fn targets_of(route: &Route) -> [(&'static str, Option<&str>); 10] {
    let gateway = route.gateway_id().filter(|g| !g.is_empty());
    let is_endpoint = |g: &&str| g.starts_with("vpce-");
    let some = |text: Option<&'_ str>| text.filter(|t| !t.is_empty()).map(str::len).is_some();
    // The service derives the interface of an instance, a NAT gateway, and so on.
    let derived = some(route.nat_gateway_id()) || some(route.transit_gateway_id());
    let values = [
        route.carrier_gateway_id(),
        route.core_network_arn(),
        route.egress_only_internet_gateway_id(),
        gateway.filter(|g| !is_endpoint(g)),
        route.local_gateway_id(),
        route.nat_gateway_id(),
        route.network_interface_id().filter(|_| !derived),
        route.transit_gateway_id(),
        gateway.filter(is_endpoint),
        route.vpc_peering_connection_id(),
    ];
    std::array::from_fn(|i| (TARGETS[i], values[i].filter(|v| !v.is_empty())))
}

/// Says whether a route leads where a block or resource says.
pub(super) fn same_target(route: &Route, value: &Value) -> bool {
    targets_of(route).iter().all(|(name, target)| {
        let want = value.get_str(name).filter(|w| !w.is_empty());
        // What is unknown or left out is filled in by the service.
        want.is_none() || want == *target
    })
}

/// Returns route tables by id.
pub(super) async fn describe_tables(
    cx: &Cx<'_>,
    ids: Vec<String>,
) -> Result<BTreeMap<String, RouteTable>, ProviderError> {
    let call = cx.ec2().describe_route_tables().filters(filter("route-table-id", ids));
    let pages = call.into_paginator().items().send();
    let tables: Vec<RouteTable> = pages.collect::<Result<_, _>>().await.op("DescribeRouteTables")?;
    let by_id = tables.into_iter().filter_map(|t| Some((t.route_table_id.clone()?, t)));
    Ok(by_id.collect())
}

/// Finds a route of a table.
pub(super) fn find_route<'t>(table: &'t RouteTable, wanted: &Destination) -> Option<&'t Route> {
    table
        .routes()
        .iter()
        .find(|r| destination_of(r).as_ref() == Some(wanted))
}

/// Fills in destination and target of a create or replace request.
macro_rules! route_call {
    ($call:expr, $table:expr, $destination:expr, $value:expr) => {{
        let (kind, text) = $destination;
        let at = |i: usize| (*kind == i).then(|| text.clone());
        let target = |name: &str| $value.text(name).filter(|t| !t.is_empty());
        $call
            .route_table_id($table)
            .set_destination_cidr_block(at(0))
            .set_destination_ipv6_cidr_block(at(1))
            .set_destination_prefix_list_id(at(2))
            .set_carrier_gateway_id(target("carrier_gateway_id"))
            .set_core_network_arn(target("core_network_arn"))
            .set_egress_only_internet_gateway_id(target("egress_only_gateway_id"))
            .set_gateway_id(target("gateway_id"))
            .set_local_gateway_id(target("local_gateway_id"))
            .set_nat_gateway_id(target("nat_gateway_id"))
            .set_network_interface_id(target("network_interface_id"))
            .set_transit_gateway_id(target("transit_gateway_id"))
            .set_vpc_endpoint_id(target("vpc_endpoint_id"))
            .set_vpc_peering_connection_id(target("vpc_peering_connection_id"))
    }};
}

/// Says whether what a route needs is not visible yet.
fn not_ready(error: &ProviderError) -> bool {
    has_code(
        error,
        &[
            "InvalidParameterException",
            "InvalidTransitGatewayID.NotFound",
            "InvalidRouteTableID.NotFound",
        ],
    )
}

/// Creates a route. A repeated request finds its own work.
pub(super) async fn create_route(
    op: &Op<'_>,
    table: &str,
    to: &Destination,
    value: &Value,
) -> Result<(), ProviderError> {
    let created = op
        .retry(PROPAGATION, not_ready, || async {
            let call = route_call!(op.cx.ec2_once().create_route(), table, to, value);
            call.send().await.op("CreateRoute").map(|_| ())
        })
        .await;
    created.map_err(|error| {
        if has_code(&error, &["RouteAlreadyExists"]) {
            return error
                .help("import the route, or remove it first; inline `route` blocks and `aws_route` do not mix");
        }
        error
    })
}

/// Leads a route somewhere else.
pub(super) async fn replace_route(
    op: &Op<'_>,
    table: &str,
    to: &Destination,
    value: &Value,
) -> Result<(), ProviderError> {
    op.retry(PROPAGATION, not_ready, || async {
        let call = route_call!(op.cx.ec2().replace_route(), table, to, value);
        call.send().await.op("ReplaceRoute").map(|_| ())
    })
    .await
}

/// Deletes a route; already gone is success.
pub(super) async fn delete_route(op: &Op<'_>, table: &str, to: &Destination) -> Result<(), ProviderError> {
    let at = |i: usize| (to.0 == i).then(|| to.1.clone());
    let call = op
        .cx
        .ec2()
        .delete_route()
        .route_table_id(table)
        .set_destination_cidr_block(at(0))
        .set_destination_ipv6_cidr_block(at(1))
        .set_destination_prefix_list_id(at(2));
    or_gone(call.send().await.op("DeleteRoute")).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_compared_without_host_bits() {
        let value = Value::object([("cidr_block", "10.1.2.3/8".into())]);
        let route = Route::builder().destination_cidr_block("10.0.0.0/8").build();
        assert_eq!(destination(&value, OF_BLOCK), destination_of(&route));
    }

    #[test]
    fn endpoints_are_returned_as_gateways() {
        let route = Route::builder().gateway_id("vpce-1").build();
        let targets = BTreeMap::from(targets_of(&route));
        assert_eq!(targets["vpc_endpoint_id"], Some("vpce-1"));
        assert_eq!(targets["gateway_id"], None);
    }
}
