//! `aws_subnet`: a part of a VPC, in one zone.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, HostnameType, ResourceType, Subnet as Remote, SubnetCidrBlockStateCode,
    SubnetIpv6CidrBlockAssociation, SubnetState,
};
use infra_providers::{Attribute, Block, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Path, Type, Value};

use crate::batch::lookup;
use crate::ec2::{PROPAGATION, creation_tags, filter, tag_map, update_tags};
use crate::error::Call;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::retry::{in_use, not_yet};
use crate::tags::with_tags;
use crate::value::{Fields, check_network, same_cidr};
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct Subnet;

#[async_trait]
impl Resource for Subnet {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let flag = || Attribute::optional(Type::Bool).default(false);
        let block = Block::new("A part of a VPC, in one zone.")
            .attr("vpc_id", Attribute::required(Type::String).force_new().doc("The VPC."))
            .attr(
                "cidr_block",
                Attribute::optional(Type::String)
                    .force_new()
                    .equal(same_cidr)
                    .check(Validator::Custom(check_network))
                    .doc("The IPv4 addresses."),
            )
            .attr(
                "availability_zone",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .doc("The zone, by name."),
            )
            .attr(
                "availability_zone_id",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .doc("The zone, by id."),
            )
            .attr(
                "ipv6_cidr_block",
                Attribute::optional(Type::String)
                    .equal(same_cidr)
                    .doc("The IPv6 addresses, a /64 of the VPC's."),
            )
            .attr(
                "ipv6_native",
                flag().force_new().doc("Whether there are no IPv4 addresses."),
            )
            .attr(
                "outpost_arn",
                Attribute::optional(Type::String).force_new().doc("The Outpost."),
            )
            .attr(
                "private_dns_hostname_type_on_launch",
                Attribute::optional_computed(Type::String)
                    .check(Validator::OneOf(&["ip-name", "resource-name"]))
                    .doc("What the names of new instances are made of."),
            )
            .attr("arn", computed())
            .attr("owner_id", computed())
            .attr("ipv6_cidr_block_association_id", computed());
        let block = FLAGS.iter().fold(block, |b, (name, doc)| b.attr(name, flag().doc(doc)));
        Schema::new(with_timeouts(with_tags(block), &["create", "delete"]))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        if config.is_set("availability_zone") && config.is_set("availability_zone_id") {
            problems.push(Problem::new(
                Path::attr("availability_zone_id"),
                "`availability_zone` and `availability_zone_id` exclude each other",
            ));
        }
        if !config.is_set("cidr_block") && config.flag("ipv6_native") != Some(true) {
            problems.push(
                Problem::new(Path::attr("cidr_block"), "`cidr_block` is missing")
                    .help("only a subnet with `ipv6_native = true` does without"),
            );
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        if plan.changed("ipv6_cidr_block") {
            plan.unknown(&["ipv6_cidr_block_association_id"]);
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe(cx, ids)).await;
        found.answer(objects, |subnet, prior| state(cx, subnet, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let answer = op
            .cx
            .ec2_once()
            .create_subnet()
            .set_vpc_id(planned.text("vpc_id"))
            .set_cidr_block(planned.text("cidr_block"))
            .set_ipv6_cidr_block(planned.text("ipv6_cidr_block"))
            .set_ipv6_native(planned.flag("ipv6_native").filter(|on| *on))
            .set_availability_zone(planned.text("availability_zone"))
            .set_availability_zone_id(planned.text("availability_zone_id"))
            .set_outpost_arn(planned.text("outpost_arn"))
            .tag_specifications(creation_tags(op, ResourceType::Subnet))
            .send()
            .await
            .op("CreateSubnet")?;
        let subnet = answer.subnet.expect_in("CreateSubnet", "subnet")?;
        let id = subnet.subnet_id.clone().expect_in("CreateSubnet", "subnet id")?;
        op.exists([("id", id.as_str().into())]);
        let wait = Wait::new(format!("{id} to be available"), op.timeout("create", minutes(10))).every(seconds(5));
        op.wait(wait, || async {
            let subnet = describe(op.cx, vec![id.clone()]).await?.remove(&id);
            Ok(match subnet.and_then(|s| s.state) {
                Some(SubnetState::Available) => Look::Done(()),
                Some(state) => Look::Pending(state.as_str().to_owned()),
                None => Look::Pending("not visible yet".to_owned()),
            })
        })
        .await?;
        let had = state(op.cx, &subnet, &Value::null());
        set_attributes(op, &id, &had).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        if op.changed("ipv6_cidr_block") {
            change_ipv6(op, &id).await?;
        }
        set_attributes(op, &id, &op.prior).await?;
        update_tags(op, &id).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let timeout = op.timeout("delete", minutes(20));
        op.retry(timeout, in_use, || async {
            op.cx
                .ec2()
                .delete_subnet()
                .subnet_id(&id)
                .send()
                .await
                .op("DeleteSubnet")
        })
        .await?;
        let wait = Wait::new(format!("{id} to be gone"), timeout).every(seconds(5));
        op.wait_gone(wait, || async {
            Ok(describe(op.cx, vec![id.clone()])
                .await?
                .remove(&id)
                .map(|_| "there".to_owned()))
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

/// The switches that are set one by one after the create.
const FLAGS: [(&str, &str); 5] = [
    ("map_public_ip_on_launch", "Whether instances get a public address."),
    (
        "assign_ipv6_address_on_creation",
        "Whether interfaces get an IPv6 address.",
    ),
    ("enable_dns64", "Whether IPv4-only names get IPv6 answers."),
    (
        "enable_resource_name_dns_a_record_on_launch",
        "Whether instances' resource names have A records.",
    ),
    (
        "enable_resource_name_dns_aaaa_record_on_launch",
        "Whether instances' resource names have AAAA records.",
    ),
];

async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let call = cx.ec2().describe_subnets().filters(filter("subnet-id", ids));
    let pages = call.into_paginator().items().send();
    let subnets: Vec<Remote> = pages.collect::<Result<_, _>>().await.op("DescribeSubnets")?;
    let by_id = subnets.into_iter().filter_map(|s| Some((s.subnet_id.clone()?, s)));
    Ok(by_id.collect())
}

/// Returns the IPv6 addresses that the subnet has or is getting.
fn ipv6(subnet: &Remote) -> Option<&SubnetIpv6CidrBlockAssociation> {
    use SubnetCidrBlockStateCode::{Associated, Associating};
    subnet.ipv6_cidr_block_association_set().iter().find(|a| {
        let state = a.ipv6_cidr_block_state().and_then(|s| s.state());
        matches!(state, Some(Associated | Associating))
    })
}

fn state(cx: &Cx<'_>, subnet: &Remote, prior: &Value) -> Value {
    let ipv6 = ipv6(subnet);
    let names = subnet.private_dns_name_options_on_launch();
    let flags = [
        subnet.map_public_ip_on_launch(),
        subnet.assign_ipv6_address_on_creation(),
        subnet.enable_dns64(),
        names.and_then(|n| n.enable_resource_name_dns_a_record()),
        names.and_then(|n| n.enable_resource_name_dns_aaaa_record()),
    ];
    let mut state = cx.state(prior);
    state
        .set("id", subnet.subnet_id())
        .set("arn", subnet.subnet_arn())
        .set("owner_id", subnet.owner_id())
        .set("vpc_id", subnet.vpc_id())
        .set("cidr_block", subnet.cidr_block().filter(|c| !c.is_empty()))
        .set("availability_zone", subnet.availability_zone())
        .set("availability_zone_id", subnet.availability_zone_id())
        .set("ipv6_native", subnet.ipv6_native().unwrap_or(false))
        .set("outpost_arn", subnet.outpost_arn())
        .set("ipv6_cidr_block", ipv6.and_then(|a| a.ipv6_cidr_block()))
        .set("ipv6_cidr_block_association_id", ipv6.and_then(|a| a.association_id()))
        .set(
            "private_dns_hostname_type_on_launch",
            names.and_then(|n| n.hostname_type()).map_or("ip-name", |t| t.as_str()),
        )
        .tags(cx.default_tags(), tag_map(subnet.tags()));
    for ((name, _), value) in FLAGS.iter().zip(flags) {
        state.set(name, value.unwrap_or(false));
    }
    state.finish()
}

/// Sets the attributes that differ from what they are, one call each.
async fn set_attributes(op: &Op<'_>, id: &str, had: &Value) -> Result<(), ProviderError> {
    let differing = FLAGS.iter().enumerate().filter_map(|(i, (name, _))| {
        let want = op.planned.flag(name)?;
        (want != had.flag(name).unwrap_or(false)).then_some((i, want))
    });
    for (i, want) in differing {
        let want = AttributeBooleanValue::builder().value(want).build();
        modify(op, || {
            let call = op.cx.ec2().modify_subnet_attribute().subnet_id(id);
            match i {
                0 => call.map_public_ip_on_launch(want.clone()),
                1 => call.assign_ipv6_address_on_creation(want.clone()),
                2 => call.enable_dns64(want.clone()),
                3 => call.enable_resource_name_dns_a_record_on_launch(want.clone()),
                _ => call.enable_resource_name_dns_aaaa_record_on_launch(want.clone()),
            }
        })
        .await?;
    }
    let name = "private_dns_hostname_type_on_launch";
    if let Some(want) = op.planned.get_str(name).filter(|w| had.get_str(name) != Some(w)) {
        modify(op, || {
            let call = op.cx.ec2().modify_subnet_attribute().subnet_id(id);
            call.private_dns_hostname_type_on_launch(HostnameType::from(want))
        })
        .await?;
    }
    Ok(())
}

async fn modify<F>(op: &Op<'_>, call: F) -> Result<(), ProviderError>
where
    F: Fn() -> aws_sdk_ec2::operation::modify_subnet_attribute::builders::ModifySubnetAttributeFluentBuilder
        + Send
        + Sync,
{
    op.retry(PROPAGATION, not_yet, || {
        let call = call();
        async { call.send().await.op("ModifySubnetAttribute").map(|_| ()) }
    })
    .await
}

/// Exchanges the IPv6 addresses.
async fn change_ipv6(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    if let Some(association) = op.prior.text("ipv6_cidr_block_association_id") {
        let call = op.cx.ec2().disassociate_subnet_cidr_block();
        let call = call.association_id(association);
        call.send().await.op("DisassociateSubnetCidrBlock")?;
        wait_ipv6(op, id, None).await?;
    }
    if let Some(cidr) = op.planned.text("ipv6_cidr_block") {
        let call = op.cx.ec2().associate_subnet_cidr_block();
        let call = call.subnet_id(id).ipv6_cidr_block(&cidr);
        call.send().await.op("AssociateSubnetCidrBlock")?;
        wait_ipv6(op, id, Some(SubnetCidrBlockStateCode::Associated)).await?;
    }
    Ok(())
}

async fn wait_ipv6(op: &Op<'_>, id: &str, want: Option<SubnetCidrBlockStateCode>) -> Result<(), ProviderError> {
    let wait = Wait::new(format!("the IPv6 addresses of {id}"), minutes(3)).every(seconds(5));
    op.wait(wait, || async {
        let subnet = describe(op.cx, vec![id.to_owned()]).await?.remove(id);
        let subnet = subnet.expect_in("DescribeSubnets", "subnet")?;
        let state = ipv6(&subnet).and_then(|a| a.ipv6_cidr_block_state()?.state.clone());
        Ok(if state == want {
            Look::Done(())
        } else {
            Look::Pending(state.map_or("none".to_owned(), |s| s.as_str().to_owned()))
        })
    })
    .await
}
