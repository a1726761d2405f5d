//! `aws_lb`: a load balancer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum, SubnetMapping,
};
use infra_providers::{Attribute, Block, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Path, Type, Value};

use super::elb::{self, Keyed};
use super::named;
use crate::ec2::filter;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes};

/// The type `aws_lb`.
pub(crate) struct Lb;

/// Attributes that the service keeps by key.
const ATTRIBUTES: &[Keyed] = &[
    keyed("enable_deletion_protection", "deletion_protection.enabled", "false"),
    keyed(
        "enable_cross_zone_load_balancing",
        "load_balancing.cross_zone.enabled",
        "false",
    ),
    keyed("idle_timeout", "idle_timeout.timeout_seconds", "60"),
    keyed("client_keep_alive", "client_keep_alive.seconds", "3600"),
    keyed("enable_http2", "routing.http2.enabled", "true"),
    keyed(
        "desync_mitigation_mode",
        "routing.http.desync_mitigation_mode",
        "defensive",
    ),
    keyed(
        "drop_invalid_header_fields",
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
    ),
    keyed(
        "preserve_host_header",
        "routing.http.preserve_host_header.enabled",
        "false",
    ),
    keyed(
        "enable_tls_version_and_cipher_suite_headers",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
    ),
    keyed(
        "enable_xff_client_port",
        "routing.http.xff_client_port.enabled",
        "false",
    ),
    keyed(
        "xff_header_processing_mode",
        "routing.http.xff_header_processing.mode",
        "append",
    ),
    keyed("enable_waf_fail_open", "waf.fail_open.enabled", "false"),
];

const fn keyed(name: &'static str, key: &'static str, initial: &'static str) -> Keyed {
    Keyed { name, key, initial }
}

#[async_trait]
impl Resource for Lb {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let flag = |default: bool| Attribute::optional(Type::Bool).default(default);
        let mapping = Block::new("A subnet with a fixed address in it.")
            .attr("subnet_id", Attribute::required(Type::String))
            .attr("allocation_id", Attribute::optional(Type::String))
            .attr("private_ipv4_address", Attribute::optional(Type::String))
            .attr("ipv6_address", Attribute::optional(Type::String));
        let logs = || {
            Block::new("Logs of requests or connections, in a bucket.")
                .attr("bucket", Attribute::required(Type::String))
                .attr("prefix", Attribute::optional(Type::String))
                .attr("enabled", flag(false))
        };
        let block = Block::new("A load balancer.")
            .attr("arn", computed())
            .attr("arn_suffix", computed().doc("The part of the ARN that metrics use."))
            .attr("dns_name", computed())
            .attr("zone_id", computed().doc("The zone of `dns_name`, for alias records."))
            .attr("vpc_id", computed())
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Custom(elb::check_name)),
            )
            .attr(
                "name_prefix",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 6)),
            )
            .attr(
                "load_balancer_type",
                Attribute::optional(Type::String)
                    .default("application")
                    .force_new()
                    .check(Validator::OneOf(&["application", "network", "gateway"])),
            )
            .attr("internal", Attribute::optional_computed(Type::Bool).force_new())
            .attr("security_groups", Attribute::optional_computed(Type::set(Type::String)))
            .attr("subnets", Attribute::optional_computed(Type::set(Type::String)))
            .attr(
                "ip_address_type",
                Attribute::optional_computed(Type::String).check(Validator::OneOf(&[
                    "ipv4",
                    "dualstack",
                    "dualstack-without-public-ipv4",
                ])),
            )
            .attr(
                "customer_owned_ipv4_pool",
                Attribute::optional(Type::String).force_new(),
            )
            .attr("enable_deletion_protection", flag(false))
            .attr("enable_cross_zone_load_balancing", flag(false))
            .attr(
                "idle_timeout",
                Attribute::optional(Type::Number)
                    .default(60)
                    .check(Validator::Range(1, 4000)),
            )
            .attr(
                "client_keep_alive",
                Attribute::optional(Type::Number)
                    .default(3600)
                    .check(Validator::Range(60, 604_800)),
            )
            .attr("enable_http2", flag(true))
            .attr(
                "desync_mitigation_mode",
                Attribute::optional(Type::String)
                    .default("defensive")
                    .check(Validator::OneOf(&["monitor", "defensive", "strictest"])),
            )
            .attr("drop_invalid_header_fields", flag(false))
            .attr("preserve_host_header", flag(false))
            .attr("enable_tls_version_and_cipher_suite_headers", flag(false))
            .attr("enable_xff_client_port", flag(false))
            .attr(
                "xff_header_processing_mode",
                Attribute::optional(Type::String)
                    .default("append")
                    .check(Validator::OneOf(&["append", "preserve", "remove"])),
            )
            .attr("enable_waf_fail_open", flag(false))
            .block("subnet_mapping", NestedBlock::set(mapping).force_new())
            .block("access_logs", NestedBlock::list(logs()).at_most(1))
            .block("connection_logs", NestedBlock::list(logs()).at_most(1));
        Schema::new(with_timeouts(with_tags(block), &["create", "update", "delete"])).unique(&["name"])
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mapped = config.blocks("subnet_mapping").len() + usize::from(config.is_set("subnets"));
        let unknown = config.get("subnet_mapping").is_some_and(|m| !m.is_known());
        match mapped {
            0 if !unknown => vec![
                Problem::new(Path::attr("subnets"), "a load balancer needs subnets")
                    .help("set `subnets` to subnets in at least two zones"),
            ],
            _ => Vec::new(),
        }
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        // Network load balancers keep their subnets, and whether they have security groups.
        if plan.planned.get_str("load_balancer_type") == Some("network")
            && let Some(prior) = plan.prior
        {
            let gone = |name: &str| {
                let new = plan.planned.get(name).filter(|v| v.is_known());
                new.is_some_and(|_| {
                    let (old, new) = (prior.texts(name), plan.planned.texts(name));
                    old.iter().any(|o| !new.contains(o))
                })
            };
            let has = |v: &Value| !v.texts("security_groups").is_empty();
            let (subnets, groups) = (gone("subnets"), has(prior) != has(&plan.planned));
            if subnets {
                plan.replace("subnets");
            }
            if groups {
                plan.replace("security_groups");
            }
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = elb::lookup_tagged(cx, objects, |arns| find(cx, arns)).await;
        let answers = found.answer(objects, |(lb, tags), prior| {
            let mut state = cx.state(prior);
            let arn = lb.load_balancer_arn().unwrap_or_default();
            let zones = lb.availability_zones();
            let subnets: Vec<&str> = zones.iter().filter_map(|z| z.subnet_id()).collect();
            let internal = lb.scheme() == Some(&LoadBalancerSchemeEnum::Internal);
            state
                .name(lb.load_balancer_name().unwrap_or_default())
                .set("id", arn)
                .set("arn", arn)
                .set("arn_suffix", elb::arn_suffix(arn))
                .set("dns_name", lb.dns_name())
                .set("zone_id", lb.canonical_hosted_zone_id())
                .set("vpc_id", lb.vpc_id())
                .set("load_balancer_type", lb.r#type().map_or("application", |t| t.as_str()))
                .set("internal", internal)
                .set("security_groups", lb.security_groups())
                .set("subnets", subnets)
                .set("ip_address_type", lb.ip_address_type().map(|t| t.as_str()))
                .set("customer_owned_ipv4_pool", lb.customer_owned_ipv4_pool())
                .tags(cx.default_tags(), tags.clone());
            if !prior.blocks("subnet_mapping").is_empty() {
                state.set_blocks("subnet_mapping", mappings(lb));
            }
            state.finish()
        });
        let completed = answers.into_iter().map(|answer| async move {
            match answer {
                Ok(Some(object)) => with_attributes(cx, object).await,
                other => other,
            }
        });
        futures::future::join_all(completed).await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let name = names::resolve_as(planned, op.token, "name", "name_prefix", 32);
        // CreateLoadBalancer quietly returns a load balancer of the same name.
        let arn = match by_name(op.cx, &name).await? {
            Some(lb) => {
                let arn = lb.load_balancer_arn.unwrap_or_default();
                if !elb::is_ours(op.cx, &arn, op.token).await? {
                    return Err(named::taken("a load balancer", &name));
                }
                arn
            }
            None => {
                let groups = planned.texts("security_groups");
                let mappings = planned.blocks("subnet_mapping");
                let subnets = planned.texts("subnets");
                let call = op.cx.elb_once().create_load_balancer().name(&name);
                let answer = call
                    .set_type(planned.text("load_balancer_type").map(|t| t.as_str().into()))
                    .set_scheme(planned.flag("internal").map(|internal| match internal {
                        true => LoadBalancerSchemeEnum::Internal,
                        false => LoadBalancerSchemeEnum::InternetFacing,
                    }))
                    .set_security_groups((!groups.is_empty()).then_some(groups))
                    .set_subnets((mappings.is_empty() && !subnets.is_empty()).then_some(subnets))
                    .set_subnet_mappings((!mappings.is_empty()).then(|| mapping_requests(mappings)))
                    .set_ip_address_type(planned.text("ip_address_type").map(|t| t.as_str().into()))
                    .set_customer_owned_ipv4_pool(planned.text("customer_owned_ipv4_pool"))
                    .set_tags(elb::tag_list(&named::creation_tags(op)))
                    .send()
                    .await
                    .op("CreateLoadBalancer")?;
                let made = answer.load_balancers.and_then(|l| l.into_iter().next());
                made.and_then(|l| l.load_balancer_arn)
                    .expect_in("CreateLoadBalancer", "ARN")?
            }
        };
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        wait_active(op, &arn, op.timeout("create", minutes(10))).await?;
        modify(op, &arn, true).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let planned = op.planned;
        let client = op.cx.elb();
        modify(op, &arn, false).await?;
        if op.changed("security_groups") {
            let call = client.set_security_groups().load_balancer_arn(&arn);
            call.set_security_groups(Some(planned.texts("security_groups")))
                .send()
                .await
                .op("SetSecurityGroups")?;
        }
        if op.changed("subnets") && planned.blocks("subnet_mapping").is_empty() {
            let call = client.set_subnets().load_balancer_arn(&arn);
            call.set_subnets(Some(planned.texts("subnets")))
                .send()
                .await
                .op("SetSubnets")?;
        }
        if op.changed("ip_address_type") {
            let call = client.set_ip_address_type().load_balancer_arn(&arn);
            call.set_ip_address_type(planned.text("ip_address_type").map(|t| t.as_str().into()))
                .send()
                .await
                .op("SetIpAddressType")?;
        }
        elb::update_tags(op, &arn).await?;
        wait_active(op, &arn, op.timeout("update", minutes(10))).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let call = op.cx.elb().delete_load_balancer().load_balancer_arn(&arn);
        let deleted = call.send().await.op("DeleteLoadBalancer");
        deleted.map_err(|error| match has_code(&error, &["OperationNotPermitted"]) {
            true => error.help("set `enable_deletion_protection = false` and apply that first"),
            false => error,
        })?;
        let name = op.prior.text("name").unwrap_or_default();
        let wait = Wait::new(
            format!("load balancer {name} to be gone"),
            op.timeout("delete", minutes(10)),
        );
        op.wait_gone(wait, || async {
            let found = find(op.cx, vec![arn.clone()]).await?;
            Ok((!found.is_empty()).then(|| "deleting".to_owned()))
        })
        .await?;
        wait_for_interfaces(op, &arn).await
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = names::resolve_as(planned, token, "name", "name_prefix", 32);
        let Some(lb) = by_name(cx, &name).await? else {
            return Ok(None);
        };
        let arn = lb.load_balancer_arn.unwrap_or_default();
        let ours = elb::is_ours(cx, &arn, token).await?;
        Ok(ours.then(|| Value::object([("id", arn.into())])))
    }
}

async fn find(cx: &Cx<'_>, arns: Vec<String>) -> Result<BTreeMap<String, LoadBalancer>, ProviderError> {
    let call = cx.elb().describe_load_balancers().set_load_balancer_arns(Some(arns));
    let answer = call.send().await.op("DescribeLoadBalancers")?;
    let found = answer.load_balancers.unwrap_or_default().into_iter();
    Ok(found.filter_map(|l| Some((l.load_balancer_arn.clone()?, l))).collect())
}

async fn by_name(cx: &Cx<'_>, name: &str) -> Result<Option<LoadBalancer>, ProviderError> {
    let call = cx.elb().describe_load_balancers().names(name);
    let answer = or_gone(call.send().await.op("DescribeLoadBalancers"))?;
    Ok(answer.and_then(|a| a.load_balancers?.into_iter().next()))
}

async fn wait_active(op: &Op<'_>, arn: &str, timeout: std::time::Duration) -> Result<(), ProviderError> {
    let name = elb::arn_suffix(arn).split('/').nth(1).unwrap_or_default();
    let wait = Wait::new(format!("load balancer {name} to be active"), timeout);
    op.wait(wait, || async {
        let lb = or_gone(find(op.cx, vec![arn.to_owned()]).await)?.and_then(|mut f| f.remove(arn));
        let state = lb.and_then(|l| l.state);
        let code = state.as_ref().and_then(|s| s.code.clone());
        match code {
            Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Ok(Look::Done(())),
            Some(LoadBalancerStateEnum::Failed) => {
                let reason = state.and_then(|s| s.reason).unwrap_or_default();
                Err(ProviderError::new(
                    infra_providers::ErrorKind::Other,
                    format!("load balancer {name} failed: {reason}"),
                ))
            }
            other => Ok(Look::Pending(
                other.map_or("not visible yet".to_owned(), |c| c.as_str().to_owned()),
            )),
        }
    })
    .await
}

/// Sends attributes: those that differ from a new load balancer's, or those that change.
async fn modify(op: &Op<'_>, arn: &str, is_new: bool) -> Result<(), ProviderError> {
    let mut wanted = elb::keyed_changes(op, ATTRIBUTES, is_new);
    for (block, prefix) in [
        ("access_logs", "access_logs.s3"),
        ("connection_logs", "connection_logs.s3"),
    ] {
        if is_new && op.planned.blocks(block).is_empty() || !is_new && !op.changed(block) {
            continue;
        }
        wanted.extend(log_attributes(op.planned.block(block), prefix));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let attributes: Vec<LoadBalancerAttribute> = wanted
        .into_iter()
        .map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build())
        .collect();
    // The bucket policy of access logs takes a moment to work.
    let again = |error: &ProviderError| {
        has_code(error, &["InvalidConfigurationRequest"]) && error.message.contains("Access Denied for bucket")
    };
    op.retry(minutes(2), again, || async {
        let call = op.cx.elb().modify_load_balancer_attributes().load_balancer_arn(arn);
        call.set_attributes(Some(attributes.clone()))
            .send()
            .await
            .op("ModifyLoadBalancerAttributes")
    })
    .await
    .map(|_| ())
}

fn log_attributes(block: Option<&Value>, prefix: &str) -> Vec<(&'static str, String)> {
    let keys = match prefix {
        "access_logs.s3" => [
            "access_logs.s3.enabled",
            "access_logs.s3.bucket",
            "access_logs.s3.prefix",
        ],
        _ => [
            "connection_logs.s3.enabled",
            "connection_logs.s3.bucket",
            "connection_logs.s3.prefix",
        ],
    };
    let [enabled, bucket, folder] = keys;
    let Some(block) = block.filter(|b| b.flag("enabled") == Some(true)) else {
        return vec![(enabled, "false".to_owned())];
    };
    vec![
        (enabled, "true".to_owned()),
        (bucket, block.text("bucket").unwrap_or_default()),
        (folder, block.text("prefix").unwrap_or_default()),
    ]
}

/// Completes an object with what is kept by key.
async fn with_attributes(cx: &Cx<'_>, object: Value) -> Result<Option<Value>, ProviderError> {
    let call = cx
        .elb()
        .describe_load_balancer_attributes()
        .load_balancer_arn(object.id());
    let Some(answer) = or_gone(call.send().await.op("DescribeLoadBalancerAttributes"))? else {
        return Ok(None);
    };
    let listed: BTreeMap<String, String> = answer
        .attributes()
        .iter()
        .filter_map(|a| Some((a.key.clone()?, a.value.clone().unwrap_or_default())))
        .collect();
    let mut state = cx.state(&object);
    elb::set_keyed(cx, &mut state, ATTRIBUTES, &listed);
    if object.text("load_balancer_type").as_deref() == Some("application") {
        // Always on for application load balancers, and not for the user to say.
        state.set(
            "enable_cross_zone_load_balancing",
            object.flag("enable_cross_zone_load_balancing").unwrap_or(false),
        );
    }
    for block in ["access_logs", "connection_logs"] {
        let value = |member: &str| listed.get(&format!("{block}.s3.{member}")).filter(|v| !v.is_empty());
        let enabled = value("enabled").is_some_and(|v| v == "true");
        if enabled {
            state.set_blocks(
                block,
                vec![Value::object([
                    ("bucket", value("bucket").cloned().into()),
                    ("prefix", value("prefix").cloned().into()),
                    ("enabled", true.into()),
                ])],
            );
        } else if object.block(block).and_then(|b| b.flag("enabled")) == Some(true) {
            state.set_blocks(block, Vec::new());
        }
    }
    Ok(Some(state.finish()))
}

fn mapping_requests(blocks: &[Value]) -> Vec<SubnetMapping> {
    blocks
        .iter()
        .map(|m| {
            SubnetMapping::builder()
                .set_subnet_id(m.text("subnet_id"))
                .set_allocation_id(m.text("allocation_id"))
                .set_private_ipv4_address(m.text("private_ipv4_address"))
                .set_ipv6_address(m.text("ipv6_address"))
                .build()
        })
        .collect()
}

fn mappings(lb: &LoadBalancer) -> Vec<Value> {
    let zones = lb.availability_zones().iter();
    zones
        .map(|zone| {
            let address = zone.load_balancer_addresses().first();
            Value::object([
                ("subnet_id", zone.subnet_id().into()),
                ("allocation_id", address.and_then(|a| a.allocation_id()).into()),
                (
                    "private_ipv4_address",
                    address.and_then(|a| a.private_ipv4_address()).into(),
                ),
                ("ipv6_address", address.and_then(|a| a.ipv6_address()).into()),
            ])
        })
        .collect()
}

/// Waits for the network interfaces of a deleted load balancer: they block subnets and groups.
///
/// Giving up is no failure: what they block waits for itself.
async fn wait_for_interfaces(op: &Op<'_>, arn: &str) -> Result<(), ProviderError> {
    let description = format!("ELB {}", elb::arn_suffix(arn));
    let wait = Wait::new("the load balancer's network interfaces to be gone", minutes(5));
    let waited = op
        .wait_gone(wait, || async {
            let call = op.cx.ec2().describe_network_interfaces();
            let call = call.filters(filter("description", [description.clone()]));
            let answer = call.send().await.op("DescribeNetworkInterfaces")?;
            let left = answer.network_interfaces().len();
            Ok((left > 0).then(|| format!("{left} left")))
        })
        .await;
    if let Err(error) = waited {
        op.status(&format!("not waiting for network interfaces: {}", error.message));
    }
    Ok(())
}
