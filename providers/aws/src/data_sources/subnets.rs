//! `aws_subnets`: the ids of subnets, sorted.

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::ec2::{selection, with_filters};
use crate::error::Call;
use crate::resource::{Cx, DataSource};

/// The data source.
pub(crate) struct Subnets;

#[async_trait]
impl DataSource for Subnets {
    fn schema(&self) -> Schema {
        let block = Block::new("The ids of subnets, sorted.")
            .attr("ids", Attribute::computed(Type::list(Type::String)).doc("The ids."));
        Schema::new(with_filters(block))
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let call = cx.ec2().describe_subnets().set_filters(Some(selection(config, &[])));
        let pages = call.into_paginator().items().send();
        let subnets: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.op("DescribeSubnets")?;
        let mut ids: Vec<String> = subnets.into_iter().filter_map(|s| s.subnet_id).collect();
        ids.sort_unstable();
        let mut state = cx.state(config);
        state.set("id", cx.region()).set("ids", ids);
        Ok(state.finish())
    }
}
