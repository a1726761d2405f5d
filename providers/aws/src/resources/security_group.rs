//! `aws_security_group`: which packets may come and go.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{IpPermission, ResourceType, SecurityGroup as Remote};
use infra_providers::{Attribute, Block, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Path, Type, Value};

use super::permissions::{Change, Rules, blocks, compare, permissions, rules_of, rules_of_permissions, same_protocol};
use crate::batch::lookup;
use crate::ec2::{PROPAGATION, creation_tags, filter, find_created, tag_map, update_tags};
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::retry::{in_use, not_yet};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct SecurityGroup;

/// The directions of rules, and whether packets go out.
const DIRECTIONS: [(&str, bool); 2] = [("ingress", false), ("egress", true)];

#[async_trait]
impl Resource for SecurityGroup {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let fixed = || Attribute::optional_computed(Type::String).force_new();
        let rules = || NestedBlock::set(rule_block()).computed();
        let block = Block::new("Which packets may come and go.")
            .attr(
                "name",
                fixed()
                    .check(Validator::Custom(check_name))
                    .doc("The name; generated when not set."),
            )
            .attr("name_prefix", fixed().doc("What a generated name begins with."))
            .attr(
                "description",
                Attribute::optional(Type::String)
                    // Terraform's words: a group it made must not be replaced.
                    .default("Managed by Terraform")
                    .force_new()
                    .check(Validator::Length(1, 255))
                    .doc("What it is for. It cannot be changed."),
            )
            .attr("vpc_id", fixed().doc("The VPC; the default one when not set."))
            .attr(
                "revoke_rules_on_delete",
                Attribute::optional(Type::Bool)
                    .default(false)
                    .doc("Whether to remove all rules before the group."),
            )
            .attr("arn", computed())
            .attr("owner_id", computed())
            .block("ingress", rules())
            .block("egress", rules());
        Schema::new(with_timeouts(with_tags(block), &["create", "delete"]))
            .unique(&["vpc_id", "name"])
            .create_before_destroy()
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        if config.is_set("name") && config.is_set("name_prefix") {
            problems.push(Problem::new(
                Path::attr("name_prefix"),
                "`name` and `name_prefix` exclude each other",
            ));
        }
        for (direction, _) in DIRECTIONS {
            for (i, block) in config.blocks(direction).iter().enumerate() {
                let all = block.get_str("protocol").is_some_and(|p| p == "-1" || p == "all");
                let ports = [block.int("from_port"), block.int("to_port")];
                if all && ports.iter().any(|p| p.is_some_and(|p| p != 0)) {
                    let path = Path::attr(direction).join_index(i).join_attr("from_port");
                    problems.push(
                        Problem::new(path, "all protocols have no ports").help("set `from_port` and `to_port` to 0"),
                    );
                }
            }
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        // The same rules, written in other blocks, are no change.
        let Some(prior) = plan.prior else {
            return Ok(());
        };
        let own = prior.id();
        for (direction, _) in DIRECTIONS {
            let (Some(old), Some(new)) = (prior.get(direction), plan.planned.get(direction)) else {
                continue;
            };
            let same = new.is_wholly_known()
                && !old.same_value(new)
                && rules_of(prior, direction, &own) == rules_of(&plan.planned, direction, &own);
            if same {
                plan.set(direction, old.clone().with_marks(new.marks));
            }
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe(cx, ids)).await;
        found.answer(objects, |group, prior| state(cx, group, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve(op.planned, op.token);
        let answer = op
            .cx
            .ec2_once()
            .create_security_group()
            .group_name(&name)
            .set_description(op.planned.text("description"))
            .set_vpc_id(op.planned.text("vpc_id"))
            .tag_specifications(creation_tags(op, ResourceType::SecurityGroup))
            .send()
            .await
            .op("CreateSecurityGroup")?;
        let id = answer.group_id.expect_in("CreateSecurityGroup", "group id")?;
        op.exists([("id", id.as_str().into()), ("name", name.into())]);
        complete(op, &id).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        for (direction, egress) in DIRECTIONS {
            if op.changed(direction) {
                let old = rules_of(&op.prior, direction, &id);
                let new = rules_of(op.planned, direction, &id);
                apply(op, &id, egress, &compare(&old, &new)).await?;
            }
        }
        update_tags(op, &id).await
    }

    async fn resume(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        complete(op, &op.id()).await
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let Some(found) = find_created(cx, token).await? else {
            return Ok(None);
        };
        // The rule that AWS adds must not survive an interrupted create.
        let id = found.id();
        if let Some(group) = describe(cx, vec![id.clone()]).await?.remove(&id) {
            let wanted = rules_of(planned, "egress", &id);
            let added = group
                .ip_permissions_egress()
                .iter()
                .filter(|p| is_default_egress(p))
                .cloned();
            let added = rules_of_permissions(&added.collect::<Vec<_>>(), group.owner_id().unwrap_or_default());
            let change = compare(&added, &wanted);
            if !change.remove.is_empty() {
                revoke(cx, &id, true, permissions(&change.remove)).await?;
            }
        }
        Ok(Some(found))
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        if op.prior.flag("revoke_rules_on_delete") == Some(true) {
            revoke_own(op.cx, &id).await?;
            revoke_references(op.cx, &id).await?;
        }
        let timeout = op.timeout("delete", minutes(15));
        let delete = || async {
            let call = op.cx.ec2().delete_security_group().group_id(&id);
            call.send().await.op("DeleteSecurityGroup").map(|_| ())
        };
        let first = op.retry(timeout.min(first_try(op.cx)), in_use, delete).await;
        match first {
            Err(error) if in_use(&error) => {
                // Rules of other groups that lead here hold it, and are of no use any more.
                revoke_references(op.cx, &id).await?;
                op.retry(timeout, in_use, delete).await?;
            }
            other => other?,
        }
        let wait = Wait::new(format!("{id} to be gone"), timeout).every(seconds(5));
        op.wait_gone(wait, || async {
            Ok(describe(op.cx, vec![id.clone()])
                .await?
                .remove(&id)
                .map(|_| "there".to_owned()))
        })
        .await
    }

    fn has_creation_tag(&self) -> bool {
        true
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

fn rule_block() -> Block {
    let texts = || Attribute::optional(Type::list(Type::String));
    Block::new("A rule, or several of the same ports.")
        .attr(
            "from_port",
            Attribute::required(Type::Number).doc("The first port, or the ICMP type."),
        )
        .attr(
            "to_port",
            Attribute::required(Type::Number).doc("The last port, or the ICMP code."),
        )
        .attr(
            "protocol",
            Attribute::required(Type::String)
                .equal(same_protocol)
                .doc("`tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all."),
        )
        .attr("cidr_blocks", texts().doc("IPv4 addresses."))
        .attr("ipv6_cidr_blocks", texts().doc("IPv6 addresses."))
        .attr("prefix_list_ids", texts().doc("Prefix lists."))
        .attr(
            "security_groups",
            Attribute::optional(Type::set(Type::String)).doc("Security groups."),
        )
        .attr(
            "self",
            Attribute::optional(Type::Bool)
                .default(false)
                .doc("Whether the group itself is meant."),
        )
        .attr(
            "description",
            Attribute::optional(Type::String).doc("What the rule is for."),
        )
}

fn check_name(name: &Value) -> Option<String> {
    let name = name.as_str()?;
    if name.starts_with("sg-") {
        return Some("the name of a security group cannot begin with `sg-`".to_owned());
    }
    (name.is_empty() || name.chars().count() > 255).then(|| "`name` must have 1 to 255 characters".to_owned())
}

/// How long to try before foreign rules are removed.
fn first_try(cx: &Cx<'_>) -> std::time::Duration {
    if cx.local() { seconds(1) } else { minutes(1) }
}

async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let groups = find_groups(cx, "group-id", ids).await?;
    Ok(groups
        .into_iter()
        .filter_map(|g| Some((g.group_id.clone()?, g)))
        .collect())
}

async fn find_groups(cx: &Cx<'_>, by: &str, values: Vec<String>) -> Result<Vec<Remote>, ProviderError> {
    let call = cx.ec2().describe_security_groups().filters(filter(by, values));
    let pages = call.into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.op("DescribeSecurityGroups")
}

fn state(cx: &Cx<'_>, group: &Remote, prior: &Value) -> Value {
    let id = group.group_id().unwrap_or_default();
    let owner = group.owner_id().unwrap_or_default();
    let mut state = cx.state(prior);
    state
        .set("id", id)
        .set("arn", cx.arn("ec2", owner, &format!("security-group/{id}")))
        .set("owner_id", owner)
        .set("vpc_id", group.vpc_id().filter(|v| !v.is_empty()))
        .set("description", group.description())
        .name(group.group_name().unwrap_or_default());
    for (direction, egress) in DIRECTIONS {
        // A group without inline rules leaves them to rule resources.
        let inline = !prior.blocks(direction).is_empty() || prior.get(direction).is_none();
        let listed = if egress {
            group.ip_permissions_egress()
        } else {
            group.ip_permissions()
        };
        let rules = if inline {
            rules_of_permissions(listed, owner)
        } else {
            Rules::new()
        };
        state.set_blocks(direction, blocks(&rules, prior.blocks(direction), id));
    }
    if prior.get("revoke_rules_on_delete").is_none() {
        state.set("revoke_rules_on_delete", false);
    }
    state.tags(cx.default_tags(), tag_map(group.tags()));
    state.finish()
}

/// Finishes a new group: no rule of AWS's own, all planned ones.
async fn complete(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    let wait = Wait::new(format!("{id} to be visible"), op.timeout("create", minutes(10)));
    let group = op
        .wait(wait.every(seconds(2)).times(3), || async {
            Ok(match describe(op.cx, vec![id.to_owned()]).await?.remove(id) {
                Some(group) => Look::Done(group),
                None => Look::Pending("not visible yet".to_owned()),
            })
        })
        .await?;
    let owner = group.owner_id().unwrap_or_default();
    for (direction, egress) in DIRECTIONS {
        let listed = if egress {
            group.ip_permissions_egress()
        } else {
            group.ip_permissions()
        };
        let old = rules_of_permissions(listed, owner);
        let new = rules_of(op.planned, direction, id);
        apply(op, id, egress, &compare(&old, &new)).await?;
    }
    Ok(())
}

/// Says whether it is the rule that AWS gives each new group: everything out.
fn is_default_egress(permission: &IpPermission) -> bool {
    permission.ip_protocol() == Some("-1")
        && permission.ip_ranges().iter().all(|r| r.cidr_ip() == Some("0.0.0.0/0"))
        && permission.ipv6_ranges().iter().all(|r| r.cidr_ipv6() == Some("::/0"))
        && permission.user_id_group_pairs().is_empty()
        && permission.prefix_list_ids().is_empty()
}

/// Changes rules: new ones first, so that nothing is cut off in between.
async fn apply(op: &Op<'_>, id: &str, egress: bool, change: &Change) -> Result<(), ProviderError> {
    let mut removed = false;
    if !change.add.is_empty() {
        let added = authorize(op, id, egress, &change.add).await;
        match added {
            Err(error) if has_code(&error, &["RulesPerSecurityGroupLimitExceeded"]) && !change.remove.is_empty() => {
                // There is room only for one or the other.
                revoke(op.cx, id, egress, permissions(&change.remove)).await?;
                removed = true;
                authorize(op, id, egress, &change.add).await?;
            }
            other => other?,
        }
    }
    if !change.describe.is_empty() {
        let permissions = Some(permissions(&change.describe));
        if egress {
            let call = op.cx.ec2().update_security_group_rule_descriptions_egress();
            let call = call.group_id(id).set_ip_permissions(permissions);
            call.send().await.op("UpdateSecurityGroupRuleDescriptionsEgress")?;
        } else {
            let call = op.cx.ec2().update_security_group_rule_descriptions_ingress();
            let call = call.group_id(id).set_ip_permissions(permissions);
            call.send().await.op("UpdateSecurityGroupRuleDescriptionsIngress")?;
        }
    }
    if !change.remove.is_empty() && !removed {
        revoke(op.cx, id, egress, permissions(&change.remove)).await?;
    }
    Ok(())
}

async fn authorize(op: &Op<'_>, id: &str, egress: bool, rules: &Rules) -> Result<(), ProviderError> {
    op.retry(PROPAGATION, not_yet, || async {
        let permissions = Some(permissions(rules));
        if egress {
            let call = op.cx.ec2_once().authorize_security_group_egress();
            let call = call.group_id(id).set_ip_permissions(permissions);
            call.send().await.op("AuthorizeSecurityGroupEgress").map(|_| ())
        } else {
            let call = op.cx.ec2_once().authorize_security_group_ingress();
            let call = call.group_id(id).set_ip_permissions(permissions);
            call.send().await.op("AuthorizeSecurityGroupIngress").map(|_| ())
        }
    })
    .await
}

async fn revoke(cx: &Cx<'_>, id: &str, egress: bool, rules: Vec<IpPermission>) -> Result<(), ProviderError> {
    let revoked = if egress {
        let call = cx.ec2().revoke_security_group_egress().group_id(id);
        let call = call.set_ip_permissions(Some(rules));
        call.send().await.op("RevokeSecurityGroupEgress").map(|_| ())
    } else {
        let call = cx.ec2().revoke_security_group_ingress().group_id(id);
        let call = call.set_ip_permissions(Some(rules));
        call.send().await.op("RevokeSecurityGroupIngress").map(|_| ())
    };
    or_gone(revoked).map(|_| ())
}

/// Removes all rules of a group.
async fn revoke_own(cx: &Cx<'_>, id: &str) -> Result<(), ProviderError> {
    let Some(group) = describe(cx, vec![id.to_owned()]).await?.remove(id) else {
        return Ok(());
    };
    let owner = group.owner_id().unwrap_or_default();
    for (listed, egress) in [(group.ip_permissions(), false), (group.ip_permissions_egress(), true)] {
        if !listed.is_empty() {
            let rules = rules_of_permissions(listed, owner);
            revoke(cx, id, egress, permissions(&rules)).await?;
        }
    }
    Ok(())
}

/// Removes the rules of other groups that lead to this one.
async fn revoke_references(cx: &Cx<'_>, id: &str) -> Result<(), ProviderError> {
    for (by, egress) in [
        ("ip-permission.group-id", false),
        ("egress.ip-permission.group-id", true),
    ] {
        for group in find_groups(cx, by, vec![id.to_owned()]).await? {
            let listed = if egress {
                group.ip_permissions_egress()
            } else {
                group.ip_permissions()
            };
            let rules: Vec<IpPermission> = listed.iter().filter_map(|p| only_group(p, id)).collect();
            if !rules.is_empty() {
                revoke(cx, group.group_id().unwrap_or_default(), egress, rules).await?;
            }
        }
    }
    Ok(())
}

/// Returns the part of a permission that leads to a group.
fn only_group(permission: &IpPermission, id: &str) -> Option<IpPermission> {
    let pairs: Vec<_> = permission
        .user_id_group_pairs()
        .iter()
        .filter(|p| p.group_id() == Some(id))
        .cloned()
        .collect();
    (!pairs.is_empty()).then(|| {
        IpPermission::builder()
            .set_ip_protocol(permission.ip_protocol.clone())
            .set_from_port(permission.from_port)
            .set_to_port(permission.to_port)
            .set_user_id_group_pairs(Some(pairs))
            .build()
    })
}
