//! `aws_lb_listener_rule`: which requests go where.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig, PathPatternConditionConfig,
    QueryStringConditionConfig, QueryStringKeyValuePair, Rule, RuleCondition, RulePriorityPair,
    SourceIpConditionConfig,
};
use infra_providers::{Attribute, Block, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Path, Type, Value};

use super::{elb, lb_action, named};
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Resource};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_lb_listener_rule`.
pub(crate) struct LbListenerRule;

/// The parts of a condition that hold a list of values.
const LISTS: [&str; 4] = ["host_header", "path_pattern", "http_request_method", "source_ip"];

/// How many values the conditions of a rule may have in all.
const VALUES: usize = 5;

#[async_trait]
impl Resource for LbListenerRule {
    fn schema(&self) -> Schema {
        let values = || Attribute::required(Type::set(Type::String));
        let list = |description| NestedBlock::list(Block::new(description).attr("values", values())).at_most(1);
        let header = Block::new("A header and what it may be.")
            .attr("http_header_name", Attribute::required(Type::String))
            .attr("values", values());
        let query = Block::new("A part of the query.")
            .attr("key", Attribute::optional(Type::String))
            .attr("value", Attribute::required(Type::String));
        let condition = Block::new("What a request must be like: exactly one of the parts.")
            .block("host_header", list("Host names; `*` and `?` stand for anything."))
            .block("path_pattern", list("Paths; `*` and `?` stand for anything."))
            .block("http_request_method", list("Methods."))
            .block("source_ip", list("Addresses of clients, as CIDRs."))
            .block("http_header", NestedBlock::list(header).at_most(1))
            .block("query_string", NestedBlock::set(query));
        let block = Block::new("A rule of a listener.")
            .attr("arn", Attribute::computed(Type::String))
            .attr("listener_arn", Attribute::required(Type::String).force_new())
            .attr(
                "priority",
                Attribute::optional_computed(Type::Number)
                    .check(Validator::Range(1, 50000))
                    .doc("Rules are tried by rising priority; after the last one when not set."),
            )
            .block("action", NestedBlock::list(lb_action::block()).required())
            .block("condition", NestedBlock::set(condition).required());
        Schema::new(with_tags(block))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = lb_action::validate(config, "action");
        let conditions = config.blocks("condition");
        let mut count = 0;
        for condition in conditions {
            let parts = parts_of(condition);
            if parts != Some(1) && condition.is_wholly_known() {
                problems.push(
                    Problem::new(
                        Path::attr("condition"),
                        "a condition must have exactly one of `host_header`, `path_pattern`, `http_header`, \
                         `http_request_method`, `query_string`, `source_ip`",
                    )
                    .help("write one `condition` block for each"),
                );
            }
            count += values_of(condition);
        }
        if count > VALUES {
            problems.push(
                Problem::new(
                    Path::attr("condition"),
                    format!("the conditions have {count} values in all, and a rule may have {VALUES}"),
                )
                .help("use wildcards, or more than one rule"),
            );
        }
        problems
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = elb::lookup_tagged(cx, objects, |arns| find(cx, arns)).await;
        found.answer(objects, |(rule, tags), prior| {
            let mut state = cx.state(prior);
            let arn = rule.rule_arn().unwrap_or_default();
            let priority = rule.priority().and_then(|p| p.parse::<i64>().ok());
            state
                .set("id", arn)
                .set("arn", arn)
                .set("listener_arn", listener_of(arn))
                .set("priority", priority)
                .tags(cx.default_tags(), tags.clone());
            state.set_blocks("action", lb_action::values(rule.actions(), prior.blocks("action")));
            state.set_blocks("condition", rule.conditions().iter().map(condition_value).collect());
            state.finish()
        })
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let listener = op.planned.text("listener_arn").unwrap_or_default();
        let given = op.planned.int("priority");
        // Without a fixed priority, somebody else may take the next one at the same time.
        let again = |error: &ProviderError| given.is_none() && has_code(error, &["PriorityInUse"]);
        let answer = op
            .retry(minutes(5), again, || async {
                let priority = match given {
                    Some(priority) => priority,
                    None => next_priority(op.cx, &listener).await?,
                };
                let call = op
                    .cx
                    .elb_once()
                    .create_rule()
                    .listener_arn(&listener)
                    .priority(priority);
                call.set_actions(Some(lb_action::requests(op.planned.blocks("action"))))
                    .set_conditions(Some(conditions(op.planned)))
                    .set_tags(elb::tag_list(&named::creation_tags(op)))
                    .send()
                    .await
                    .op("CreateRule")
            })
            .await
            .map_err(|error| explain_priority(error, given))?;
        let made = answer.rules.and_then(|l| l.into_iter().next());
        let arn = made.and_then(|r| r.rule_arn).expect_in("CreateRule", "ARN")?;
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let client = op.cx.elb();
        if op.changed("priority") {
            let pair = RulePriorityPair::builder()
                .rule_arn(&arn)
                .set_priority(op.planned.int("priority"))
                .build();
            let call = client.set_rule_priorities().rule_priorities(pair);
            let done = call.send().await.op("SetRulePriorities");
            done.map_err(|error| explain_priority(error, op.planned.int("priority")))?;
        }
        if op.any_changed(&["action", "condition"]) {
            let call = client.modify_rule().rule_arn(&arn);
            call.set_actions(Some(lb_action::requests(op.planned.blocks("action"))))
                .set_conditions(Some(conditions(op.planned)))
                .send()
                .await
                .op("ModifyRule")?;
        }
        elb::update_tags(op, &arn).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let call = op.cx.elb().delete_rule().rule_arn(op.prior.id());
        call.send().await.op("DeleteRule").map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let listener = planned.text("listener_arn").unwrap_or_default();
        let Some(rules) = or_gone(rules_of(cx, &listener).await)? else {
            return Ok(None);
        };
        let given = planned.int("priority").map(|p| p.to_string());
        let candidates = rules
            .into_iter()
            .filter(|r| r.is_default() != Some(true) && (given.is_none() || r.priority == given));
        let arns: Vec<String> = candidates.filter_map(|r| r.rule_arn).collect();
        let tags = elb::tags_of(cx, arns).await?;
        let ours = tags.into_iter().find(|(_, tags)| named::is_ours(tags, token));
        Ok(ours.map(|(arn, _)| Value::object([("id", arn.into())])))
    }
}

/// Returns how many parts a condition has, if that is known.
fn parts_of(condition: &Value) -> Option<usize> {
    let names = LISTS.into_iter().chain(["http_header", "query_string"]);
    let mut parts = 0;
    for name in names {
        match condition.get(name) {
            Some(value) if !value.is_known() => return None,
            Some(_) if !condition.blocks(name).is_empty() => parts += 1,
            _ => {}
        }
    }
    Some(parts)
}

fn values_of(condition: &Value) -> usize {
    let lists = LISTS.into_iter().chain(["http_header"]);
    let listed: usize = lists
        .filter_map(|name| condition.block(name))
        .map(|b| b.blocks("values").len())
        .sum();
    listed + condition.blocks("query_string").len()
}

fn explain_priority(error: ProviderError, priority: Option<i32>) -> ProviderError {
    match priority {
        Some(priority) if has_code(&error, &["PriorityInUse"]) => error.at(Path::attr("priority")).help(format!(
            "another rule of the listener has priority {priority}: choose another number"
        )),
        _ => error,
    }
}

async fn find(cx: &Cx<'_>, arns: Vec<String>) -> Result<BTreeMap<String, Rule>, ProviderError> {
    let call = cx.elb().describe_rules().set_rule_arns(Some(arns));
    let answer = call.send().await.op("DescribeRules")?;
    let found = answer.rules.unwrap_or_default().into_iter();
    Ok(found.filter_map(|r| Some((r.rule_arn.clone()?, r))).collect())
}

async fn rules_of(cx: &Cx<'_>, listener: &str) -> Result<Vec<Rule>, ProviderError> {
    let mut rules = Vec::new();
    let mut marker = None;
    loop {
        let call = cx.elb().describe_rules().listener_arn(listener).set_marker(marker);
        let answer = call.send().await.op("DescribeRules")?;
        rules.extend(answer.rules.unwrap_or_default());
        marker = answer.next_marker.filter(|m| !m.is_empty());
        if marker.is_none() {
            return Ok(rules);
        }
    }
}

async fn next_priority(cx: &Cx<'_>, listener: &str) -> Result<i32, ProviderError> {
    let rules = rules_of(cx, listener).await?;
    let taken = rules.iter().filter_map(|r| r.priority()?.parse::<i32>().ok());
    Ok(taken.max().unwrap_or(0) + 1)
}

/// Returns the listener of a rule, by the rule's ARN.
fn listener_of(arn: &str) -> String {
    let listener = arn.rsplit_once('/').map_or(arn, |(front, _)| front);
    listener.replacen(":listener-rule/", ":listener/", 1)
}

fn conditions(planned: &Value) -> Vec<RuleCondition> {
    planned.blocks("condition").iter().map(condition).collect()
}

fn condition(block: &Value) -> RuleCondition {
    let values = |name: &str| block.block(name).map(|b| b.texts("values"));
    let rule = RuleCondition::builder();
    if let Some(values) = values("host_header") {
        let config = HostHeaderConditionConfig::builder().set_values(Some(values)).build();
        return rule.field("host-header").host_header_config(config).build();
    }
    if let Some(values) = values("path_pattern") {
        let config = PathPatternConditionConfig::builder().set_values(Some(values)).build();
        return rule.field("path-pattern").path_pattern_config(config).build();
    }
    if let Some(values) = values("http_request_method") {
        let config = HttpRequestMethodConditionConfig::builder()
            .set_values(Some(values))
            .build();
        return rule
            .field("http-request-method")
            .http_request_method_config(config)
            .build();
    }
    if let Some(values) = values("source_ip") {
        let config = SourceIpConditionConfig::builder().set_values(Some(values)).build();
        return rule.field("source-ip").source_ip_config(config).build();
    }
    if let Some(header) = block.block("http_header") {
        let config = HttpHeaderConditionConfig::builder()
            .set_http_header_name(header.text("http_header_name"))
            .set_values(Some(header.texts("values")))
            .build();
        return rule.field("http-header").http_header_config(config).build();
    }
    let pairs = block.blocks("query_string").iter().map(|q| {
        QueryStringKeyValuePair::builder()
            .set_key(q.text("key"))
            .set_value(q.text("value"))
            .build()
    });
    let config = QueryStringConditionConfig::builder()
        .set_values(Some(pairs.collect()))
        .build();
    rule.field("query-string").query_string_config(config).build()
}

fn condition_value(condition: &RuleCondition) -> Value {
    let field = condition.field().unwrap_or_default();
    let list = |name: &str, values: Option<&[String]>| {
        let block = (field == name).then(|| {
            // Short conditions come back in the short form as well.
            let values = values.filter(|v| !v.is_empty()).unwrap_or(condition.values());
            let values = values.iter().map(|v| Value::from(v.as_str())).collect();
            Value::object([("values", Value::set(Type::String, values))])
        });
        Value::tuple(block.into_iter().collect())
    };
    let header = condition
        .http_header_config()
        .filter(|_| field == "http-header")
        .map(|h| {
            let values = h.values().iter().map(|v| Value::from(v.as_str())).collect();
            Value::object([
                ("http_header_name", h.http_header_name().into()),
                ("values", Value::set(Type::String, values)),
            ])
        });
    let pairs = condition.query_string_config().filter(|_| field == "query-string");
    let pairs = pairs
        .map(|q| q.values())
        .unwrap_or_default()
        .iter()
        .map(|pair| Value::object([("key", pair.key().into()), ("value", pair.value().into())]));
    Value::object([
        (
            "host_header",
            list("host-header", condition.host_header_config().map(|c| c.values())),
        ),
        (
            "path_pattern",
            list("path-pattern", condition.path_pattern_config().map(|c| c.values())),
        ),
        (
            "http_request_method",
            list(
                "http-request-method",
                condition.http_request_method_config().map(|c| c.values()),
            ),
        ),
        (
            "source_ip",
            list("source-ip", condition.source_ip_config().map(|c| c.values())),
        ),
        ("http_header", Value::tuple(header.into_iter().collect())),
        ("query_string", Value::tuple(pairs.collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_their_listener() {
        let rule = "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/main/50dc/0467/9683";
        assert_eq!(
            listener_of(rule),
            "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/main/50dc/0467"
        );
    }

    fn paths(paths: &[&str]) -> Value {
        let values = paths.iter().map(|p| Value::from(*p)).collect();
        let block = Value::object([("values", Value::set(Type::String, values))]);
        Value::object([("path_pattern", Value::tuple(vec![block]))])
    }

    fn problems(conditions: Vec<Value>) -> usize {
        let config = Value::object([("condition", Value::tuple(conditions))]);
        LbListenerRule.validate(&config).len()
    }

    #[test]
    fn conditions_are_limited() {
        assert_eq!(problems(vec![paths(&["/a", "/b"])]), 0);
        assert_eq!(
            problems(vec![paths(&["/a", "/b", "/c"]), paths(&["/d", "/e", "/f"])]),
            1
        );
        assert_eq!(problems(vec![Value::object::<&str>([])]), 1);
    }

    #[test]
    fn conditions_go_there_and_back() {
        let there = condition(&paths(&["/a", "/b"]));
        let back = condition_value(&there);
        assert_eq!(back.block("path_pattern").unwrap().texts("values"), ["/a", "/b"]);
        assert!(back.blocks("host_header").is_empty());
    }
}
