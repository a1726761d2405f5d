//! Inline rules of a security group, as single rules.
//!
//! A block of `aws_security_group` may stand for many rules: one per CIDR,
//! prefix list and group. The service merges and sorts them as it likes. So
//! both sides are taken apart into single [`Rule`]s, compared, and put back
//! into the blocks that were written.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use infra_types::Value;

use crate::value::{Fields, ToValue};

/// Where a rule lets packets come from, or go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// IPv4 addresses.
    V4(String),
    /// IPv6 addresses.
    V6(String),
    /// A prefix list.
    PrefixList(String),
    /// A security group, perhaps with its account: `123456789012/sg-1`.
    Group(String),
}

/// A single rule, without its description.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    protocol: String,
    ports: Option<(i32, i32)>,
    peer: Peer,
}

/// Rules with their descriptions.
pub(super) type Rules = BTreeMap<Rule, Option<String>>;

/// Returns a protocol by the name the service uses: `tcp` for `6`, `-1` for all.
pub(super) fn protocol(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "all" | "-1" => "-1".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "1" => "icmp".to_owned(),
        "58" => "icmpv6".to_owned(),
        other => other.to_owned(),
    }
}

/// Says whether two texts name the same protocol.
pub(super) fn same_protocol(prior: &Value, configured: &Value) -> bool {
    matches!((prior.as_str(), configured.as_str()), (Some(a), Some(b)) if protocol(a) == protocol(b))
}

fn canonical_cidr(text: &str) -> String {
    text.parse::<ipnet::IpNet>()
        .map_or_else(|_| text.to_owned(), |net| net.trunc().to_string())
}

/// Takes a block apart. `own` is the group's id, for `self`.
pub(super) fn rules_of_block(block: &Value, own: &str) -> Rules {
    let protocol = protocol(block.get_str("protocol").unwrap_or_default());
    let ports = (protocol != "-1").then(|| (block.int("from_port").unwrap_or(0), block.int("to_port").unwrap_or(0)));
    let description = block.text("description").filter(|d| !d.is_empty());
    let v4 = block
        .texts("cidr_blocks")
        .into_iter()
        .map(|c| Peer::V4(canonical_cidr(&c)));
    let v6 = block
        .texts("ipv6_cidr_blocks")
        .into_iter()
        .map(|c| Peer::V6(canonical_cidr(&c)));
    let lists = block.texts("prefix_list_ids").into_iter().map(Peer::PrefixList);
    let groups = block.texts("security_groups").into_iter().map(Peer::Group);
    let itself = (block.flag("self") == Some(true)).then(|| Peer::Group(own.to_owned()));
    let peers = v4.chain(v6).chain(lists).chain(groups).chain(itself);
    peers
        .map(|peer| {
            let rule = Rule {
                protocol: protocol.clone(),
                ports,
                peer,
            };
            (rule, description.clone())
        })
        .collect()
}

/// Takes all blocks of a direction apart.
pub(super) fn rules_of(object: &Value, direction: &str, own: &str) -> Rules {
    object
        .blocks(direction)
        .iter()
        .flat_map(|block| rules_of_block(block, own))
        .collect()
}

/// Takes the service's permissions apart. Groups of other accounts are named with the account.
pub(super) fn rules_of_permissions(permissions: &[IpPermission], owner: &str) -> Rules {
    let mut rules = Rules::new();
    for permission in permissions {
        let protocol = protocol(permission.ip_protocol().unwrap_or("-1"));
        let ports =
            (protocol != "-1").then(|| (permission.from_port().unwrap_or(-1), permission.to_port().unwrap_or(-1)));
        let mut add = |peer: Peer, description: Option<&str>| {
            let rule = Rule {
                protocol: protocol.clone(),
                ports,
                peer,
            };
            rules.insert(rule, description.filter(|d| !d.is_empty()).map(str::to_owned));
        };
        for range in permission.ip_ranges() {
            add(
                Peer::V4(range.cidr_ip().unwrap_or_default().to_owned()),
                range.description(),
            );
        }
        for range in permission.ipv6_ranges() {
            add(
                Peer::V6(canonical_cidr(range.cidr_ipv6().unwrap_or_default())),
                range.description(),
            );
        }
        for list in permission.prefix_list_ids() {
            add(
                Peer::PrefixList(list.prefix_list_id().unwrap_or_default().to_owned()),
                list.description(),
            );
        }
        for pair in permission.user_id_group_pairs() {
            let id = pair.group_id().unwrap_or_default();
            let foreign = pair.user_id().filter(|u| !u.is_empty() && *u != owner);
            let name = foreign.map_or_else(|| id.to_owned(), |user| format!("{user}/{id}"));
            add(Peer::Group(name), pair.description());
        }
    }
    rules
}

/// Returns the request form of rules.
pub(super) fn permissions(rules: &Rules) -> Vec<IpPermission> {
    rules
        .iter()
        .map(|(rule, description)| permission(rule, description.as_deref()))
        .collect()
}

fn permission(rule: &Rule, description: Option<&str>) -> IpPermission {
    let out = IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.ports.map(|p| p.0))
        .set_to_port(rule.ports.map(|p| p.1));
    let description = description.map(str::to_owned);
    match &rule.peer {
        Peer::V4(cidr) => out.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description).build()),
        Peer::V6(cidr) => out.ipv6_ranges(
            Ipv6Range::builder()
                .cidr_ipv6(cidr)
                .set_description(description)
                .build(),
        ),
        Peer::PrefixList(id) => out.prefix_list_ids(
            PrefixListId::builder()
                .prefix_list_id(id)
                .set_description(description)
                .build(),
        ),
        Peer::Group(name) => {
            let pair = match name.split_once('/') {
                Some((user, id)) => UserIdGroupPair::builder().user_id(user).group_id(id),
                None => UserIdGroupPair::builder().group_id(name),
            };
            out.user_id_group_pairs(pair.set_description(description).build())
        }
    }
    .build()
}

/// Puts rules into blocks: those of `written` as far as their rules are there, the rest grouped
/// by protocol, ports and description.
pub(super) fn blocks(rules: &Rules, written: &[Value], own: &str) -> Vec<Value> {
    let mut rest = rules.clone();
    let mut out = Vec::new();
    let mut broken = Vec::new();
    for block in written {
        let want = rules_of_block(block, own);
        let whole = want.iter().all(|(rule, text)| rest.get(rule) == Some(text));
        if whole {
            want.keys().for_each(|rule| {
                rest.remove(rule);
            });
            out.push(block.clone());
        } else {
            broken.push(want);
        }
    }
    // What is left of a block stays together.
    for want in broken {
        let left: Rules = want.into_keys().filter_map(|rule| rest.remove_entry(&rule)).collect();
        out.extend(grouped(&left, own));
    }
    out.extend(grouped(&rest, own));
    out
}

/// What the rules of a block share: protocol, ports, description.
type GroupKey<'r> = (&'r str, Option<(i32, i32)>, Option<&'r str>);

fn grouped(rules: &Rules, own: &str) -> Vec<Value> {
    let mut groups: BTreeMap<GroupKey<'_>, Vec<&Peer>> = BTreeMap::new();
    for (rule, description) in rules {
        let key = (rule.protocol.as_str(), rule.ports, description.as_deref());
        groups.entry(key).or_default().push(&rule.peer);
    }
    groups
        .into_iter()
        .map(|((protocol, ports, description), peers)| {
            let texts = |pick: fn(&Peer) -> Option<&String>| -> Vec<String> {
                peers.iter().filter_map(|p| pick(p)).cloned().collect()
            };
            let list = |texts: Vec<String>| texts.to_value(&infra_types::Type::list(infra_types::Type::String));
            let v4 = texts(|p| if let Peer::V4(t) = p { Some(t) } else { None });
            let v6 = texts(|p| if let Peer::V6(t) = p { Some(t) } else { None });
            let lists = texts(|p| if let Peer::PrefixList(t) = p { Some(t) } else { None });
            let groups = texts(|p| if let Peer::Group(t) = p { Some(t) } else { None });
            let itself = groups.iter().any(|g| g == own);
            let others: BTreeSet<String> = groups.into_iter().filter(|g| g != own).collect();
            let (from, to) = ports.unwrap_or((0, 0));
            Value::object([
                ("protocol", protocol.into()),
                ("from_port", i64::from(from).into()),
                ("to_port", i64::from(to).into()),
                ("description", description.into()),
                ("cidr_blocks", list(v4)),
                ("ipv6_cidr_blocks", list(v6)),
                ("prefix_list_ids", list(lists)),
                (
                    "security_groups",
                    others
                        .into_iter()
                        .collect::<Vec<_>>()
                        .to_value(&infra_types::Type::set(infra_types::Type::String)),
                ),
                ("self", itself.into()),
            ])
        })
        .collect()
}

/// What turns old rules into new ones.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    /// To be added.
    pub(super) add: Rules,
    /// To be removed.
    pub(super) remove: Rules,
    /// To be described otherwise.
    pub(super) describe: Rules,
}

/// Compares rules.
pub(super) fn compare(old: &Rules, new: &Rules) -> Change {
    let pick = |from: &Rules, test: &dyn Fn(&Rule, &Option<String>) -> bool| -> Rules {
        let picked = from.iter().filter(|(rule, text)| test(rule, text));
        picked.map(|(rule, text)| (rule.clone(), text.clone())).collect()
    };
    Change {
        add: pick(new, &|rule, _| !old.contains_key(rule)),
        remove: pick(old, &|rule, _| !new.contains_key(rule)),
        describe: pick(new, &|rule, text| old.get(rule).is_some_and(|was| was != text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(protocol: &str, port: i64, cidrs: &[&str], description: Option<&str>) -> Value {
        Value::object([
            ("protocol", protocol.into()),
            ("from_port", port.into()),
            ("to_port", port.into()),
            ("cidr_blocks", Value::strings(cidrs.iter().copied())),
            ("description", description.into()),
        ])
    }

    #[test]
    fn blocks_are_found_again_in_what_the_service_merged() {
        let written = [
            block("6", 80, &["10.0.0.0/8", "10.9.9.9/8", "192.168.0.0/16"], None),
            block("tcp", 80, &["172.16.0.0/12"], None),
        ];
        let ranges = ["172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8"];
        let merged = ranges.iter().fold(
            IpPermission::builder().ip_protocol("tcp").from_port(80).to_port(80),
            |p, cidr| p.ip_ranges(IpRange::builder().cidr_ip(*cidr).build()),
        );
        let rules = rules_of_permissions(&[merged.build()], "1");
        assert_eq!(blocks(&rules, &written, "sg-1"), written.to_vec());
    }

    #[test]
    fn foreign_rules_make_blocks_of_their_own() {
        let written = [block("tcp", 80, &["10.0.0.0/8"], None)];
        let mut rules = rules_of_block(&written[0], "sg-1");
        rules.extend(rules_of_block(&block("-1", 0, &["0.0.0.0/0"], Some("oops")), "sg-1"));
        let found = blocks(&rules, &written, "sg-1");
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].get_str("description"), Some("oops"));
    }

    #[test]
    fn all_protocols_have_no_ports() {
        let a = rules_of_block(&block("-1", 0, &["0.0.0.0/0"], None), "sg-1");
        let b = rules_of_block(&block("all", 65535, &["0.0.0.0/0"], None), "sg-1");
        assert_eq!(a, b);
    }

    #[test]
    fn a_description_changes_in_place() {
        let old = rules_of_block(&block("tcp", 80, &["10.0.0.0/8"], None), "sg-1");
        let new = rules_of_block(&block("tcp", 80, &["10.0.0.0/8"], Some("web")), "sg-1");
        let change = compare(&old, &new);
        assert!(change.add.is_empty() && change.remove.is_empty());
        assert_eq!(change.describe, new);
    }
}
