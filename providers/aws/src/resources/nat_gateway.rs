//! `aws_nat_gateway`: lets private subnets reach out.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ConnectivityType, NatGateway as Remote, NatGatewayState, ResourceType};
use infra_providers::{Attribute, Block, ErrorKind, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Path, Type, Value};

use crate::batch::lookup;
use crate::ec2::{PROPAGATION, creation_tags, filter, tag_map, update_tags};
use crate::error::Call;
use crate::names::client_token;
use crate::resource::{Answers, Cx, Expect, Op, Resource, with_timeouts};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes};

/// The resource type.
pub(crate) struct NatGateway;

#[async_trait]
impl Resource for NatGateway {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let block = Block::new("Lets private subnets reach out.")
            .attr(
                "subnet_id",
                Attribute::required(Type::String)
                    .force_new()
                    .doc("The subnet it stands in."),
            )
            .attr(
                "allocation_id",
                Attribute::optional(Type::String)
                    .force_new()
                    .doc("The public address, for a public gateway."),
            )
            .attr(
                "connectivity_type",
                Attribute::optional(Type::String)
                    .default("public")
                    .force_new()
                    .check(Validator::OneOf(&["public", "private"]))
                    .doc("Whether it leads to the internet or to other networks."),
            )
            .attr(
                "private_ip",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .doc("Its private address."),
            )
            .attr("association_id", computed())
            .attr("network_interface_id", computed())
            .attr("public_ip", computed());
        Schema::new(with_timeouts(with_tags(block), &["create", "delete"]))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let kind = match config.get("connectivity_type") {
            Some(kind) if kind.is_null() => Some("public"),
            Some(kind) => kind.as_str(),
            None => Some("public"),
        };
        let message = match (kind, config.is_set("allocation_id")) {
            (Some("public"), false) => "a public NAT gateway needs an `allocation_id`",
            (Some("private"), true) => "a private NAT gateway has no `allocation_id`",
            _ => return Vec::new(),
        };
        vec![Problem::new(Path::attr("allocation_id"), message)]
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| living(cx, ids)).await;
        found.answer(objects, |nat, prior| state(cx, nat, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let answer = op
            .cx
            .ec2_once()
            .create_nat_gateway()
            .client_token(client_token(op.token))
            .set_subnet_id(planned.text("subnet_id"))
            .set_allocation_id(planned.text("allocation_id"))
            .set_connectivity_type(planned.get_str("connectivity_type").map(ConnectivityType::from))
            .set_private_ip_address(planned.text("private_ip"))
            .tag_specifications(creation_tags(op, ResourceType::Natgateway))
            .send()
            .await
            .op("CreateNatGateway")?;
        let id = answer.nat_gateway.and_then(|n| n.nat_gateway_id);
        let id = id.expect_in("CreateNatGateway", "NAT gateway id")?;
        op.exists([("id", id.as_str().into())]);
        wait_available(op, &id).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        update_tags(op, &op.id()).await
    }

    async fn resume(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        wait_available(op, &op.id()).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let call = op.cx.ec2().delete_nat_gateway().nat_gateway_id(&id);
        call.send().await.op("DeleteNatGateway")?;
        let wait = Wait::new(format!("{id} to be deleted"), op.timeout("delete", minutes(30)));
        op.wait_gone(wait, || async {
            let nat = living(op.cx, vec![id.clone()]).await?.remove(&id);
            Ok(nat.map(|n| state_name(&n)))
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

/// Returns NAT gateways; deleted ones stay visible for an hour, but are gone.
async fn living(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let call = cx.ec2().describe_nat_gateways().filter(filter("nat-gateway-id", ids));
    let pages = call.into_paginator().items().send();
    let gateways: Vec<Remote> = pages.collect::<Result<_, _>>().await.op("DescribeNatGateways")?;
    let living = gateways
        .into_iter()
        .filter(|n| n.state != Some(NatGatewayState::Deleted));
    Ok(living.filter_map(|n| Some((n.nat_gateway_id.clone()?, n))).collect())
}

fn state_name(nat: &Remote) -> String {
    nat.state().map_or("unknown", |s| s.as_str()).to_owned()
}

fn state(cx: &Cx<'_>, nat: &Remote, prior: &Value) -> Value {
    let addresses = nat.nat_gateway_addresses();
    let main = addresses
        .iter()
        .find(|a| a.is_primary() == Some(true))
        .or_else(|| addresses.first());
    let mut state = cx.state(prior);
    state
        .set("id", nat.nat_gateway_id())
        .set("subnet_id", nat.subnet_id())
        .set(
            "connectivity_type",
            nat.connectivity_type().map_or("public", |t| t.as_str()),
        )
        .set("allocation_id", main.and_then(|a| a.allocation_id()))
        .set("association_id", main.and_then(|a| a.association_id()))
        .set("network_interface_id", main.and_then(|a| a.network_interface_id()))
        .set("private_ip", main.and_then(|a| a.private_ip()))
        .set("public_ip", main.and_then(|a| a.public_ip()))
        .tags(cx.default_tags(), tag_map(nat.tags()));
    state.finish()
}

async fn wait_available(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    let wait = Wait::new(format!("{id} to be available"), op.timeout("create", minutes(10)));
    op.wait(wait, || async {
        let Some(nat) = living(op.cx, vec![id.to_owned()]).await?.remove(id) else {
            return Ok(Look::Pending("not visible yet".to_owned()));
        };
        match nat.state() {
            Some(NatGatewayState::Available) => Ok(Look::Done(())),
            Some(NatGatewayState::Failed) => {
                let code = nat.failure_code().unwrap_or("no reason given");
                let mut error = ProviderError::new(
                    ErrorKind::Other,
                    format!("{id} failed: {}", nat.failure_message().unwrap_or(code)),
                );
                error.code = Some(code.to_owned());
                if code == "Gateway.NotAttached" {
                    error.help = Some("the VPC needs an internet gateway first: add it to `depends_on`".to_owned());
                }
                Err(error)
            }
            _ => Ok(Look::Pending(state_name(&nat))),
        }
    })
    .await
}
