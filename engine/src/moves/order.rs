//! The order in which moves are applied.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use infra_syntax::Diagnostic;
use infra_types::address::Target;
use infra_types::{InstanceKey, Mode, ModuleAddr, Str};

use super::Statement;

/// One step of an address; without a key it stands for all instances.
type Step = (Str, Option<InstanceKey>);

/// One side of a move, as a pattern of addresses seen from the root module.
struct End {
    /// The modules, then the resource as `type.name`.
    steps: Vec<Step>,
    is_module: bool,
}

impl End {
    fn new(s: &Statement<'_>, target: &Target, whole: bool) -> End {
        let key = |key: &InstanceKey, last: bool| (!(whole && last && *key == InstanceKey::None)).then(|| key.clone());
        let mut steps: Vec<Step> = s.module.0.iter().map(|name| (name.clone(), None)).collect();
        let add_modules = |steps: &mut Vec<Step>, module: &ModuleAddr, last: bool| {
            let n = module.0.len();
            let own = module.0.iter().enumerate();
            steps.extend(own.map(|(i, (name, k))| (name.clone(), key(k, last && i + 1 == n))));
        };
        match target {
            Target::Module(module) => add_modules(&mut steps, module, true),
            Target::Resource(addr) => {
                add_modules(&mut steps, &addr.resource.module, false);
                let data = if addr.resource.mode == Mode::Data { "data." } else { "" };
                let name = format!("{data}{}.{}", addr.resource.ty, addr.resource.name);
                steps.push((name.into(), key(&addr.key, true)));
            }
        }
        End {
            steps,
            is_module: matches!(target, Target::Module(_)),
        }
    }

    /// Says whether some address fits both.
    fn meets(&self, other: &End) -> bool {
        self.is_module == other.is_module && self.steps.len() == other.steps.len() && overlap(&self.steps, &other.steps)
    }

    /// Says whether addresses of this one are in what the other one names.
    fn is_within(&self, other: &End) -> bool {
        if !overlap(&self.steps, &other.steps) {
            return false;
        }
        let (own, others) = (self.steps.len(), other.steps.len());
        if own == others {
            let key = |end: &End| end.steps.last().and_then(|(_, key)| key.clone());
            return self.is_module == other.is_module && key(self).is_some() && key(other).is_none();
        }
        other.is_module && own > others
    }

    /// The names of the first steps, and the key of the last of them.
    fn prefix(&self, n: usize) -> (Vec<Str>, Option<InstanceKey>) {
        let names = self.steps[..n].iter().map(|(name, _)| name.clone()).collect();
        (names, self.steps[n - 1].1.clone())
    }
}

/// Says whether the shorter of two paths may lead to the longer.
fn overlap(a: &[Step], b: &[Step]) -> bool {
    a.iter()
        .zip(b)
        .all(|((n, k), (m, l))| n == m && (k.is_none() || l.is_none() || k == l))
}

struct Ends {
    from: End,
    to: End,
    depth: usize,
}

impl Ends {
    /// Says whether the other move must come first.
    fn comes_after(&self, other: &Ends) -> bool {
        if self.from.meets(&other.to) {
            return true;
        }
        let nested = self.from.is_within(&other.to)
            || self.to.is_within(&other.to)
            || other.from.is_within(&self.from)
            || other.to.is_within(&self.from);
        // A module that only gets another key has the inner addresses on both sides.
        nested && (self.depth >= other.depth || !self.changes_only_keys())
    }

    fn changes_only_keys(&self) -> bool {
        let names = |end: &End| end.steps.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        self.from.is_module && names(&self.from) == names(&self.to)
    }
}

/// Returns the positions of the statements in an order in which they can be applied,
/// or the error that there is none.
pub(super) fn order(statements: &[Statement<'_>]) -> Result<Vec<usize>, Diagnostic> {
    let ends: Vec<Ends> = statements
        .iter()
        .map(|s| {
            let whole = super::last_key(&s.from) == super::last_key(&s.to) && s.span.is_some();
            Ends {
                from: End::new(s, &s.from, whole),
                to: End::new(s, &s.to, whole),
                depth: s.module.0.len(),
            }
        })
        .collect();
    // Only ends of which one leads to the other can have to do with each other.
    let mut by_prefix: BTreeMap<Vec<Str>, BTreeMap<Option<InstanceKey>, Vec<usize>>> = BTreeMap::new();
    for (i, e) in ends.iter().enumerate() {
        for end in [&e.from, &e.to] {
            let (names, key) = end.prefix(end.steps.len());
            by_prefix.entry(names).or_default().entry(key).or_default().push(i);
        }
    }
    let mut waits = vec![0usize; ends.len()];
    let mut dependents: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); ends.len()];
    for (i, e) in ends.iter().enumerate() {
        let mut near: Vec<usize> = Vec::new();
        for end in [&e.from, &e.to] {
            for n in 1..=end.steps.len() {
                let (names, key) = end.prefix(n);
                let Some(by_key) = by_prefix.get(&names) else {
                    continue;
                };
                match key {
                    None => near.extend(by_key.values().flatten()),
                    some => near.extend([&some, &None].into_iter().filter_map(|key| by_key.get(key)).flatten()),
                }
            }
        }
        near.sort_unstable();
        near.dedup();
        for j in near {
            let same = i == j || (statements[i].from == statements[j].from && statements[i].to == statements[j].to);
            if same && statements[i].module == statements[j].module {
                continue;
            }
            // Each pair is met from the side of the longer path at least.
            for (later, first) in [(i, j), (j, i)] {
                if ends[later].comes_after(&ends[first]) && dependents[first].insert(later) {
                    waits[later] += 1;
                }
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..ends.len()).filter(|i| waits[*i] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(ends.len());
    while let Some(Reverse(i)) = ready.pop() {
        order.push(i);
        for later in &dependents[i] {
            waits[*later] -= 1;
            if waits[*later] == 0 {
                ready.push(Reverse(*later));
            }
        }
    }
    if order.len() == ends.len() {
        return Ok(order);
    }
    let mut circle = (0..ends.len())
        .filter(|i| waits[*i] > 0)
        .filter_map(|i| Some((i, statements[i].span?)));
    let mut d = Diagnostic::error(
        "infra::plan::move_circle",
        "`moved` blocks go round in a circle, so there is no last address to move to",
    )
    .help("remove one of the `moved` blocks; to swap two objects, use `infra state mv`");
    if let Some((i, span)) = circle.next() {
        d = d.at(span, format!("`{}` to `{}`", statements[i].from, statements[i].to));
    }
    for (i, span) in circle {
        d = d.related(span, format!("`{}` to `{}`", statements[i].from, statements[i].to));
    }
    Err(d)
}
