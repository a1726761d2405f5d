//! `aws_lb_target_group`: where a load balancer sends requests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{Matcher, TargetGroup, TargetGroupAttribute};
use infra_providers::{Attribute, Block, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Path, Type, Value};

use super::elb::{self, Keyed};
use super::named;
use crate::error::{Call, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::retry::in_use;
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_lb_target_group`.
pub(crate) struct LbTargetGroup;

const fn keyed(name: &'static str, key: &'static str, initial: &'static str) -> Keyed {
    Keyed { name, key, initial }
}

/// Attributes that the service keeps by key, of groups of all kinds.
const COMMON: &[Keyed] = &[keyed(
    "deregistration_delay",
    "deregistration_delay.timeout_seconds",
    "300",
)];

/// Attributes of groups that speak HTTP.
const HTTP: &[Keyed] = &[
    keyed("slow_start", "slow_start.duration_seconds", "0"),
    keyed(
        "load_balancing_algorithm_type",
        "load_balancing.algorithm.type",
        "round_robin",
    ),
];

/// Attributes of groups that do not.
const NETWORK: &[Keyed] = &[
    keyed("proxy_protocol_v2", "proxy_protocol_v2.enabled", "false"),
    keyed(
        "connection_termination",
        "deregistration_delay.connection_termination.enabled",
        "false",
    ),
    keyed("preserve_client_ip", "preserve_client_ip.enabled", ""),
];

/// Attributes of groups that call a function.
const LAMBDA: &[Keyed] = &[keyed(
    "lambda_multi_value_headers_enabled",
    "lambda.multi_value_headers.enabled",
    "false",
)];

const CROSS_ZONE: &[Keyed] = &[keyed(
    "load_balancing_cross_zone_enabled",
    "load_balancing.cross_zone.enabled",
    "use_load_balancer_configuration",
)];

/// Returns the attributes that a group has, by its kind.
fn tables(object: &Value) -> Vec<&'static [Keyed]> {
    let lambda = object.get_str("target_type") == Some("lambda");
    match (lambda, is_http(object)) {
        (true, _) => vec![LAMBDA],
        (_, true) => vec![COMMON, HTTP, CROSS_ZONE],
        _ => vec![COMMON, NETWORK, CROSS_ZONE],
    }
}

fn is_http(object: &Value) -> bool {
    matches!(object.get_str("protocol"), Some("HTTP" | "HTTPS"))
}

#[async_trait]
impl Resource for LbTargetGroup {
    fn schema(&self) -> Schema {
        let fixed = || Attribute::optional(Type::String).force_new();
        let filled = |ty| Attribute::optional_computed(ty);
        let count = || {
            Attribute::optional(Type::Number)
                .default(3)
                .check(Validator::Range(2, 10))
        };
        let check = Block::new("How targets are checked.")
            .attr("enabled", Attribute::optional(Type::Bool).default(true))
            .attr("healthy_threshold", count())
            .attr("unhealthy_threshold", count())
            .attr(
                "interval",
                Attribute::optional(Type::Number)
                    .default(30)
                    .check(Validator::Range(5, 300)),
            )
            .attr("timeout", filled(Type::Number).check(Validator::Range(2, 120)))
            .attr(
                "matcher",
                filled(Type::String).doc("Codes of good answers: `200`, `200-299`."),
            )
            .attr("path", filled(Type::String))
            .attr("port", Attribute::optional(Type::String).default("traffic-port"))
            .attr(
                "protocol",
                Attribute::optional(Type::String)
                    .default("HTTP")
                    .equal(crate::value::same_text_any_case),
            );
        let stickiness = Block::new("Whether clients stay with a target.")
            .attr(
                "type",
                Attribute::required(Type::String).check(Validator::OneOf(&[
                    "lb_cookie",
                    "app_cookie",
                    "source_ip",
                    "source_ip_dest_ip",
                    "source_ip_dest_ip_proto",
                ])),
            )
            .attr("enabled", Attribute::optional(Type::Bool).default(true))
            .attr(
                "cookie_duration",
                Attribute::optional(Type::Number)
                    .default(86400)
                    .check(Validator::Range(1, 604_800)),
            )
            .attr("cookie_name", Attribute::optional(Type::String));
        let block = Block::new("A target group of a load balancer.")
            .attr("arn", Attribute::computed(Type::String))
            .attr(
                "arn_suffix",
                Attribute::computed(Type::String).doc("The part of the ARN that metrics use."),
            )
            .attr("load_balancer_arns", Attribute::computed(Type::set(Type::String)))
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
                "port",
                Attribute::optional(Type::Number)
                    .force_new()
                    .check(Validator::Range(1, 65535)),
            )
            .attr(
                "protocol",
                fixed().check(Validator::OneOf(&[
                    "HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC",
                ])),
            )
            .attr("protocol_version", filled(Type::String).force_new())
            .attr("vpc_id", fixed())
            .attr(
                "target_type",
                fixed()
                    .default("instance")
                    .check(Validator::OneOf(&["instance", "ip", "lambda", "alb"])),
            )
            .attr("ip_address_type", filled(Type::String).force_new())
            .attr(
                "deregistration_delay",
                Attribute::optional(Type::Number)
                    .default(300)
                    .check(Validator::Range(0, 3600))
                    .doc("How many seconds requests under way may take when a target leaves."),
            )
            .attr(
                "slow_start",
                Attribute::optional(Type::Number)
                    .default(0)
                    .check(Validator::Custom(check_slow_start)),
            )
            .attr("load_balancing_algorithm_type", filled(Type::String))
            .attr("load_balancing_cross_zone_enabled", filled(Type::String))
            .attr("preserve_client_ip", filled(Type::String))
            .attr("proxy_protocol_v2", Attribute::optional(Type::Bool).default(false))
            .attr("connection_termination", Attribute::optional(Type::Bool).default(false))
            .attr(
                "lambda_multi_value_headers_enabled",
                Attribute::optional(Type::Bool).default(false),
            )
            .block("health_check", NestedBlock::list(check).at_most(1).computed())
            .block("stickiness", NestedBlock::list(stickiness).at_most(1).computed());
        Schema::new(with_tags(block)).unique(&["name"]).create_before_destroy()
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let target = config.get("target_type");
        let lambda = target.is_some_and(|t| !t.is_known() || t.as_str() == Some("lambda"));
        for name in ["port", "protocol", "vpc_id"] {
            if !lambda && !config.is_set(name) {
                problems.push(Problem::new(
                    Path::attr(name),
                    format!("a target group needs `{name}`, unless its targets are functions"),
                ));
            }
        }
        if let Some(check) = config.block("health_check")
            && let (Some(interval), Some(timeout)) = (check.int("interval"), check.int("timeout"))
            && timeout >= interval
        {
            problems.push(
                Problem::new(
                    Path::attr("health_check"),
                    format!("the health check's timeout, {timeout} s, is not below its interval, {interval} s"),
                )
                .help("make the interval longer"),
            );
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = elb::lookup_tagged(cx, objects, |arns| find(cx, arns)).await;
        let answers = found.answer(objects, |(group, tags), prior| {
            let mut state = cx.state(prior);
            let arn = group.target_group_arn().unwrap_or_default();
            let ip_type = group.ip_address_type().map(|t| t.as_str().to_owned());
            state
                .name(group.target_group_name().unwrap_or_default())
                .set("id", arn)
                .set("arn", arn)
                .set("arn_suffix", elb::arn_suffix(arn))
                .set("load_balancer_arns", group.load_balancer_arns())
                .set("port", group.port().filter(|p| *p != 0))
                .set("protocol", group.protocol().map(|p| p.as_str()))
                .set("protocol_version", group.protocol_version())
                .set("vpc_id", group.vpc_id())
                .set("target_type", group.target_type().map_or("instance", |t| t.as_str()))
                .set("ip_address_type", ip_type)
                .tags(cx.default_tags(), tags.clone());
            state.set_blocks("health_check", vec![health_check(group)]);
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
        // CreateTargetGroup quietly returns a group of the same name and settings.
        let arn = match by_name(op.cx, &name).await? {
            Some(group) => {
                let arn = group.target_group_arn.unwrap_or_default();
                if !elb::is_ours(op.cx, &arn, op.token).await? {
                    return Err(named::taken("a target group", &name));
                }
                arn
            }
            None => {
                let check = planned.block("health_check");
                let number = |name: &str| check.and_then(|c| c.int(name));
                let text = |name: &str| check.and_then(|c| c.text(name));
                let call = op.cx.elb_once().create_target_group().name(&name);
                let answer = call
                    .set_protocol(planned.text("protocol").map(|p| p.as_str().into()))
                    .set_protocol_version(planned.text("protocol_version"))
                    .set_port(planned.int("port"))
                    .set_vpc_id(planned.text("vpc_id"))
                    .set_target_type(planned.text("target_type").map(|t| t.as_str().into()))
                    .set_ip_address_type(planned.text("ip_address_type").map(|t| t.as_str().into()))
                    .set_health_check_enabled(check.and_then(|c| c.flag("enabled")))
                    .set_health_check_protocol(text("protocol").map(|p| p.as_str().into()))
                    .set_health_check_port(text("port"))
                    .set_health_check_path(text("path"))
                    .set_health_check_interval_seconds(number("interval"))
                    .set_health_check_timeout_seconds(number("timeout"))
                    .set_healthy_threshold_count(number("healthy_threshold"))
                    .set_unhealthy_threshold_count(number("unhealthy_threshold"))
                    .set_matcher(matcher(planned))
                    .set_tags(elb::tag_list(&named::creation_tags(op)))
                    .send()
                    .await
                    .op("CreateTargetGroup")?;
                let made = answer.target_groups.and_then(|l| l.into_iter().next());
                made.and_then(|g| g.target_group_arn)
                    .expect_in("CreateTargetGroup", "ARN")?
            }
        };
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        modify_attributes(op, &arn, true).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        if op.changed("health_check") {
            let check = op.planned.block("health_check");
            let number = |name: &str| check.and_then(|c| c.int(name));
            let text = |name: &str| check.and_then(|c| c.text(name));
            let call = op.cx.elb().modify_target_group().target_group_arn(&arn);
            call.set_health_check_enabled(check.and_then(|c| c.flag("enabled")))
                .set_health_check_protocol(text("protocol").map(|p| p.as_str().into()))
                .set_health_check_port(text("port"))
                .set_health_check_path(text("path"))
                .set_health_check_interval_seconds(number("interval"))
                .set_health_check_timeout_seconds(number("timeout"))
                .set_healthy_threshold_count(number("healthy_threshold"))
                .set_unhealthy_threshold_count(number("unhealthy_threshold"))
                .set_matcher(matcher(op.planned))
                .send()
                .await
                .op("ModifyTargetGroup")?;
        }
        modify_attributes(op, &arn, false).await?;
        elb::update_tags(op, &arn).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        op.retry(minutes(2), in_use, || async {
            let call = op.cx.elb().delete_target_group().target_group_arn(&arn);
            call.send().await.op("DeleteTargetGroup")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = names::resolve_as(planned, token, "name", "name_prefix", 32);
        let Some(group) = by_name(cx, &name).await? else {
            return Ok(None);
        };
        let arn = group.target_group_arn.unwrap_or_default();
        let ours = elb::is_ours(cx, &arn, token).await?;
        Ok(ours.then(|| Value::object([("id", arn.into())])))
    }
}

fn check_slow_start(seconds: &Value) -> Option<String> {
    let seconds = seconds.as_i64()?;
    (seconds != 0 && !(30..=900).contains(&seconds)).then(|| "`slow_start` must be 0, or 30 to 900 seconds".to_owned())
}

async fn find(cx: &Cx<'_>, arns: Vec<String>) -> Result<BTreeMap<String, TargetGroup>, ProviderError> {
    let call = cx.elb().describe_target_groups().set_target_group_arns(Some(arns));
    let answer = call.send().await.op("DescribeTargetGroups")?;
    let found = answer.target_groups.unwrap_or_default().into_iter();
    Ok(found.filter_map(|g| Some((g.target_group_arn.clone()?, g))).collect())
}

async fn by_name(cx: &Cx<'_>, name: &str) -> Result<Option<TargetGroup>, ProviderError> {
    let call = cx.elb().describe_target_groups().names(name);
    let answer = or_gone(call.send().await.op("DescribeTargetGroups"))?;
    Ok(answer.and_then(|a| a.target_groups?.into_iter().next()))
}

fn matcher(planned: &Value) -> Option<Matcher> {
    let codes = planned
        .block("health_check")?
        .text("matcher")
        .filter(|m| !m.is_empty())?;
    let grpc = planned.get_str("protocol_version") == Some("GRPC");
    Some(match grpc {
        true => Matcher::builder().grpc_code(codes).build(),
        false => Matcher::builder().http_code(codes).build(),
    })
}

fn health_check(group: &TargetGroup) -> Value {
    let number = |n: Option<i32>| Value::from(n.map(i64::from));
    let codes = group.matcher().and_then(|m| m.http_code().or(m.grpc_code()));
    Value::object([
        ("enabled", group.health_check_enabled().unwrap_or(true).into()),
        ("healthy_threshold", number(group.healthy_threshold_count())),
        ("unhealthy_threshold", number(group.unhealthy_threshold_count())),
        ("interval", number(group.health_check_interval_seconds())),
        ("timeout", number(group.health_check_timeout_seconds())),
        ("matcher", codes.into()),
        ("path", group.health_check_path().into()),
        ("port", group.health_check_port().unwrap_or("traffic-port").into()),
        ("protocol", group.health_check_protocol().map(|p| p.as_str()).into()),
    ])
}

/// Sends attributes: those that differ from a new group's, or those that change.
async fn modify_attributes(op: &Op<'_>, arn: &str, is_new: bool) -> Result<(), ProviderError> {
    let mut wanted: Vec<(&str, String)> = tables(op.planned)
        .into_iter()
        .flat_map(|table| elb::keyed_changes(op, table, is_new))
        .collect();
    let block = op.planned.block("stickiness");
    if block.is_some() && (is_new || op.changed("stickiness")) {
        wanted.extend(stickiness_attributes(block, is_http(op.planned)));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let attributes: Vec<TargetGroupAttribute> = wanted
        .into_iter()
        .map(|(key, value)| TargetGroupAttribute::builder().key(key).value(value).build())
        .collect();
    let call = op.cx.elb().modify_target_group_attributes().target_group_arn(arn);
    call.set_attributes(Some(attributes))
        .send()
        .await
        .op("ModifyTargetGroupAttributes")
        .map(|_| ())
}

fn stickiness_attributes(block: Option<&Value>, http: bool) -> Vec<(&'static str, String)> {
    let Some(block) = block else {
        return Vec::new();
    };
    let enabled = block.flag("enabled").unwrap_or(true);
    let kind = block.text("type").unwrap_or_default();
    let mut wanted = vec![
        ("stickiness.enabled", enabled.to_string()),
        ("stickiness.type", kind.clone()),
    ];
    let duration = block.int("cookie_duration").unwrap_or(86400).to_string();
    if http && enabled {
        match kind.as_str() {
            "app_cookie" => {
                wanted.push(("stickiness.app_cookie.duration_seconds", duration));
                wanted.push((
                    "stickiness.app_cookie.cookie_name",
                    block.text("cookie_name").unwrap_or_default(),
                ));
            }
            _ => wanted.push(("stickiness.lb_cookie.duration_seconds", duration)),
        }
    }
    wanted
}

/// Completes an object with what is kept by key.
async fn with_attributes(cx: &Cx<'_>, object: Value) -> Result<Option<Value>, ProviderError> {
    let call = cx
        .elb()
        .describe_target_group_attributes()
        .target_group_arn(object.id());
    let Some(answer) = or_gone(call.send().await.op("DescribeTargetGroupAttributes"))? else {
        return Ok(None);
    };
    let listed: BTreeMap<String, String> = answer
        .attributes()
        .iter()
        .filter_map(|a| Some((a.key.clone()?, a.value.clone().unwrap_or_default())))
        .collect();
    let mut state = cx.state(&object);
    let has = tables(&object);
    let all = [COMMON, HTTP, NETWORK, LAMBDA, CROSS_ZONE];
    for table in all {
        let applies = has.iter().any(|t| std::ptr::eq(*t, table));
        match applies {
            true => elb::set_keyed(cx, &mut state, table, &listed),
            // Other kinds of groups have it: what was written stays.
            false => {
                for attribute in table {
                    let default = cx
                        .schema
                        .block
                        .attributes
                        .get(attribute.name)
                        .and_then(|a| a.default.clone());
                    let before = object.get(attribute.name).filter(|v| !v.is_null()).cloned();
                    state.set(attribute.name, before.or(default));
                }
            }
        }
    }
    let listed = |key: &str| listed.get(key).cloned();
    let stickiness = listed("stickiness.type").map(|kind| {
        let prefix = if kind == "app_cookie" {
            "app_cookie"
        } else {
            "lb_cookie"
        };
        let duration = listed(&format!("stickiness.{prefix}.duration_seconds"));
        let duration = duration.and_then(|d| d.parse::<i64>().ok()).unwrap_or(86400);
        let before = object
            .block("stickiness")
            .and_then(|s| s.get("cookie_duration"))
            .and_then(Value::as_i64);
        let http = is_http(&object);
        Value::object([
            (
                "enabled",
                (listed("stickiness.enabled").as_deref() == Some("true")).into(),
            ),
            (
                "cookie_duration",
                if http { duration } else { before.unwrap_or(86400) }.into(),
            ),
            (
                "cookie_name",
                listed("stickiness.app_cookie.cookie_name")
                    .filter(|n| !n.is_empty())
                    .into(),
            ),
            ("type", kind.into()),
        ])
    });
    state.set_blocks("stickiness", stickiness.into_iter().collect());
    Ok(Some(state.finish()))
}
