//! `aws_partition`: the part of AWS that the region belongs to.

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::client::dns_suffix;
use crate::resource::{Cx, DataSource};

/// The data source.
pub(crate) struct Partition;

#[async_trait]
impl DataSource for Partition {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        Schema::new(
            Block::new("The part of AWS that the region belongs to.")
                .attr("partition", computed().doc("`aws`, `aws-cn`, `aws-us-gov`, …"))
                .attr("dns_suffix", computed().doc("`amazonaws.com`, …"))
                .attr("reverse_dns_prefix", computed().doc("`com.amazonaws`, …")),
        )
    }

    fn regional(&self) -> bool {
        false
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let suffix = dns_suffix(cx.partition());
        let reversed: Vec<&str> = suffix.rsplit('.').collect();
        let mut state = cx.state(config);
        state
            .set("id", cx.partition())
            .set("partition", cx.partition())
            .set("dns_suffix", suffix)
            .set("reverse_dns_prefix", reversed.join("."));
        Ok(state.finish())
    }
}
