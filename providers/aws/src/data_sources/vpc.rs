//! `aws_vpc`: one VPC, by id, tags or filters.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Vpc as Remote, VpcAttributeName};
use infra_providers::{Attribute, Block, ErrorKind, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::ec2::{filter, selection, tag_map, with_filters};
use crate::error::Call;
use crate::resource::{Cx, DataSource};

/// The data source.
pub(crate) struct Vpc;

#[async_trait]
impl DataSource for Vpc {
    fn schema(&self) -> Schema {
        let selector = |ty: Type| Attribute::optional_computed(ty);
        let computed = |ty: Type| Attribute::computed(ty);
        let block = Block::new("One VPC, by id, tags or filters.")
            .attr("id", selector(Type::String).doc("The id."))
            .attr(
                "default",
                selector(Type::Bool).doc("Whether it is the region's default VPC."),
            )
            .attr("cidr_block", selector(Type::String).doc("The IPv4 addresses."))
            .attr("dhcp_options_id", selector(Type::String).doc("The DHCP options."))
            .attr("state", selector(Type::String).doc("The state."))
            .attr("arn", computed(Type::String))
            .attr("owner_id", computed(Type::String))
            .attr("instance_tenancy", computed(Type::String))
            .attr("main_route_table_id", computed(Type::String))
            .attr("enable_dns_support", computed(Type::Bool))
            .attr("enable_dns_hostnames", computed(Type::Bool));
        Schema::new(with_filters(block))
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let arguments = [
            ("id", "vpc-id"),
            ("default", "is-default"),
            ("cidr_block", "cidr"),
            ("dhcp_options_id", "dhcp-options-id"),
            ("state", "state"),
        ];
        let call = cx.ec2().describe_vpcs();
        let call = call.set_filters(Some(selection(config, &arguments)));
        let pages = call.into_paginator().items().send();
        let vpcs: Vec<Remote> = pages.collect::<Result<_, _>>().await.op("DescribeVpcs")?;
        let [vpc] = vpcs.as_slice() else {
            return Err(not_one(vpcs.len()));
        };
        let id = vpc.vpc_id().unwrap_or_default();
        let owner = vpc.owner_id().unwrap_or_default();
        let mut state = cx.state(config);
        state
            .set("id", id)
            .set("arn", cx.arn("ec2", owner, &format!("vpc/{id}")))
            .set("owner_id", owner)
            .set("default", vpc.is_default().unwrap_or(false))
            .set("cidr_block", vpc.cidr_block())
            .set("dhcp_options_id", vpc.dhcp_options_id())
            .set("state", vpc.state().map(|s| s.as_str()))
            .set("instance_tenancy", vpc.instance_tenancy().map(|t| t.as_str()))
            .set("main_route_table_id", main_route_table(cx, id).await?)
            .set(
                "enable_dns_support",
                attribute(cx, id, VpcAttributeName::EnableDnsSupport).await?,
            )
            .set(
                "enable_dns_hostnames",
                attribute(cx, id, VpcAttributeName::EnableDnsHostnames).await?,
            )
            .set("tags", tag_map(vpc.tags()));
        Ok(state.finish())
    }
}

fn not_one(count: usize) -> ProviderError {
    let message = match count {
        0 => "no VPC matches".to_owned(),
        n => format!("{n} VPCs match, one was expected"),
    };
    ProviderError::new(ErrorKind::NotFound, message).help("change `id`, `tags` or the `filter` blocks")
}

async fn main_route_table(cx: &Cx<'_>, vpc: &str) -> Result<Option<String>, ProviderError> {
    let call = cx.ec2().describe_route_tables();
    let call = call.filters(filter("vpc-id", [vpc.to_owned()]));
    let call = call.filters(filter("association.main", ["true".to_owned()]));
    let tables = call.send().await.op("DescribeRouteTables")?.route_tables;
    Ok(tables.unwrap_or_default().into_iter().find_map(|t| t.route_table_id))
}

async fn attribute(cx: &Cx<'_>, vpc: &str, name: VpcAttributeName) -> Result<Option<bool>, ProviderError> {
    let call = cx.ec2().describe_vpc_attribute().vpc_id(vpc).attribute(name);
    let answer = call.send().await.op("DescribeVpcAttribute")?;
    let value = answer.enable_dns_support.or(answer.enable_dns_hostnames);
    Ok(value.and_then(|v| v.value))
}
