//! What was approved: kept beside the state while a plan is applied, so that the
//! rest of it can be done after a failure without another review.
//!
//! It holds no values. For each change it has what is done, which parts were not
//! known, and a hash of everything else. A plan that is made later is covered if
//! each of its changes was approved: the same is done, and what was known is the
//! same; what was not known may be known now. Secrets take part in the hash by
//! their places only.

use std::collections::{BTreeMap, BTreeSet};

use infra_types::address::AddressError;
use infra_types::{Path, PathStep, Value, ValueKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Action, Change, Plan, PlanMode, PlanOptions, Reason};
use crate::config::Config;

/// The version of the format.
const FORMAT: u32 = 1;

/// An approved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    format: u32,
    lineage: String,
    serial: u64,
    mode: String,
    refresh: bool,
    targets: Vec<String>,
    excludes: Vec<String>,
    /// The instances to replace on request, with the tokens of their successors.
    replace: BTreeMap<String, String>,
    timestamp: String,
    /// A hash of all files of the configuration.
    sources: String,
    /// The values of the root variables.
    variables: BTreeMap<String, Fingerprint>,
    /// By address and deposed key.
    changes: BTreeMap<String, Approved>,
    outputs: BTreeMap<String, Option<Fingerprint>>,
}

/// An approved change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Approved {
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    importing: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planned: Option<Fingerprint>,
}

/// What a value was, as far as it was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    /// The places that were not known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unknown: BTreeSet<String>,
    hash: String,
}

/// Why an approval cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// It is not in the format that this version writes.
    #[error("the record of what was approved cannot be read: {0}")]
    Damaged(String),
    /// It belongs to another state.
    #[error("what was approved was planned for another state")]
    Foreign,
}

impl From<AddressError> for ApprovalError {
    fn from(error: AddressError) -> Self {
        ApprovalError::Damaged(error.to_string())
    }
}

impl Approval {
    /// Returns what is approved with a plan.
    pub fn of(plan: &Plan, options: &PlanOptions, config: &Config) -> Approval {
        let token = |addr: &infra_types::InstanceAddr| {
            let of = |c: &Change| c.addr.cmp(addr).then_with(|| c.deposed.is_some().cmp(&false));
            let found = plan.changes.binary_search_by(of).ok();
            found.map_or_else(String::new, |i| plan.changes[i].token.to_string())
        };
        Approval {
            format: FORMAT,
            lineage: plan.stored.lineage.to_string(),
            serial: plan.stored.serial,
            mode: mode_word(plan.mode).into(),
            refresh: options.refresh,
            targets: plan.targets.iter().map(ToString::to_string).collect(),
            excludes: plan.excludes.iter().map(ToString::to_string).collect(),
            replace: options
                .replace
                .iter()
                .map(|addr| (addr.to_string(), token(addr)))
                .collect(),
            timestamp: plan.timestamp.clone(),
            sources: hash_of(config),
            variables: variables(plan),
            changes: plan
                .changes
                .iter()
                .filter(|c| matters(c))
                .map(|c| {
                    let approved = Approved {
                        action: c.action.word().into(),
                        previous: c.previous_addr.as_ref().map(ToString::to_string),
                        importing: c.importing.clone(),
                        planned: c.planned.as_ref().map(Fingerprint::of),
                    };
                    (key(&c.addr.to_string(), c.deposed.as_deref()), approved)
                })
                .collect(),
            outputs: plan
                .outputs
                .iter()
                .filter(|(_, c)| !c.is_noop())
                .map(|(name, c)| (name.to_string(), c.after.as_ref().map(Fingerprint::of)))
                .collect(),
        }
    }

    /// Returns it as a text.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its parts are texts")
    }

    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Result<Approval, ApprovalError> {
        let approval: Approval = serde_json::from_slice(bytes).map_err(|e| ApprovalError::Damaged(e.to_string()))?;
        match approval.format {
            FORMAT => Ok(approval),
            other => Err(ApprovalError::Damaged(format!("it has the format {other}"))),
        }
    }

    /// Returns how to plan what is left. `stored` is the state as it is now.
    pub fn options(&self, stored: &infra_state::State) -> Result<PlanOptions, ApprovalError> {
        if *stored.lineage != *self.lineage {
            return Err(ApprovalError::Foreign);
        }
        let mut options = PlanOptions {
            mode: match self.mode.as_str() {
                "normal" => PlanMode::Normal,
                "destroy" => PlanMode::Destroy,
                "refresh-only" => PlanMode::RefreshOnly,
                other => return Err(ApprovalError::Damaged(format!("there is no mode `{other}`"))),
            },
            refresh: self.refresh,
            timestamp: self.timestamp.clone(),
            ..PlanOptions::default()
        };
        for (addr, token) in &self.replace {
            let addr: infra_types::InstanceAddr = addr.parse()?;
            let current = stored.instances.get(&addr).and_then(|i| i.current.as_ref());
            let is_done = current.is_some_and(|o| !o.tainted && o.token.as_deref() == Some(token));
            if !is_done {
                options.replace.insert(addr);
            }
        }
        let targets = |texts: &[String]| texts.iter().map(|t| t.parse()).collect::<Result<_, AddressError>>();
        options.targets = targets(&self.targets)?;
        options.excludes = targets(&self.excludes)?;
        Ok(options)
    }

    /// Returns what a plan would do that was not approved, as one line each.
    pub fn not_covered(&self, plan: &Plan, config: &Config) -> Vec<String> {
        let mut out = Vec::new();
        // What was not known would be another thing now.
        if self.sources != hash_of(config) {
            out.push("the configuration was changed since".to_owned());
        }
        let given = variables(plan);
        let names: BTreeSet<&String> = self.variables.keys().chain(given.keys()).collect();
        for name in names {
            if self.variables.get(name) != given.get(name) {
                out.push(format!("the variable `{name}` had another value"));
            }
        }
        for change in plan.changes.iter().filter(|c| matters(c)) {
            if let Some(why) = self.refuses(change) {
                out.push(format!("{} `{}`: {why}", change.action.word(), change.addr));
            }
        }
        for (name, output) in plan.outputs.iter().filter(|(_, c)| !c.is_noop()) {
            let covered = match (self.outputs.get(&**name), &output.after) {
                (Some(None), None) => true,
                (Some(Some(approved)), Some(now)) => approved.covers(now),
                _ => false,
            };
            if !covered {
                out.push(format!("output `{name}`: its value is not what was approved"));
            }
        }
        out
    }

    fn refuses(&self, change: &Change) -> Option<&'static str> {
        let addr = change.addr.to_string();
        let exact = self.changes.get(&key(&addr, change.deposed.as_deref()));
        if change.deposed.is_some() && exact.is_none() {
            // What an approved replacement has set aside.
            let left = self
                .changes
                .get(&key(&addr, None))
                .is_some_and(|a| a.action == "replace" || a.action == "create");
            return (!left).then_some("was not in the approved plan");
        }
        let Some(approved) = exact else {
            return Some("was not in the approved plan");
        };
        let same_action = match (approved.action.as_str(), change.action) {
            ("create", Action::Replace { .. }) => change.reason == Some(Reason::Tainted),
            ("replace", Action::Create) => true,
            (word, action) => word == action.word(),
        };
        if !same_action {
            return Some("something else was approved for it");
        }
        let previous = change.previous_addr.as_ref().map(ToString::to_string);
        if (previous.is_some() && previous != approved.previous)
            || (change.importing.is_some() && change.importing != approved.importing)
        {
            return Some("was approved for another object");
        }
        match (&approved.planned, &change.planned) {
            (None, None) => None,
            (Some(approved), Some(now)) if approved.covers(now) => None,
            _ => Some("its values are not what was approved"),
        }
    }
}

/// Hashes the texts of a configuration, whatever their files are called.
fn hash_of(config: &Config) -> String {
    let mut texts: Vec<[u8; 32]> = config
        .sources
        .iter()
        .map(|(_, source)| Sha256::digest(source.text.as_bytes()).into())
        .collect();
    texts.sort_unstable();
    let mut hash = Sha256::new();
    texts.iter().for_each(|text| hash.update(text));
    hex::encode(&hash.finalize()[..16])
}

fn variables(plan: &Plan) -> BTreeMap<String, Fingerprint> {
    let fingerprint = |(name, value): (&infra_types::Str, &Value)| (name.to_string(), Fingerprint::of(value));
    plan.variables.iter().map(fingerprint).collect()
}

fn mode_word(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Normal => "normal",
        PlanMode::Destroy => "destroy",
        PlanMode::RefreshOnly => "refresh-only",
    }
}

fn matters(change: &Change) -> bool {
    change.action != Action::NoOp || change.previous_addr.is_some() || change.importing.is_some()
}

fn key(addr: &str, deposed: Option<&str>) -> String {
    match deposed {
        Some(key) => format!("{addr} (deposed {key})"),
        None => addr.to_owned(),
    }
}

impl Fingerprint {
    fn of(value: &Value) -> Fingerprint {
        let mut unknown = BTreeSet::new();
        let mut hash = Sha256::new();
        walk(value, &Path::root(), &mut hash, &mut |path, known| {
            if !known {
                unknown.insert(path.to_string());
            }
            !known
        });
        Fingerprint {
            unknown,
            hash: hex::encode(&hash.finalize()[..16]),
        }
    }

    /// Says whether a value is this one, apart from what was not known.
    fn covers(&self, value: &Value) -> bool {
        let mut hash = Sha256::new();
        walk(value, &Path::root(), &mut hash, &mut |path, known| {
            // Without unknown places, paths need not be written out.
            !known || (!self.unknown.is_empty() && self.unknown.contains(&path.to_string()))
        });
        hex::encode(&hash.finalize()[..16]) == self.hash
    }
}

/// Hashes a value; `hidden` is asked at each place whether it is left out, and told
/// whether the place is known.
fn walk(value: &Value, at: &Path, hash: &mut Sha256, hidden: &mut dyn FnMut(&Path, bool) -> bool) {
    // The places of a set's elements depend on their values.
    let known = match value.kind {
        ValueKind::Set(_) => value.is_wholly_known(),
        _ => value.is_known(),
    };
    if hidden(at, known) {
        hash.update([0]);
        return;
    }
    if value.is_sensitive() {
        hash.update([1]);
        return;
    }
    let text = |hash: &mut Sha256, kind: u8, text: &str| {
        hash.update([kind]);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    match &value.kind {
        ValueKind::Unknown(..) => hash.update([0]),
        ValueKind::Null(_) => hash.update([2]),
        ValueKind::Bool(b) => hash.update([3, u8::from(*b)]),
        ValueKind::Number(n) => text(hash, 4, &n.to_string()),
        ValueKind::String(s) => text(hash, 5, s),
        ValueKind::List(_) | ValueKind::Tuple(_) | ValueKind::Set(_) => {
            let items = value.as_items().unwrap_or(&[]);
            hash.update([6]);
            hash.update((items.len() as u64).to_le_bytes());
            for (i, item) in items.iter().enumerate() {
                walk(item, &at.join(PathStep::Index(i)), hash, hidden);
            }
        }
        ValueKind::Map(_) | ValueKind::Object(_) => {
            hash.update([7]);
            for (name, item) in value.as_entries().into_iter().flatten() {
                text(hash, 8, name);
                walk(item, &at.join(PathStep::Attr(name.clone())), hash, hidden);
            }
            hash.update([9]);
        }
    }
}

#[cfg(test)]
mod tests {
    use infra_types::Type;

    use super::*;

    fn object(name: Value, size: i64) -> Value {
        Value::object([
            ("name", name),
            ("size", Value::from(size)),
            ("tags", Value::object([("a", Value::from("b"))])),
        ])
    }

    #[test]
    fn what_becomes_known_is_covered_and_what_changes_is_not() {
        let approved = Fingerprint::of(&object(Value::unknown(Type::String), 1));
        assert_eq!(approved.unknown.len(), 1);
        assert!(approved.covers(&object(Value::unknown(Type::String), 1)));
        assert!(approved.covers(&object(Value::from("known"), 1)));
        assert!(!approved.covers(&object(Value::from("known"), 2)));
        let known = Fingerprint::of(&object(Value::from("x"), 1));
        assert!(known.covers(&object(Value::from("x"), 1)));
        assert!(!known.covers(&object(Value::from("y"), 1)));
        assert!(!known.covers(&object(Value::unknown(Type::String), 1)));
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let of = |a: &str, b: &str| {
            let list = [Value::from(a), Value::from(b)].into_iter().collect();
            Fingerprint::of(&Value::tuple(list)).hash
        };
        assert_ne!(of("ab", "c"), of("a", "bc"));
    }

    #[test]
    fn secrets_leave_no_trace() {
        let a = Fingerprint::of(&object(Value::from("hunter2").sensitive(), 1));
        let b = Fingerprint::of(&object(Value::from("another").sensitive(), 1));
        assert_eq!(a, b);
        assert_ne!(a, Fingerprint::of(&object(Value::from("hunter2"), 1)));
    }

    #[test]
    fn damaged_records_are_refused() {
        assert!(Approval::parse(b"{").is_err());
        assert!(Approval::parse(b"{\"format\": 9}").is_err());
    }
}
