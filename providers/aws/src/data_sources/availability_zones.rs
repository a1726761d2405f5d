//! `aws_availability_zones`: the zones of the region, sorted by name.

use async_trait::async_trait;
use aws_sdk_ec2::types::AvailabilityZone;
use infra_providers::{Attribute, Block, NestedBlock, ProviderError, Schema, Validator};
use infra_types::{Type, Value};

use crate::ec2::selection;
use crate::error::Call;
use crate::resource::{Cx, DataSource};
use crate::value::Fields;

/// The data source.
pub(crate) struct AvailabilityZones;

#[async_trait]
impl DataSource for AvailabilityZones {
    fn schema(&self) -> Schema {
        let texts = || Type::list(Type::String);
        let excluded = || Attribute::optional(Type::set(Type::String));
        let filter = Block::new("What the service selects by.")
            .attr(
                "name",
                Attribute::required(Type::String).doc("The filter, by the API's name."),
            )
            .attr(
                "values",
                Attribute::required(Type::set(Type::String)).doc("The values, one of which must be."),
            );
        Schema::new(
            Block::new("The zones of the region, sorted by name.")
                .attr(
                    "all_availability_zones",
                    Attribute::optional(Type::Bool)
                        .doc("Whether to list zones that are not opted in, and local ones, as well."),
                )
                .attr("exclude_names", excluded().doc("Zones to leave out, by name."))
                .attr("exclude_zone_ids", excluded().doc("Zones to leave out, by id."))
                .attr(
                    "state",
                    Attribute::optional(Type::String)
                        .check(Validator::OneOf(&[
                            "available",
                            "information",
                            "impaired",
                            "unavailable",
                        ]))
                        .doc("The state the zones must be in."),
                )
                .attr("names", Attribute::computed(texts()))
                .attr("zone_ids", Attribute::computed(texts()))
                .attr("group_names", Attribute::computed(Type::set(Type::String)))
                .block("filter", NestedBlock::set(filter)),
        )
    }

    async fn read(&self, cx: &Cx<'_>, config: &Value) -> Result<Value, ProviderError> {
        let all = config.flag("all_availability_zones").unwrap_or(false);
        let answer = cx
            .ec2()
            .describe_availability_zones()
            .all_availability_zones(all)
            .set_filters(Some(selection(config, &[("state", "state")])))
            .send()
            .await
            .op("DescribeAvailabilityZones")?;
        let (names, ids) = (config.texts("exclude_names"), config.texts("exclude_zone_ids"));
        let excluded = |zone: &AvailabilityZone| {
            let is = |list: &[String], value: Option<&str>| value.is_some_and(|v| list.iter().any(|x| x == v));
            is(&names, zone.zone_name()) || is(&ids, zone.zone_id())
        };
        let mut zones = answer.availability_zones.unwrap_or_default();
        // Subnets are numbered by the order of the zones: it must never change.
        zones.sort_by(|a, b| a.zone_name().cmp(&b.zone_name()));
        zones.retain(|zone| !excluded(zone) && (all || is_usual(zone)));
        let texts = |pick: fn(&AvailabilityZone) -> Option<&str>| -> Vec<String> {
            zones.iter().filter_map(|z| pick(z).map(str::to_owned)).collect()
        };
        let mut state = cx.state(config);
        state
            .set("id", cx.region())
            .set("names", texts(AvailabilityZone::zone_name))
            .set("zone_ids", texts(AvailabilityZone::zone_id))
            .set("group_names", texts(AvailabilityZone::group_name));
        Ok(state.finish())
    }
}

/// Says whether everybody can use the zone for everything.
fn is_usual(zone: &AvailabilityZone) -> bool {
    let status = zone.opt_in_status().map(|s| s.as_str());
    let kind = zone.zone_type().unwrap_or("availability-zone");
    status != Some("not-opted-in") && kind == "availability-zone"
}
