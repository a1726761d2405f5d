//! `aws_region`: the region in use.

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ProviderError, Schema};
use infra_types::{Type, Value};

use crate::client::{dns_suffix, partition};
use crate::resource::{Cx, DataSource};
use crate::value::Fields;

/// The data source.
pub(crate) struct Region;

/// Names that people know regions by.
const PLACES: &[(&str, &str)] = &[
    ("af-south-1", "Africa (Cape Town)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
    ("ca-central-1", "Canada (Central)"),
    ("ca-west-1", "Canada West (Calgary)"),
    ("cn-north-1", "China (Beijing)"),
    ("cn-northwest-1", "China (Ningxia)"),
    ("eu-central-1", "Europe (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-north-1", "Europe (Stockholm)"),
    ("eu-south-1", "Europe (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-west-1", "Europe (Ireland)"),
    ("eu-west-2", "Europe (London)"),
    ("eu-west-3", "Europe (Paris)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("sa-east-1", "South America (Sao Paulo)"),
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-gov-east-1", "AWS GovCloud (US-East)"),
    ("us-gov-west-1", "AWS GovCloud (US-West)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
];

#[async_trait]
impl DataSource for Region {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        Schema::new(
            Block::new("The region in use.")
                .attr(
                    "name",
                    Attribute::optional_computed(Type::String).doc("The region, such as `eu-west-1`."),
                )
                .attr("description", computed().doc("The place."))
                .attr("endpoint", computed().doc("The host name of EC2 there.")),
        )
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let named = config.text("name");
        let region = named.unwrap_or_else(|| cx.region().to_owned());
        let place = PLACES.iter().find(|(name, _)| *name == region);
        let mut state = cx.state(config);
        state
            .set("id", &region)
            .set("name", &region)
            .set("region", &region)
            .set("description", place.map(|(_, place)| *place))
            .set("endpoint", format!("ec2.{region}.{}", dns_suffix(partition(&region))));
        Ok(state.finish())
    }
}
