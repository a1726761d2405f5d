//! `aws_vpc`: a virtual network.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, ResourceType, Tenancy, Vpc as Remote, VpcAttributeName, VpcCidrBlockStateCode, VpcState,
};
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use crate::batch::{gather, lookup};
use crate::ec2::{PROPAGATION, creation_tags, filter, tag_map, update_tags};
use crate::error::Call;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::retry::{in_use, not_yet};
use crate::tags::with_tags;
use crate::value::{Fields, check_network, same_cidr};
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct Vpc;

#[async_trait]
impl Resource for Vpc {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let flag = |default: bool| Attribute::optional(Type::Bool).default(default);
        let block = Block::new("A virtual network.")
            .attr(
                "cidr_block",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .equal(same_cidr)
                    .check(Validator::Custom(check_network))
                    .doc("The IPv4 addresses; otherwise they come from the address pool."),
            )
            .attr(
                "ipv4_ipam_pool_id",
                Attribute::optional(Type::String)
                    .force_new()
                    .doc("The address pool the IPv4 addresses come from."),
            )
            .attr(
                "ipv4_netmask_length",
                Attribute::optional(Type::Number)
                    .force_new()
                    .check(Validator::Range(16, 28))
                    .doc("How many bits of the addresses name the network, with an address pool."),
            )
            .attr(
                "instance_tenancy",
                Attribute::optional(Type::String)
                    .default("default")
                    .force_new()
                    .check(Validator::OneOf(&["default", "dedicated"]))
                    .doc("Whether instances have hardware of their own."),
            )
            .attr("enable_dns_support", flag(true).doc("Whether names are resolved."))
            .attr(
                "enable_dns_hostnames",
                flag(false).doc("Whether instances get DNS names."),
            )
            .attr(
                "enable_network_address_usage_metrics",
                flag(false).doc("Whether the use of addresses is measured."),
            )
            .attr(
                "assign_generated_ipv6_cidr_block",
                flag(false).doc("Whether to have a /56 of Amazon's IPv6 addresses."),
            )
            .attr("arn", computed())
            .attr("owner_id", computed())
            .attr("default_network_acl_id", computed())
            .attr("default_route_table_id", computed())
            .attr("default_security_group_id", computed())
            .attr("main_route_table_id", computed())
            .attr("dhcp_options_id", computed())
            .attr("ipv6_association_id", computed())
            .attr("ipv6_cidr_block", computed());
        Schema::new(with_timeouts(with_tags(block), &["create", "delete"]))
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        // Dedicated tenancy can be given up, but not taken, in place.
        let was = plan.prior.and_then(|p| p.get_str("instance_tenancy"));
        if was == Some("dedicated") && plan.planned.get_str("instance_tenancy") == Some("default") {
            plan.keep("instance_tenancy");
        }
        if plan.changed("assign_generated_ipv6_cidr_block") {
            plan.unknown(&["ipv6_association_id", "ipv6_cidr_block"]);
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| find(cx, ids)).await;
        found.answer(objects, |vpc, prior| state(cx, vpc, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let answer = op
            .cx
            .ec2_once()
            .create_vpc()
            .set_cidr_block(planned.text("cidr_block"))
            .set_ipv4_ipam_pool_id(planned.text("ipv4_ipam_pool_id"))
            .set_ipv4_netmask_length(planned.int("ipv4_netmask_length"))
            .set_instance_tenancy(planned.get_str("instance_tenancy").map(Tenancy::from))
            .set_amazon_provided_ipv6_cidr_block(planned.flag("assign_generated_ipv6_cidr_block").filter(|on| *on))
            .tag_specifications(creation_tags(op, ResourceType::Vpc))
            .send()
            .await
            .op("CreateVpc")?;
        let id = answer.vpc.and_then(|v| v.vpc_id).expect_in("CreateVpc", "VPC id")?;
        op.exists([("id", id.as_str().into())]);
        wait_available(op, &id).await?;
        // As created: names are resolved, nothing else.
        set_attributes(op, &id, [true, false, false]).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let had = ATTRIBUTES.map(|(name, _)| op.prior.flag(name).unwrap_or(name == "enable_dns_support"));
        set_attributes(op, &id, had).await?;
        if op.changed("instance_tenancy") {
            let call = op.cx.ec2().modify_vpc_tenancy().vpc_id(&id);
            let call = call.instance_tenancy(aws_sdk_ec2::types::VpcTenancy::Default);
            call.send().await.op("ModifyVpcTenancy")?;
        }
        if op.changed("assign_generated_ipv6_cidr_block") {
            change_ipv6(op, &id).await?;
        }
        update_tags(op, &id).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let timeout = op.timeout("delete", minutes(5));
        op.retry(timeout, in_use, || async {
            op.cx.ec2().delete_vpc().vpc_id(&id).send().await.op("DeleteVpc")
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

/// The attributes that are read and written one by one, in the order they can be turned on.
const ATTRIBUTES: [(&str, VpcAttributeName); 3] = [
    ("enable_dns_support", VpcAttributeName::EnableDnsSupport),
    ("enable_dns_hostnames", VpcAttributeName::EnableDnsHostnames),
    (
        "enable_network_address_usage_metrics",
        VpcAttributeName::EnableNetworkAddressUsageMetrics,
    ),
];

/// A VPC with what other calls say about it.
struct Found {
    vpc: Remote,
    attributes: [Option<bool>; 3],
    network_acl: Option<String>,
    route_table: Option<String>,
    security_group: Option<String>,
}

/// Returns the VPCs themselves.
async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let call = cx.ec2().describe_vpcs().filters(filter("vpc-id", ids));
    let pages = call.into_paginator().items().send();
    let vpcs: Vec<Remote> = pages.collect::<Result<_, _>>().await.op("DescribeVpcs")?;
    Ok(vpcs.into_iter().filter_map(|v| Some((v.vpc_id.clone()?, v))).collect())
}

async fn find(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Found>, ProviderError> {
    let vpcs = describe(cx, ids).await?;
    if vpcs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = vpcs.keys().cloned().collect();
    let attributes = gather(ids.iter().map(|id| read_attributes(cx, id)));
    let (attributes, mut acls, mut tables, mut groups) = futures::try_join!(
        attributes,
        default_network_acls(cx, &ids),
        main_route_tables(cx, &ids),
        default_security_groups(cx, &ids),
    )?;
    let found = vpcs.into_iter().zip(attributes).map(|((id, vpc), attributes)| {
        let found = Found {
            vpc,
            attributes,
            network_acl: acls.remove(&id),
            route_table: tables.remove(&id),
            security_group: groups.remove(&id),
        };
        (id, found)
    });
    Ok(found.collect())
}

async fn read_attributes(cx: &Cx<'_>, id: &str) -> Result<[Option<bool>; 3], ProviderError> {
    let calls = ATTRIBUTES.map(|(_, name)| async {
        let call = cx.ec2().describe_vpc_attribute().vpc_id(id).attribute(name);
        let answer = call.send().await.op("DescribeVpcAttribute")?;
        let value = answer
            .enable_dns_support
            .or(answer.enable_dns_hostnames)
            .or(answer.enable_network_address_usage_metrics);
        Ok::<_, ProviderError>(value.and_then(|v| v.value))
    });
    let [support, hostnames, metrics] = calls;
    let (support, hostnames, metrics) = futures::try_join!(support, hostnames, metrics)?;
    Ok([support, hostnames, metrics])
}

/// Ids by VPC.
type ByVpc = BTreeMap<String, String>;

async fn default_network_acls(cx: &Cx<'_>, vpcs: &[String]) -> Result<ByVpc, ProviderError> {
    let call = cx.ec2().describe_network_acls();
    let call = call.filters(filter("vpc-id", vpcs.iter().cloned()));
    let call = call.filters(filter("default", ["true".to_owned()]));
    let acls: Vec<_> = call
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .op("DescribeNetworkAcls")?;
    let ids = acls.into_iter().filter_map(|a| Some((a.vpc_id?, a.network_acl_id?)));
    Ok(ids.collect())
}

async fn main_route_tables(cx: &Cx<'_>, vpcs: &[String]) -> Result<ByVpc, ProviderError> {
    let call = cx.ec2().describe_route_tables();
    let call = call.filters(filter("vpc-id", vpcs.iter().cloned()));
    let call = call.filters(filter("association.main", ["true".to_owned()]));
    let tables: Vec<_> = call
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .op("DescribeRouteTables")?;
    let ids = tables.into_iter().filter_map(|t| Some((t.vpc_id?, t.route_table_id?)));
    Ok(ids.collect())
}

async fn default_security_groups(cx: &Cx<'_>, vpcs: &[String]) -> Result<ByVpc, ProviderError> {
    let call = cx.ec2().describe_security_groups();
    let call = call.filters(filter("vpc-id", vpcs.iter().cloned()));
    let call = call.filters(filter("group-name", ["default".to_owned()]));
    let groups: Vec<_> = call
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .op("DescribeSecurityGroups")?;
    let ids = groups.into_iter().filter_map(|g| Some((g.vpc_id?, g.group_id?)));
    Ok(ids.collect())
}

fn state(cx: &Cx<'_>, found: &Found, prior: &Value) -> Value {
    let vpc = &found.vpc;
    let id = vpc.vpc_id().unwrap_or_default();
    let owner = vpc.owner_id().unwrap_or_default();
    let ipv6 = vpc.ipv6_cidr_block_association_set().iter().find(|a| {
        a.ipv6_cidr_block_state().and_then(|s| s.state()).is_some_and(|s| {
            matches!(
                s,
                VpcCidrBlockStateCode::Associated | VpcCidrBlockStateCode::Associating
            )
        })
    });
    let mut state = cx.state(prior);
    state
        .set("id", id)
        .set("arn", cx.arn("ec2", owner, &format!("vpc/{id}")))
        .set("owner_id", owner)
        .set("cidr_block", vpc.cidr_block())
        .set("instance_tenancy", vpc.instance_tenancy().map(Tenancy::as_str))
        .set("dhcp_options_id", vpc.dhcp_options_id())
        .set("default_network_acl_id", found.network_acl.as_ref())
        .set("default_route_table_id", found.route_table.as_ref())
        .set("main_route_table_id", found.route_table.as_ref())
        .set("default_security_group_id", found.security_group.as_ref())
        .set("assign_generated_ipv6_cidr_block", ipv6.is_some())
        .set("ipv6_association_id", ipv6.and_then(|a| a.association_id()))
        .set("ipv6_cidr_block", ipv6.and_then(|a| a.ipv6_cidr_block()))
        .tags(cx.default_tags(), tag_map(vpc.tags()));
    for ((name, _), value) in ATTRIBUTES.iter().zip(found.attributes) {
        state.set(name, value.unwrap_or(false));
    }
    state.finish()
}

async fn wait_available(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    let timeout = op.timeout("create", minutes(10));
    let wait = Wait::new(format!("{id} to be available"), timeout).every(seconds(5));
    op.wait(wait, || async {
        let vpc = describe(op.cx, vec![id.to_owned()]).await?.remove(id);
        Ok(match vpc.and_then(|v| v.state) {
            Some(VpcState::Available) => Look::Done(()),
            Some(state) => Look::Pending(state.as_str().to_owned()),
            None => Look::Pending("not visible yet".to_owned()),
        })
    })
    .await
}

/// Sets the attributes that differ from what they are, one call each.
async fn set_attributes(op: &Op<'_>, id: &str, had: [bool; 3]) -> Result<(), ProviderError> {
    let want = ATTRIBUTES.map(|(name, _)| op.planned.flag(name));
    let differs = |i: usize| want[i].is_some_and(|w| w != had[i]);
    // Host names need resolution: it goes on first, and off last.
    let order = if want[0] == Some(false) { [1, 0, 2] } else { [0, 1, 2] };
    for i in order.into_iter().filter(|i| differs(*i)) {
        let on = AttributeBooleanValue::builder()
            .value(want[i].unwrap_or_default())
            .build();
        op.retry(PROPAGATION, not_yet, || async {
            let call = op.cx.ec2().modify_vpc_attribute().vpc_id(id);
            let call = match i {
                0 => call.enable_dns_support(on.clone()),
                1 => call.enable_dns_hostnames(on.clone()),
                _ => call.enable_network_address_usage_metrics(on.clone()),
            };
            call.send().await.op("ModifyVpcAttribute")
        })
        .await?;
    }
    Ok(())
}

/// Adds or removes Amazon's IPv6 addresses.
async fn change_ipv6(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    if op.planned.flag("assign_generated_ipv6_cidr_block") == Some(true) {
        let call = op.cx.ec2().associate_vpc_cidr_block().vpc_id(id);
        let call = call.amazon_provided_ipv6_cidr_block(true);
        call.send().await.op("AssociateVpcCidrBlock")?;
    } else if let Some(association) = op.prior.text("ipv6_association_id") {
        let call = op.cx.ec2().disassociate_vpc_cidr_block();
        let call = call.association_id(association);
        call.send().await.op("DisassociateVpcCidrBlock")?;
    }
    let want = op.planned.flag("assign_generated_ipv6_cidr_block") == Some(true);
    let wait = Wait::new(format!("the IPv6 addresses of {id}"), minutes(10)).every(seconds(5));
    op.wait(wait, || async {
        let vpc = describe(op.cx, vec![id.to_owned()]).await?.remove(id);
        let states = vpc.map(|v| v.ipv6_cidr_block_association_set.unwrap_or_default());
        let states: Vec<VpcCidrBlockStateCode> = states
            .into_iter()
            .flatten()
            .filter_map(|a| a.ipv6_cidr_block_state?.state)
            .collect();
        let on = states.contains(&VpcCidrBlockStateCode::Associated);
        let off = states.iter().all(|s| *s == VpcCidrBlockStateCode::Disassociated);
        Ok(if (want && on) || (!want && off) {
            Look::Done(())
        } else {
            Look::Pending(format!("{states:?}"))
        })
    })
    .await
}
