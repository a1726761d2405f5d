//! What a `moved` block makes of one address.

use infra_types::address::Target;
use infra_types::{InstanceAddr, InstanceKey, ModuleAddr, ModulePath, Str};

/// Returns the new address if the block speaks of this one.
pub(super) fn rename(module: &ModulePath, from: &Target, to: &Target, at: &InstanceAddr) -> Option<InstanceAddr> {
    let depth = module.0.len();
    let path = &at.resource.module.0;
    if path.len() < depth || !path.iter().zip(module.0.iter()).all(|((name, _), m)| name == m) {
        return None;
    }
    let (base, inner) = path.split_at(depth);
    match (from, to) {
        (Target::Resource(from), Target::Resource(to)) => {
            let same = *inner == *from.resource.module.0
                && from.resource.mode == at.resource.mode
                && from.resource.ty == at.resource.ty
                && from.resource.name == at.resource.name;
            // Without keys the whole resource moves; so does a lone instance to or from a key.
            let key = if from.key == at.key {
                if from.key == InstanceKey::None && to.key == InstanceKey::None {
                    at.key.clone()
                } else {
                    to.key.clone()
                }
            } else if from.key == InstanceKey::None && to.key == InstanceKey::None {
                at.key.clone()
            } else {
                return None;
            };
            if !same {
                return None;
            }
            let mut moved = at.clone();
            moved.resource.module = joined(base, &to.resource.module.0);
            moved.resource.ty = to.resource.ty.clone();
            moved.resource.name = to.resource.name.clone();
            moved.key = key;
            (moved != *at).then_some(moved)
        }
        (Target::Module(from), Target::Module(to)) => {
            let n = from.0.len();
            if inner.len() < n {
                return None;
            }
            let (head, tail) = inner.split_at(n);
            let (last_from, last_to) = (from.0.last()?, to.0.last()?);
            let (last, before) = head.split_last()?;
            if *before != from.0[..n - 1] || last.0 != last_from.0 {
                return None;
            }
            let key = if last.1 == last_from.1 && (last_from.1 != InstanceKey::None || last_to.1 != InstanceKey::None) {
                last_to.1.clone()
            } else if last_from.1 == InstanceKey::None && last_to.1 == InstanceKey::None {
                last.1.clone()
            } else {
                return None;
            };
            let mut new = to.0.to_vec();
            if let Some(end) = new.last_mut() {
                end.1 = key;
            }
            new.extend_from_slice(tail);
            let mut moved = at.clone();
            moved.resource.module = joined(base, &new);
            (moved != *at).then_some(moved)
        }
        _ => None,
    }
}

fn joined(base: &[(Str, InstanceKey)], rest: &[(Str, InstanceKey)]) -> ModuleAddr {
    ModuleAddr(base.iter().chain(rest).cloned().collect::<Vec<_>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, at: &str, expect: Option<&str>) {
        let (source, target) = (from.parse().unwrap(), to.parse().unwrap());
        let got = rename(&ModulePath::root(), &source, &target, &at.parse().unwrap());
        assert_eq!(got.map(|a| a.to_string()).as_deref(), expect, "{from} -> {to}: {at}");
    }

    #[test]
    fn addresses_are_renamed() {
        check("t.a", "t.b", "t.a", Some("t.b"));
        check("t.a", "t.b", "t.a[0]", Some("t.b[0]"));
        check("t.a", "t.a[0]", "t.a", Some("t.a[0]"));
        check("t.a[0]", "t.a[\"x\"]", "t.a[0]", Some("t.a[\"x\"]"));
        check("t.a[0]", "t.a[\"x\"]", "t.a[1]", None);
        check("t.a", "module.m.t.a", "t.a", Some("module.m.t.a"));
        check("module.m", "module.n", "module.m[0].t.a", Some("module.n[0].t.a"));
        check("module.m", "module.m[0]", "module.m.t.a", Some("module.m[0].t.a"));
        check("module.m[0]", "module.n", "module.m[1].t.a", None);
        check("t.a", "t.b", "module.m.t.a", None);
    }
}
