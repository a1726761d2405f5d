//! The state in memory: everything the engine knows to exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_types::{InstanceAddr, ResourceAddr, Str, Value};

use crate::InstanceState;

/// A snapshot of everything that is managed.
///
/// Cloning copies addresses and pointers only; objects and values are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Identifies the history this snapshot belongs to.
    pub lineage: String,
    /// Grows by one with each write.
    pub serial: u64,
    /// The outputs of the root module.
    pub outputs: BTreeMap<Str, OutputState>,
    /// The resource instances, sorted by address.
    pub instances: BTreeMap<InstanceAddr, InstanceState>,
}

/// An output of the root module.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputState {
    /// Its value; marked if it is sensitive.
    pub value: Value,
}

impl State {
    /// A state without content that begins the history `lineage`.
    pub fn new(lineage: impl Into<String>) -> State {
        State {
            lineage: lineage.into(),
            serial: 0,
            outputs: BTreeMap::new(),
            instances: BTreeMap::new(),
        }
    }

    /// A state without content that begins a history of its own.
    pub fn empty() -> State {
        State::new(uuid::Uuid::new_v4().to_string())
    }

    /// Says whether it holds neither instances nor outputs.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.outputs.is_empty()
    }

    /// Returns what is kept under an address.
    pub fn instance(&self, addr: &InstanceAddr) -> Option<&InstanceState> {
        self.instances.get(addr)
    }

    /// Files an instance under its address; one without objects is removed.
    pub fn set_instance(&mut self, addr: InstanceAddr, instance: InstanceState) {
        if instance.is_empty() {
            self.instances.remove(&addr);
        } else {
            self.instances.insert(addr, instance);
        }
    }

    /// Returns the instances of a resource.
    pub fn instances_of<'s>(
        &'s self,
        resource: &ResourceAddr,
    ) -> impl Iterator<Item = (&'s InstanceAddr, &'s InstanceState)> {
        let first = resource.instance(infra_types::InstanceKey::None);
        let resource = resource.clone();
        self.instances
            .range(first..)
            .take_while(move |(addr, _)| addr.resource == resource)
    }

    /// Says whether both hold the same outputs and instances, whatever their serial.
    pub fn same_content(&self, other: &State) -> bool {
        let pairs = || self.instances.iter().zip(&other.instances);
        self.outputs == other.outputs
            && self.instances.len() == other.instances.len()
            && pairs().all(|((a, x), (b, y))| a == b && same_instance(x, y))
    }
}

/// Compares instances; objects that are shared are not looked at.
fn same_instance(a: &InstanceState, b: &InstanceState) -> bool {
    a.objects().count() == b.objects().count()
        && a.objects()
            .zip(b.objects())
            .all(|((k, x), (l, y))| k == l && (Arc::ptr_eq(x, y) || x == y))
}

#[cfg(test)]
mod tests {
    use infra_types::InstanceKey;

    use super::*;
    use crate::ObjectState;

    #[test]
    fn instances_of_one_resource_are_found() {
        let mut state = State::new("l");
        let object = || InstanceState::of(ObjectState::new("core", 0, Value::object::<Str>([])));
        for (name, key) in [
            ("a", InstanceKey::None),
            ("b", InstanceKey::Int(1)),
            ("b", InstanceKey::Int(10)),
            ("b", InstanceKey::Int(2)),
            ("c", InstanceKey::None),
        ] {
            state.set_instance(InstanceAddr::root("t", name, key), object());
        }
        let b = InstanceAddr::root("t", "b", InstanceKey::None).resource;
        let found: Vec<String> = state.instances_of(&b).map(|(a, _)| a.to_string()).collect();
        assert_eq!(found, ["t.b[1]", "t.b[2]", "t.b[10]"]);
    }

    #[test]
    fn an_instance_without_objects_is_removed() {
        let mut state = State::new("l");
        let addr = InstanceAddr::root("t", "a", InstanceKey::None);
        let object = ObjectState::new("core", 0, Value::object::<Str>([]));
        state.set_instance(addr.clone(), InstanceState::of(object));
        assert!(!state.is_empty());
        state.set_instance(addr, InstanceState::default());
        assert!(state.is_empty());
    }
}
