//! Random states for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_types::{InstanceAddr, InstanceKey, Mode, ModuleAddr, Number, ResourceAddr, Str, Type, Value};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::{InstanceState, ObjectState, OutputState, SecretCodec, State, Types};

/// Schemas by resource type.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestTypes(pub(crate) BTreeMap<String, Type>);

impl Types for TestTypes {
    fn resource_type(&self, _: Mode, ty: &str) -> Option<Type> {
        self.0.get(ty).cloned()
    }
}

pub(crate) fn codec() -> SecretCodec {
    SecretCodec::with_key("a key for tests")
}

fn text() -> BoxedStrategy<String> {
    let special = [
        "",
        "$",
        "$sealed",
        "$$sealed",
        "$type",
        "$value",
        "${a}",
        "é",
        "a\"b\\c\n\u{1}",
        "🦀",
    ];
    prop_oneof![
        4 => "[a-z_]{1,6}",
        1 => proptest::sample::select(special.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .boxed()
}

pub(crate) fn ty() -> BoxedStrategy<Type> {
    let leaf = prop_oneof![
        Just(Type::String),
        Just(Type::Number),
        Just(Type::Bool),
        Just(Type::Dynamic)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            vec(inner.clone(), 0..4).prop_map(Type::tuple),
            btree_map(text(), inner, 0..4).prop_map(Type::object),
        ]
    })
    .boxed()
}

fn object_ty() -> BoxedStrategy<Type> {
    btree_map(text(), ty(), 0..6).prop_map(Type::object).boxed()
}

fn number() -> BoxedStrategy<Value> {
    let texts = [
        "0",
        "0.1",
        "-1.5",
        "1e30",
        "123456789012345678901234567890",
        "1e-9",
        "18446744073709551616",
    ];
    prop_oneof![
        any::<i64>().prop_map(|n| Value::from(Number::parse(&n.to_string()).unwrap())),
        proptest::sample::select(texts.to_vec()).prop_map(|t| Value::from(Number::parse(t).unwrap())),
    ]
    .boxed()
}

/// Makes values of a type; some null, some sensitive.
pub(crate) fn value(ty: &Type) -> BoxedStrategy<Value> {
    let known = match ty {
        // A value where any type is allowed has a type of its own.
        Type::Dynamic => prop_oneof![
            4 => leaf_value(),
            1 => self::ty().prop_filter("known", |t| *t != Type::Dynamic).prop_flat_map(|t| value(&t)),
        ]
        .boxed(),
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Number => number(),
        Type::String => text().prop_map(Value::from).boxed(),
        Type::List(t) => {
            let t = Type::clone(t);
            vec(value(&t), 0..4)
                .prop_map(move |items| Value::list(t.clone(), items))
                .boxed()
        }
        Type::Set(t) => {
            let t = Type::clone(t);
            vec(value(&t), 0..4)
                .prop_map(move |items| Value::set(t.clone(), items))
                .boxed()
        }
        Type::Map(t) => {
            let t = Type::clone(t);
            let entries = btree_map(text().prop_map(Str::from), value(&t), 0..4);
            entries
                .prop_map(move |entries| Value::map(t.clone(), entries.into()))
                .boxed()
        }
        Type::Tuple(types) => types
            .iter()
            .map(value)
            .collect::<Vec<_>>()
            .prop_map(Value::tuple)
            .boxed(),
        Type::Object(_) => object(ty),
    };
    let ty = ty.clone();
    prop_oneof![
        8 => known.clone(),
        1 => known.prop_map(Value::sensitive),
        1 => any::<bool>().prop_map(move |s| {
            let null = Value::null_of(ty.clone());
            if s { null.sensitive() } else { null }
        }),
    ]
    .boxed()
}

fn leaf_value() -> BoxedStrategy<Value> {
    prop_oneof![
        number(),
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ]
    .boxed()
}

/// Makes objects of an object type.
fn object(ty: &Type) -> BoxedStrategy<Value> {
    let Type::Object(attrs) = ty else {
        unreachable!("only objects have attributes")
    };
    let names: Vec<Str> = attrs.keys().cloned().collect();
    let values: Vec<_> = attrs.values().map(|a| value(&a.ty)).collect();
    values
        .prop_map(move |values| Value::object(names.iter().cloned().zip(values)))
        .boxed()
}

fn key() -> BoxedStrategy<InstanceKey> {
    prop_oneof![
        Just(InstanceKey::None),
        (0..20_u64).prop_map(InstanceKey::Int),
        text().prop_map(|t| InstanceKey::Str(t.into())),
    ]
    .boxed()
}

fn resource(ty: &'static str) -> BoxedStrategy<ResourceAddr> {
    let module = vec(("[a-c]".prop_map(Str::from), key()), 0..3);
    let mode = proptest::sample::select(vec![Mode::Managed, Mode::Data]);
    (module, mode, "[a-e]")
        .prop_map(move |(module, mode, name)| ResourceAddr {
            module: ModuleAddr(module.into()),
            mode,
            ty: ty.into(),
            name: name.into(),
        })
        .boxed()
}

fn object_state(ty: &Type) -> BoxedStrategy<Arc<ObjectState>> {
    let flags = any::<(bool, bool, bool)>();
    let token = proptest::option::of(text().prop_map(Str::from));
    let dependencies = vec(resource("aws_vpc"), 0..3);
    (object(ty), 0..9_u32, text(), flags, dependencies, token)
        .prop_map(|(attributes, schema_version, provider, flags, dependencies, token)| {
            Arc::new(ObjectState {
                provider: provider.into(),
                schema_version,
                attributes,
                dependencies: dependencies.iter().map(ResourceAddr::path).collect(),
                create_before_destroy: flags.0,
                protect: flags.1,
                tainted: flags.2,
                token,
            })
        })
        .boxed()
}

fn instance(ty: &Type) -> BoxedStrategy<InstanceState> {
    let current = proptest::option::weighted(0.9, object_state(ty));
    let deposed = btree_map("[0-9a-f]{8}", object_state(ty), 0..2);
    (current, deposed)
        .prop_map(|(current, deposed)| InstanceState { current, deposed })
        .boxed()
}

/// Makes states with the types of their resources.
pub(crate) fn state() -> BoxedStrategy<(State, TestTypes)> {
    (object_ty(), object_ty())
        .prop_flat_map(|(a, b)| {
            let of = |name: &'static str, ty: &Type| {
                let addr = (resource(name), key()).prop_map(|(resource, key)| InstanceAddr { resource, key });
                btree_map(addr, instance(ty), 0..3)
            };
            let instances = (of("type_a", &a), of("type_b", &b));
            let outputs = btree_map(text().prop_map(Str::from), value(&Type::Dynamic), 0..3);
            let types = TestTypes([("type_a".to_owned(), a), ("type_b".to_owned(), b)].into());
            (instances, outputs, any::<u64>(), Just(types))
        })
        .prop_map(|((a, b), outputs, serial, types)| {
            let mut state = State::new("6a7f3b1e-0000-4000-8000-000000000001");
            state.serial = serial;
            state.outputs = outputs
                .into_iter()
                .map(|(k, value)| (k, OutputState { value }))
                .collect();
            state.instances = a.into_iter().chain(b).collect();
            (state, types)
        })
        .boxed()
}
