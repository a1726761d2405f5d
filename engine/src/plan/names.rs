//! Names that no two objects may have at the same time: found while planning,
//! where it costs nothing, and not while applying.
//!
//! A replacement that keeps such a name deletes first, unless the configuration
//! asks for the other order; then it is refused. Where one object takes the name
//! that another one gives up, it waits for that; where it cannot wait, because
//! the other one is still needed until then, it is refused as well.

use std::collections::{BTreeMap, BTreeSet};

use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::{Mode, ResourcePath, Str, Value, ValueKind};

use super::planner::Walk;
use super::{Action, Change, Reason};

/// What names an object where no other one may be called so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name {
    ty: Str,
    provider: Str,
    region: Option<Str>,
    parts: Vec<(&'static str, Str)>,
}

impl Name {
    /// Returns the name of an object; nothing if it has none, or a part is not known yet.
    fn of(unique: &[&'static str], change: &Change, value: &Value) -> Option<Name> {
        let text = |name: &str| {
            let value = value.get(name).filter(|v| v.is_known() && !v.is_sensitive())?;
            match &value.kind {
                ValueKind::String(text) => Some(text.clone()),
                ValueKind::Number(number) => Some(number.to_string().into()),
                _ => None,
            }
        };
        if unique.is_empty() {
            return None;
        }
        let parts: Option<Vec<_>> = unique.iter().map(|part| Some((*part, text(part)?))).collect();
        Some(Name {
            ty: change.addr.ty().clone(),
            provider: change.provider.clone(),
            region: text("region"),
            parts: parts?,
        })
    }

    fn text(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(part, value)| format!("`{part}` `{value}`"))
            .collect();
        parts.join(" and ")
    }
}

/// One object takes a name that another one gives up; both are indexes of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handover {
    /// Gets the name.
    pub to: usize,
    /// Had it.
    pub from: usize,
}

impl Walk<'_> {
    fn unique(&self, change: &Change) -> &'static [&'static str] {
        let schema = self.planner.registry.schema(Mode::Managed, change.addr.ty());
        schema.map_or(&[], |schema| schema.unique)
    }

    fn keeps_its_name(&self, change: &Change) -> Option<Name> {
        let unique = self.unique(change);
        let before = Name::of(unique, change, &change.prior.as_ref()?.attributes)?;
        let after = Name::of(unique, change, change.planned.as_ref()?)?;
        (before == after).then_some(before)
    }

    /// Returns the resources with a replacement whose old and new object have the same name.
    pub(super) fn replaced_under_the_same_name(&self) -> BTreeSet<ResourcePath> {
        self.changes
            .values()
            .filter(|c| matches!(c.action, Action::Replace { .. }) && c.deposed.is_none())
            .filter(|c| self.keeps_its_name(c).is_some())
            .map(|c| c.addr.resource.path())
            .collect()
    }

    /// Refuses replacements that would have two objects of one name.
    pub(super) fn check_replaced_names(&self) -> Diagnostics {
        let mut errors = Diagnostics::new();
        for change in self.changes.values() {
            if change.action != (Action::Replace { create_first: true }) {
                continue;
            }
            let Some(name) = self.keeps_its_name(change) else {
                continue;
            };
            let mut d = Diagnostic::error(
                "infra::plan::name_taken",
                format!(
                    "`{}` is to be created before the old one is deleted, but both would have the {}",
                    change.addr,
                    name.text()
                ),
            )
            .note(match change.meta.create_before_destroy {
                true => "`create_before_destroy` of this resource, or of one that uses it, asks for this order",
                false => "what uses the old one stays, so the old one cannot be deleted first",
            })
            .help(match change.meta.create_before_destroy {
                true => "give the new one another name, or let the old one be deleted first",
                false => "give the new one another name, such as one with `name_prefix`",
            })
            .about(&change.addr);
            if let Some(span) = change.span {
                d = d.at(span, "replaced under the same name");
            }
            errors.push(d);
        }
        errors
    }

    /// Finds objects that take names which others give up, and refuses names that two would have.
    pub(super) fn handovers(&self, changes: &[Change]) -> (Vec<Handover>, Diagnostics) {
        let mut errors = Diagnostics::new();
        let mut had: BTreeMap<Name, usize> = BTreeMap::new();
        let mut gets: BTreeMap<Name, usize> = BTreeMap::new();
        // Who has a name afterwards; whoever is there already comes first.
        let takes = |change: &Change| match change.action {
            Action::Create | Action::Replace { .. } => true,
            Action::Update => self.keeps_its_name(change).is_none(),
            _ => false,
        };
        let named: Vec<usize> = (0..changes.len())
            .filter(|i| !self.unique(&changes[*i]).is_empty())
            .collect();
        for i in named.iter().copied() {
            let change = &changes[i];
            let unique = self.unique(change);
            let before = change
                .prior
                .as_ref()
                .and_then(|p| Name::of(unique, change, &p.attributes));
            let after = change.planned.as_ref().and_then(|p| Name::of(unique, change, p));
            // What is forgotten is still there.
            let after = match change.action {
                Action::Delete => None,
                Action::Forget => before.clone(),
                _ => after.filter(|_| change.deposed.is_none()),
            };
            if let Some(before) = before.filter(|before| after.as_ref() != Some(before)) {
                had.insert(before, i);
            }
            let Some(after) = after else { continue };
            match gets.get(&after) {
                None => {
                    gets.insert(after, i);
                }
                Some(other) if takes(change) || takes(&changes[*other]) => {
                    errors.push(same_name(&changes[*other], change, &after));
                }
                // Both are there: then they may be.
                Some(_) => {}
            }
        }
        let handovers = gets
            .iter()
            .filter(|(_, to)| takes(&changes[**to]))
            .filter_map(|(name, to)| {
                let from = *had.get(name)?;
                (from != *to).then_some(Handover { to: *to, from })
            })
            .collect();
        (handovers, errors)
    }
}

fn same_name(first: &Change, second: &Change, name: &Name) -> Diagnostic {
    let mut d = Diagnostic::error(
        "infra::plan::same_name",
        format!(
            "`{}` and `{}` would both have the {}",
            first.addr,
            second.addr,
            name.text()
        ),
    )
    .note("no two objects of this type may have the same")
    .help("give one of them another name")
    .about(&second.addr);
    if let Some(span) = second.span {
        d = d.at(span, "the same name");
    }
    if let Some(span) = first.span {
        d = d.related(span, "has it too");
    }
    d
}

/// The error about a name that one object needs before another one can give it up.
pub(super) fn held(to: &Change, from: &Change) -> Diagnostic {
    let mut d = Diagnostic::error(
        "infra::plan::name_held",
        format!(
            "`{}` needs the name of `{}`, which can only go when what uses it has changed over",
            to.addr, from.addr
        ),
    )
    .about(&to.addr)
    .help(match from.action {
        Action::Delete if from.reason != Some(Reason::Tainted) => format!(
            "if it is the same object, write a `moved` block from `{}` to `{}`; otherwise give it another name",
            from.addr, to.addr
        ),
        _ => "give it another name".to_owned(),
    });
    if let Some(span) = to.span {
        d = d.at(span, "takes a name that is still in use");
    }
    d
}
