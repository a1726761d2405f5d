//! `aws_vpc_security_group_ingress_rule` and `…_egress_rule`: one rule of a group.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule as Remote,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use infra_providers::{Attribute, Block, Problem, ProviderError, ReadRequest, Schema};
use infra_types::{Path, Type, Value};

use super::permissions::{protocol, same_protocol};
use crate::batch::lookup;
use crate::ec2::{PROPAGATION, creation_tags, filter, tag_map, update_tags};
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::retry::not_yet;
use crate::tags::with_tags;
use crate::value::{Fields, same_cidr};

/// The resource type, for one direction.
pub(crate) struct SecurityGroupRule {
    /// Whether packets go out.
    pub(crate) egress: bool,
}

/// The arguments of which exactly one is set.
const PEERS: [&str; 4] = [
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "referenced_security_group_id",
];

#[async_trait]
impl Resource for SecurityGroupRule {
    fn schema(&self) -> Schema {
        let text = || Attribute::optional(Type::String);
        let block = Block::new("One rule of a security group.")
            .attr(
                "security_group_id",
                Attribute::required(Type::String).force_new().doc("The group."),
            )
            .attr(
                "ip_protocol",
                Attribute::required(Type::String)
                    .equal(same_protocol)
                    .doc("`tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all."),
            )
            .attr(
                "from_port",
                Attribute::optional(Type::Number).doc("The first port, or the ICMP type."),
            )
            .attr(
                "to_port",
                Attribute::optional(Type::Number).doc("The last port, or the ICMP code."),
            )
            .attr("cidr_ipv4", text().equal(same_cidr).doc("IPv4 addresses."))
            .attr("cidr_ipv6", text().equal(same_cidr).doc("IPv6 addresses."))
            .attr("prefix_list_id", text().doc("A prefix list."))
            .attr("referenced_security_group_id", text().doc("A security group."))
            .attr("description", text().doc("What the rule is for."))
            .attr("arn", Attribute::computed(Type::String))
            .attr("security_group_rule_id", Attribute::computed(Type::String));
        Schema::new(with_tags(block))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        if PEERS.iter().filter(|name| config.is_set(name)).count() != 1 {
            problems.push(
                Problem::new(Path::attr(PEERS[0]), "a rule needs exactly one peer")
                    .help(format!("set one of `{}`", PEERS.join("`, `"))),
            );
        }
        let all = config.get_str("ip_protocol").map(protocol).as_deref() == Some("-1");
        for name in ["from_port", "to_port"] {
            if all && config.is_set(name) {
                problems.push(Problem::new(
                    Path::attr(name),
                    format!("all protocols have no ports: leave out `{name}`"),
                ));
            }
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        // The service changes a peer, but not into one of another kind.
        let Some(prior) = plan.prior else {
            return Ok(());
        };
        for name in PEERS {
            if plan.planned.is_set(name) && !prior.is_set(name) {
                plan.replace(name);
            }
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe(cx, ids)).await;
        // Somebody may have asked for a rule of the other direction.
        let right = |rule: &Remote| rule.is_egress() == Some(self.egress);
        found.answer_by(objects, Fields::id, |rule, prior| {
            right(rule).then(|| state(cx, rule, prior))
        })
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let group = op.planned.text("security_group_id").unwrap_or_default();
        let permission = permission(op.planned);
        let tags = creation_tags(op, ResourceType::SecurityGroupRule);
        let rules = op
            .retry(PROPAGATION, not_yet, || async {
                if self.egress {
                    let call = op.cx.ec2_once().authorize_security_group_egress().group_id(&group);
                    let call = call.ip_permissions(permission.clone()).tag_specifications(tags.clone());
                    let answer = call.send().await.op("AuthorizeSecurityGroupEgress")?;
                    Ok(answer.security_group_rules)
                } else {
                    let call = op.cx.ec2_once().authorize_security_group_ingress().group_id(&group);
                    let call = call.ip_permissions(permission.clone()).tag_specifications(tags.clone());
                    let answer = call.send().await.op("AuthorizeSecurityGroupIngress")?;
                    Ok(answer.security_group_rules)
                }
            })
            .await
            .map_err(|error| {
                if has_code(&error, &["InvalidPermission.Duplicate"]) {
                    return error
                        .help("import the rule, or remove it first; inline rules and rule resources do not mix");
                }
                error
            })?;
        let id = rules
            .unwrap_or_default()
            .into_iter()
            .find_map(|r| r.security_group_rule_id);
        let id = id.expect_in("AuthorizeSecurityGroup…", "rule id")?;
        op.exists([("id", id.as_str().into())]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let own = ["ip_protocol", "from_port", "to_port", "description"];
        if op.any_changed(&own) || op.any_changed(&PEERS) {
            let update = SecurityGroupRuleUpdate::builder()
                .security_group_rule_id(&id)
                .security_group_rule(request(&op.prior, op.planned))
                .build();
            let call = op.cx.ec2().modify_security_group_rules();
            let call = call.set_group_id(op.planned.text("security_group_id"));
            call.security_group_rules(update)
                .send()
                .await
                .op("ModifySecurityGroupRules")?;
        }
        update_tags(op, &id).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let (group, id) = (op.prior.text("security_group_id"), op.id());
        let revoked = if self.egress {
            let call = op.cx.ec2().revoke_security_group_egress().set_group_id(group);
            let call = call.security_group_rule_ids(id);
            call.send().await.op("RevokeSecurityGroupEgress").map(|_| ())
        } else {
            let call = op.cx.ec2().revoke_security_group_ingress().set_group_id(group);
            let call = call.security_group_rule_ids(id);
            call.send().await.op("RevokeSecurityGroupIngress").map(|_| ())
        };
        or_gone(revoked).map(|_| ())
    }

    fn has_creation_tag(&self) -> bool {
        true
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let call = cx.ec2().describe_security_group_rules();
    let call = call.filters(filter("security-group-rule-id", ids));
    let pages = call.into_paginator().items().send();
    let rules: Vec<Remote> = pages.collect::<Result<_, _>>().await.op("DescribeSecurityGroupRules")?;
    let by_id = rules
        .into_iter()
        .filter_map(|r| Some((r.security_group_rule_id.clone()?, r)));
    Ok(by_id.collect())
}

fn state(cx: &Cx<'_>, rule: &Remote, prior: &Value) -> Value {
    let id = rule.security_group_rule_id().unwrap_or_default();
    let owner = rule.group_owner_id().unwrap_or_default();
    let arn = rule.security_group_rule_arn().map(str::to_owned);
    let arn = arn.or_else(|| (!owner.is_empty()).then(|| cx.arn("ec2", owner, &format!("security-group-rule/{id}"))));
    let all = rule.ip_protocol() == Some("-1");
    let port = |port: Option<i32>| port.filter(|_| !all);
    let group = rule.referenced_group_info().and_then(|g| {
        let id = g.group_id()?;
        let foreign = g
            .user_id()
            .filter(|u| !u.is_empty() && !owner.is_empty() && *u != owner);
        Some(foreign.map_or_else(|| id.to_owned(), |user| format!("{user}/{id}")))
    });
    let some = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
    let mut state = cx.state(prior);
    state
        .set("id", id)
        .set("security_group_rule_id", id)
        .set("arn", arn)
        .set("security_group_id", rule.group_id())
        .set("ip_protocol", rule.ip_protocol().map(protocol))
        .set("from_port", port(rule.from_port()))
        .set("to_port", port(rule.to_port()))
        .set("cidr_ipv4", some(rule.cidr_ipv4()))
        .set("cidr_ipv6", some(rule.cidr_ipv6()))
        .set("prefix_list_id", some(rule.prefix_list_id()))
        .set("referenced_security_group_id", group)
        .set("description", some(rule.description()))
        .tags(cx.default_tags(), tag_map(rule.tags()));
    state.finish()
}

/// Returns the form a rule is created with.
fn permission(planned: &Value) -> IpPermission {
    let description = planned.text("description");
    let out = IpPermission::builder()
        .ip_protocol(protocol(planned.get_str("ip_protocol").unwrap_or_default()))
        .set_from_port(planned.int("from_port"))
        .set_to_port(planned.int("to_port"));
    let out = match planned.text("cidr_ipv4") {
        Some(cidr) => out.ip_ranges(
            IpRange::builder()
                .cidr_ip(cidr)
                .set_description(description.clone())
                .build(),
        ),
        None => out,
    };
    let out = match planned.text("cidr_ipv6") {
        Some(cidr) => out.ipv6_ranges(
            Ipv6Range::builder()
                .cidr_ipv6(cidr)
                .set_description(description.clone())
                .build(),
        ),
        None => out,
    };
    let out = match planned.text("prefix_list_id") {
        Some(id) => out.prefix_list_ids(
            PrefixListId::builder()
                .prefix_list_id(id)
                .set_description(description.clone())
                .build(),
        ),
        None => out,
    };
    match planned.text("referenced_security_group_id") {
        Some(group) => {
            let pair = match group.split_once('/') {
                Some((user, id)) => UserIdGroupPair::builder().user_id(user).group_id(id),
                None => UserIdGroupPair::builder().group_id(group),
            };
            out.user_id_group_pairs(pair.set_description(description).build())
        }
        None => out,
    }
    .build()
}

/// Returns the form a rule is changed with.
fn request(prior: &Value, planned: &Value) -> SecurityGroupRuleRequest {
    let protocol = protocol(planned.get_str("ip_protocol").unwrap_or_default());
    let port = |name| {
        if protocol == "-1" { Some(-1) } else { planned.int(name) }
    };
    // An empty text takes a description away.
    let had = prior.is_set("description");
    let description = planned.text("description").or_else(|| had.then(String::new));
    let group = planned.text("referenced_security_group_id");
    let group = group.map(|g| g.rsplit('/').next().unwrap_or_default().to_owned());
    SecurityGroupRuleRequest::builder()
        .set_from_port(port("from_port"))
        .set_to_port(port("to_port"))
        .ip_protocol(protocol)
        .set_cidr_ipv4(planned.text("cidr_ipv4"))
        .set_cidr_ipv6(planned.text("cidr_ipv6"))
        .set_prefix_list_id(planned.text("prefix_list_id"))
        .set_referenced_group_id(group)
        .set_description(description)
        .build()
}
