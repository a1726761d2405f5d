//! Measures a state of many instances: `cargo run --release -p infra-state --example scale [COUNT]`.

use std::sync::Arc;
use std::time::Instant;

use infra_state::{
    InstanceState, Intent, LocalBackend, ObjectState, ReadOptions, Record, SecretCodec, State, StateBackend, Store,
};
use infra_types::{InstanceAddr, InstanceKey, Mode, Type, Value};

fn schema() -> Type {
    let mut attrs: Vec<(String, Type)> = (0..16).map(|i| (format!("attribute_{i}"), Type::String)).collect();
    attrs.push(("enabled".into(), Type::Bool));
    attrs.push(("password".into(), Type::String));
    attrs.push(("size".into(), Type::Number));
    attrs.push(("subnets".into(), Type::set(Type::String)));
    attrs.push(("tags".into(), Type::map(Type::String)));
    Type::object(attrs)
}

fn object(i: usize) -> ObjectState {
    let mut attrs: Vec<(String, Value)> = (0..16)
        .map(|a| {
            (
                format!("attribute_{a}"),
                Value::from(format!("value-{a}-of-instance-{i:08}")),
            )
        })
        .collect();
    let subnets = (0..3).map(|s| Value::from(format!("subnet-{i:012}{s}"))).collect();
    let tags = ["Name", "Environment", "Team"].map(|t| (t.into(), Value::from(format!("{t} of {i}"))));
    attrs.push(("enabled".into(), true.into()));
    let password = Value::from(format!("secret-{i}"));
    attrs.push((
        "password".into(),
        if i.is_multiple_of(100) {
            password.sensitive()
        } else {
            password
        },
    ));
    attrs.push(("size".into(), (i as i64).into()));
    attrs.push(("subnets".into(), Value::set(Type::String, subnets)));
    attrs.push(("tags".into(), Value::map(Type::String, tags.into())));
    let dependency = InstanceAddr::root("aws_vpc", format!("vpc_{}", i % 50), InstanceKey::None);
    ObjectState {
        dependencies: [dependency.resource.path()].into(),
        token: Some(format!("token-{i:024}").into()),
        ..ObjectState::new("aws", 1, Value::object(attrs))
    }
}

fn addr(i: usize) -> InstanceAddr {
    InstanceAddr::root(
        "aws_thing",
        format!("resource_{}", i / 1000),
        InstanceKey::Int((i % 1000) as u64),
    )
}

fn timed<T>(what: &str, action: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = action();
    println!("{what:<34} {:>9.1} ms", start.elapsed().as_secs_f64() * 1e3);
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let folder = tempfile::tempdir_in(".")?;
    let path = folder.path().join("infra.state.json");
    let ty = schema();
    let types = Arc::new(move |_: Mode, name: &str| (name == "aws_thing").then(|| ty.clone()));
    let codec = SecretCodec::with_key("measuring");

    let mut state = State::empty();
    for i in 0..count {
        state.set_instance(addr(i), InstanceState::of(object(i)));
    }
    let mut backend = LocalBackend::new(&path, codec.clone());
    timed("write", || backend.write(&state, 1, &*types))?;
    let bytes = std::fs::metadata(&path)?.len();
    println!("{count} instances, {:.1} MB", bytes as f64 / 1e6);
    let read = timed("read", || backend.read(&*types, ReadOptions::default()))?;
    let read = read.expect("it was written").state;
    timed("compare", || assert!(read.same_content(&state)));
    timed("clone", || read.clone());
    timed("write again", || backend.write(&read, 2, &*types))?;

    let mut store = Store::local(&path, types.clone(), codec.clone());
    let (mut state, _) = timed("load", || store.load())?;
    store.begin("measuring")?;
    let batch = 10;
    let records = (count / 10).max(batch);
    timed(&format!("record {records}, flush every {batch}"), || {
        for i in 0..records {
            let intent = Intent {
                address: addr(i),
                deposed: None,
                provider: "aws".into(),
                token: format!("new-{i}").into(),
                name: None,
                planned: None,
            };
            store.record(&Record::Intent(intent))?;
            let instance = InstanceState::of(object(i + 1));
            state.set_instance(addr(i), instance.clone());
            store.record(&Record::Done {
                address: addr(i),
                instance,
                token: Some(format!("new-{i}").into()),
            })?;
            if i % batch == 0 {
                store.flush()?;
            }
        }
        store.flush()
    })?;
    println!("journal of {:.1} MB", store.journal_len() as f64 / 1e6);
    let mut next = Store::local(&path, types, codec);
    let (folded, _) = timed("load with the journal", || next.load())?;
    assert!(folded.same_content(&state));
    timed("commit", || store.commit(&state))?;
    Ok(())
}
