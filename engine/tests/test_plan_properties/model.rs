//! Random histories of configurations, and the trouble that happens on the way.
//!
//! What is generated is numbers; [`render`] makes a configuration of them that
//! can be applied, whatever they are: references go one way, names of unique
//! objects are never used again, and what may be in use is created before it is
//! deleted.

use proptest::collection::vec;
use proptest::prelude::*;

/// The files of a module with an object of its own that is in use.
pub(crate) const MODULE: &str = r#"
variable name { type = string }
variable label { type = string }
resource fake_unique inner {
  name = var.name
  note = var.label
  lifecycle { create_before_destroy = true }
}
resource fake_user inner {
  name = var.label
  uses = fake_unique.inner.id
}
output id { value = fake_unique.inner.id }
"#;

/// A history.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Whether the unique object of a place is created before it is deleted.
    pub(crate) create_first: Vec<bool>,
    /// Whether ids are handed on by objects outside of the cloud.
    pub(crate) hands_on: bool,
    pub(crate) parallelism: usize,
    pub(crate) steps: Vec<Step>,
    /// What happens while everything is destroyed.
    pub(crate) end: Trouble,
}

/// One configuration of the history.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What stands in each place.
    pub(crate) places: Vec<Place>,
    /// Whether references go from low to high places.
    pub(crate) turned: bool,
    pub(crate) trouble: Trouble,
    /// Whether it is applied to the end, or the next one comes before that.
    pub(crate) settle: bool,
    /// Which object vanishes before.
    pub(crate) vanishes: Option<usize>,
}

/// A resource or module call.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Whether it is as in the step before.
    keep: bool,
    kind: Kind,
    keys: Keys,
    /// Whether a change cannot be made in place.
    bump: bool,
    size: u8,
    uses: Vec<(usize, usize)>,
    tie: Tie,
    create_first: bool,
    renamed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Absent,
    Thing,
    Unique,
    User,
    Data,
    Module,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    Single,
    Count(usize),
    Each(u8),
}

/// What makes it be replaced when what it uses changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    None,
    Argument,
    Trigger,
}

/// What goes wrong while a configuration is applied.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    Nothing,
    /// Calls fail.
    Faults(Vec<Failure>),
    /// The process is killed at a step of the cloud.
    Killed(u64),
    /// The state cannot be written any more.
    DiskFull(usize),
    /// Somebody ends the run at a step of the cloud.
    Stopped(u64),
}

/// A call that fails.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) operation: usize,
    pub(crate) nth: u32,
    pub(crate) fault: usize,
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    (2usize..6).prop_flat_map(|places| {
        (
            vec(any::<bool>(), places),
            prop::bool::weighted(0.2),
            1usize..6,
            vec(step(places), 1..5),
            trouble(),
        )
            .prop_map(|(create_first, hands_on, parallelism, steps, end)| Case {
                create_first,
                hands_on,
                parallelism,
                steps,
                end,
            })
    })
}

fn step(places: usize) -> impl Strategy<Value = Step> {
    (
        vec(place(places), places),
        prop::bool::weighted(0.2),
        trouble(),
        prop::bool::weighted(0.7),
        prop::option::weighted(0.1, 0usize..4),
    )
        .prop_map(|(places, turned, trouble, settle, vanishes)| Step {
            places,
            turned,
            trouble,
            settle,
            vanishes,
        })
}

fn place(places: usize) -> impl Strategy<Value = Place> {
    let kind = prop_oneof![
        1 => Just(Kind::Absent),
        2 => Just(Kind::Thing),
        4 => Just(Kind::Unique),
        4 => Just(Kind::User),
        2 => Just(Kind::Data),
        1 => Just(Kind::Module),
    ];
    let keys = prop_oneof![
        4 => Just(Keys::Single),
        1 => (0usize..4).prop_map(Keys::Count),
        1 => (0u8..8).prop_map(Keys::Each),
    ];
    let tie = prop_oneof![3 => Just(Tie::None), 1 => Just(Tie::Argument), 1 => Just(Tie::Trigger)];
    (
        (prop::bool::weighted(0.4), kind, keys, prop::bool::weighted(0.4), 0u8..3),
        (
            vec((0..places, 0usize..8), 0..4),
            tie,
            prop::bool::weighted(0.3),
            prop::bool::weighted(0.1),
        ),
    )
        .prop_map(
            |((keep, kind, keys, bump, size), (uses, tie, create_first, renamed))| Place {
                keep,
                kind,
                keys,
                bump,
                size,
                uses,
                tie,
                create_first,
                renamed,
            },
        )
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let failure = (0usize..3, 1u32..5, 0usize..6).prop_map(|(operation, nth, fault)| Failure { operation, nth, fault });
    prop_oneof![
        4 => Just(Trouble::Nothing),
        3 => vec(failure, 1..4).prop_map(Trouble::Faults),
        2 => (0u64..40).prop_map(Trouble::Killed),
        1 => (0usize..10).prop_map(Trouble::DiskFull),
        1 => (0u64..30).prop_map(Trouble::Stopped),
    ]
}

/// What a place is in one step.
struct Rendered {
    address: String,
    keys: Vec<String>,
    /// The attribute by which the id of a unique object can be had.
    unique: Option<&'static str>,
    kind: Kind,
}

/// Returns the root module of a step.
pub(crate) fn render(case: &Case, at: usize) -> String {
    let count = case.create_first.len();
    let step = &case.steps[at];
    let mut done: Vec<Option<Rendered>> = (0..count).map(|_| None).collect();
    let mut text = String::new();
    let mut order: Vec<usize> = (0..count).collect();
    if step.turned {
        order.reverse();
    }
    for i in order {
        let (place, version) = current(case, at, i);
        if let Some((rendered, block)) = render_place(case, i, place, version, &done) {
            text.push_str(&block);
            done[i] = Some(rendered);
        }
    }
    text
}

/// Returns a place as it is in a step, and since which step its name is what it is.
fn current(case: &Case, at: usize, i: usize) -> (&Place, usize) {
    let written = |at: &usize| *at == 0 || !case.steps[*at].places[i].keep;
    let since = (0..=at).rev().find(written).unwrap_or(0);
    let bumped = (0..=since).rev().filter(written);
    let version = bumped.into_iter().find(|at| case.steps[*at].places[i].bump);
    (&case.steps[since].places[i], version.unwrap_or(0))
}

fn render_place(
    case: &Case,
    i: usize,
    place: &Place,
    version: usize,
    done: &[Option<Rendered>],
) -> Option<(Rendered, String)> {
    let (repeat, index, keys) = repetition(&place.keys);
    // What it uses: one instance each, its id and the id of a unique object.
    let mut used: Vec<(&Rendered, String, String)> = Vec::new();
    for (target, pick) in &place.uses {
        let Some(target) = &done[target % done.len()] else {
            continue;
        };
        if target.keys.is_empty() {
            continue;
        }
        let same = !index.is_empty() && keys.iter().all(|k| target.keys.contains(k)) && !target.keys[0].is_empty();
        let address = if same && pick % 2 == 0 {
            format!("{}[{index}]", target.address)
        } else {
            format!("{}{}", target.address, target.keys[pick % target.keys.len()])
        };
        let id = if *pick == 7 && !target.keys[0].is_empty() {
            format!("join(\",\", [for x in {} : x.id])", target.address)
        } else {
            format!("{address}.id")
        };
        used.push((target, address, id));
    }
    let unique = used
        .iter()
        .find_map(|(target, address, _)| target.unique.map(|attribute| format!("{address}.{attribute}")));
    let kind = match place.kind {
        Kind::Absent => return None,
        Kind::User if unique.is_none() => Kind::Thing,
        kind => kind,
    };
    let name = if place.renamed {
        format!("s{i}")
    } else {
        format!("r{i}")
    };
    let other = if place.renamed {
        format!("r{i}")
    } else {
        format!("s{i}")
    };
    // The first of many resources is the only one that was there before, so it has the same name.
    let each = match &place.keys {
        Keys::Single => "",
        Keys::Count(_) if kind == Kind::Module => "${count.index}",
        Keys::Count(_) => "${count.index == 0 ? \"\" : count.index}",
        Keys::Each(_) => "${each.key}",
    };
    let fixed = kind == Kind::Unique && !case.create_first[i];
    let own = if fixed {
        format!("p{i}-{each}")
    } else {
        format!("p{i}-{each}-v{version}")
    };
    let ids: Vec<&str> = used.iter().map(|(_, _, id)| id.as_str()).collect();
    let label = ids
        .iter()
        .fold(format!("l{}", place.size), |label, id| format!("{label}-${{{id}}}"));
    let tied = ids.first().filter(|_| place.tie == Tie::Argument);
    let mut lines = vec![repeat];
    let ty = match kind {
        Kind::Thing => {
            lines.push(format!("name = \"{own}\"\n  size = {}", place.size));
            let tags = ids.iter().enumerate().map(|(n, id)| format!("t{n} = {id}"));
            lines.push(format!("tags = {{ {} }}", tags.collect::<Vec<_>>().join(", ")));
            lines.extend(tied.map(|id| format!("zone = {id}")));
            "fake_thing"
        }
        Kind::Unique => {
            lines.push(format!("name = \"{own}\"\n  note = \"{label}\""));
            "fake_unique"
        }
        Kind::User => {
            let unique = unique.as_deref().unwrap_or_default();
            lines.push(format!("name = \"{label}\"\n  uses = {unique}"));
            "fake_user"
        }
        Kind::Data => {
            let input = unique.as_ref().filter(|_| case.hands_on);
            lines.push(format!(
                "input = {}",
                input.cloned().unwrap_or_else(|| format!("\"{label}\""))
            ));
            lines.extend(tied.map(|id| format!("triggers_replace = {id}")));
            "terraform_data"
        }
        Kind::Absent | Kind::Module => {
            lines.push(format!(
                "source = \"./mod\"\n  name = \"m{i}-{each}-v{version}\"\n  label = \"{label}\""
            ));
            "module"
        }
    };
    if kind != Kind::Module {
        let first = match kind {
            Kind::Unique => case.create_first[i],
            _ => place.create_first,
        };
        let trigger = used
            .first()
            .filter(|(target, ..)| place.tie == Tie::Trigger && target.kind != Kind::Module && kind != Kind::Unique)
            .map(|(_, address, _)| format!("replace_triggered_by = [{address}]"));
        let first = first.then(|| "create_before_destroy = true".to_owned());
        let lifecycle: Vec<String> = first.into_iter().chain(trigger).collect();
        lines.push(format!("lifecycle {{\n    {}\n  }}", lifecycle.join("\n    ")));
    }
    let (header, address) = match kind {
        Kind::Module => (format!("module {name}"), format!("module.{name}")),
        _ => (format!("resource {ty} {name}"), format!("{ty}.{name}")),
    };
    let block = format!(
        "{header} {{\n  {}\n}}\nmoved {{\n  from = {ty}.{other}\n  to   = {ty}.{name}\n}}\n",
        lines.join("\n  ")
    );
    let rendered = Rendered {
        address,
        keys,
        unique: match kind {
            Kind::Unique | Kind::Module => Some("id"),
            Kind::Data if case.hands_on && unique.is_some() => Some("output"),
            _ => None,
        },
        kind,
    };
    Some((rendered, block))
}

/// Returns the argument, what says which instance, and the keys of all.
fn repetition(keys: &Keys) -> (String, &'static str, Vec<String>) {
    match keys {
        Keys::Single => (String::new(), "", vec![String::new()]),
        Keys::Count(n) => (
            format!("count = {n}"),
            "count.index",
            (0..*n).map(|i| format!("[{i}]")).collect(),
        ),
        Keys::Each(bits) => {
            let keys: Vec<&str> = ["a", "b", "c"]
                .into_iter()
                .enumerate()
                .filter_map(|(i, key)| (bits & (1 << i) != 0).then_some(key))
                .collect();
            let list: Vec<String> = keys.iter().map(|k| format!("\"{k}\"")).collect();
            (
                format!("for_each = toset([{}])", list.join(", ")),
                "each.key",
                keys.iter().map(|k| format!("[\"{k}\"]")).collect(),
            )
        }
    }
}
