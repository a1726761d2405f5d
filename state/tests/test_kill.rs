//! Processes that are killed with -9, and processes that want the same lock.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use infra_state::{InstanceState, Intent, LockInfo, NoTypes, ObjectState, Record, SecretCodec, StateError, Store};
use infra_types::{InstanceAddr, InstanceKey, Value};

const STATE: &str = "INFRA_STATE_TEST_PATH";

fn store(path: &Path) -> Store {
    Store::local(path, Arc::new(NoTypes), SecretCodec::with_key("k"))
}

fn addr(i: u64) -> InstanceAddr {
    InstanceAddr::root("t", "a", InstanceKey::Int(i))
}

/// Not a test of its own: applies until it is killed. Says what is durable.
#[test]
fn child_that_applies() {
    let Some(path) = std::env::var_os(STATE) else {
        return;
    };
    let mut store = store(path.as_ref());
    store.lock(LockInfo::new("apply")).unwrap();
    let (mut state, _) = store.load().unwrap();
    store.begin("run").unwrap();
    for i in state.instances.len() as u64.. {
        let token = format!("token-{i}");
        store
            .record(&Record::Intent(Intent {
                address: addr(i),
                deposed: None,
                provider: "core".into(),
                token: token.as_str().into(),
                name: None,
                planned: None,
            }))
            .unwrap();
        store.flush().unwrap();
        println!("\nintent {i}");
        let instance = InstanceState::of(ObjectState {
            token: Some(token.into()),
            ..ObjectState::new("core", 0, Value::object([("id", Value::from(i as i64).sensitive())]))
        });
        state.set_instance(addr(i), instance.clone());
        store
            .record(&Record::Done {
                address: addr(i),
                instance,
                token: None,
            })
            .unwrap();
        store.flush().unwrap();
        println!("\ndone {i}");
        if i % 5 == 4 {
            store.commit(&state).unwrap();
        }
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_applies", "--nocapture"])
        .env(STATE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_run_loses_nothing_and_its_lock_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("infra.state.json");
    let mut last_done = None;
    for round in 1..=12 {
        let mut child = start(&path);
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut last_intent = None;
        for line in out.lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("intent", i)) => last_intent = i.parse::<u64>().ok(),
                Some(("done", i)) => last_done = i.parse::<u64>().ok(),
                _ => continue,
            }
            if last_intent >= Some(round * 4) {
                let _ = child.kill();
            }
        }
        child.wait().unwrap();

        let mut store = store(&path);
        store.lock(LockInfo::new("apply")).unwrap();
        assert_eq!(store.taken_over().unwrap().pid, child.id());
        let (state, open) = store.load().unwrap();
        let count = state.instances.len() as u64;
        assert!(count > last_done.unwrap(), "{count} {last_done:?}");
        assert!(count + open.len() as u64 > last_intent.unwrap());
        assert!(open.len() <= 1);
        // Nothing was created: the next child goes on.
        store.begin("run").unwrap();
        for open in open {
            let token = open.intent.token;
            store.record(&Record::Dropped { token }).unwrap();
        }
        store.commit(&state).unwrap();
    }
}

#[test]
fn a_living_process_keeps_others_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("infra.state.json");
    let mut child = start(&path);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(out.any(|line| line.unwrap().starts_with("intent")));
    let error = store(&path).lock(LockInfo::new("plan")).unwrap_err();
    child.kill().unwrap();
    child.wait().unwrap();
    let StateError::Locked { owner: Some(owner), .. } = error else {
        panic!("{error}")
    };
    assert_eq!((owner.pid, owner.purpose.as_str()), (child.id(), "apply"));
    store(&path).lock(LockInfo::new("plan")).unwrap();
}
