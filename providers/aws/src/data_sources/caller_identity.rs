//! `aws_caller_identity`: who the credentials belong to.

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::resource::{Cx, DataSource};

/// The data source.
pub(crate) struct CallerIdentity;

#[async_trait]
impl DataSource for CallerIdentity {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        Schema::new(
            Block::new("Who the credentials belong to.")
                .attr("account_id", computed().doc("The account."))
                .attr("arn", computed().doc("The ARN of the user or session."))
                .attr("user_id", computed().doc("The unique id of the user or session.")),
        )
    }

    fn regional(&self) -> bool {
        false
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let identity = cx.connection.identity().await?;
        let mut state = cx.state(config);
        state
            .set("id", &identity.account)
            .set("account_id", &identity.account)
            .set("arn", &identity.arn)
            .set("user_id", &identity.user_id);
        Ok(state.finish())
    }
}
