//! The digest of a plan: covers what will be done, not when or from which serial.

use infra_types::{Value, ValueKind};
use sha2::{Digest, Sha256};

use super::{Action, Plan};

/// Returns the digest as `sha256:` and 64 hexadecimal digits.
pub fn digest(plan: &Plan) -> String {
    let mut hash = Hasher(Sha256::new());
    hash.text("infra plan 1");
    if plan.stored.serial > 0 {
        // A state that was never written has no history yet.
        hash.text(&plan.stored.lineage);
    }
    hash.text(match plan.mode {
        super::PlanMode::Normal => "normal",
        super::PlanMode::Destroy => "destroy",
        super::PlanMode::RefreshOnly => "refresh-only",
    });
    for (word, list) in [("target", &plan.targets), ("exclude", &plan.excludes)] {
        for target in list {
            hash.text(word);
            hash.text(&target.to_string());
        }
    }
    for change in &plan.changes {
        if change.action == Action::NoOp && change.previous_addr.is_none() && change.importing.is_none() {
            continue;
        }
        hash.text("change");
        hash.text(&change.addr.to_string());
        hash.optional(change.previous_addr.as_ref().map(ToString::to_string).as_deref());
        hash.optional(change.deposed.as_deref());
        hash.optional(change.importing.as_deref());
        hash.text(change.action.word());
        hash.text(if change.action == (Action::Replace { create_first: true }) {
            "create first"
        } else {
            ""
        });
        for path in &change.replace_paths {
            hash.text(&path.to_string());
        }
        hash.value(change.prior.as_ref().map(|p| &p.attributes));
        hash.value(change.planned.as_ref());
    }
    for deferred in &plan.later {
        hash.text("later");
        hash.text(&deferred.declared);
    }
    for (name, output) in &plan.outputs {
        if !output.is_noop() {
            hash.text("output");
            hash.text(name);
            hash.value(output.before.as_ref());
            hash.value(output.after.as_ref());
        }
    }
    format!("sha256:{}", hex::encode(hash.0.finalize()))
}

struct Hasher(Sha256);

impl Hasher {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.update([u8::from(text.is_some())]);
        self.text(text.unwrap_or(""));
    }

    fn value(&mut self, value: Option<&Value>) {
        let Some(value) = value else {
            self.0.update([0]);
            return;
        };
        match &value.kind {
            ValueKind::Null(_) => self.0.update([1]),
            ValueKind::Unknown(ty, _) => {
                self.0.update([2]);
                self.text(&ty.to_string());
            }
            ValueKind::Bool(b) => self.0.update([3, u8::from(*b)]),
            ValueKind::Number(n) => {
                self.0.update([4]);
                self.text(&n.to_string());
            }
            ValueKind::String(s) => {
                self.0.update([5]);
                self.text(s);
            }
            ValueKind::List(_) | ValueKind::Tuple(_) => self.items(6, value),
            ValueKind::Set(_) => self.items(7, value),
            ValueKind::Map(_) | ValueKind::Object(_) => {
                let entries = value.as_entries().into_iter().flatten();
                self.0.update([8]);
                for (key, value) in entries {
                    self.0.update([1]);
                    self.text(key);
                    self.value(Some(value));
                }
                self.0.update([0]);
            }
        }
    }

    fn items(&mut self, kind: u8, value: &Value) {
        let items = value.as_items().unwrap_or(&[]);
        self.0.update([kind]);
        self.0.update((items.len() as u64).to_le_bytes());
        for item in items {
            self.value(Some(item));
        }
    }
}
