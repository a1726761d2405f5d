//! Lives through a history: applies each configuration, with its trouble, and
//! checks what must hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use infra_engine::execute::{Outcome, Shutdown};
use infra_engine::plan::PlanMode;
use infra_provider_fake::{Fault, FaultPlan, FaultRule, Op, StepAction};
use infra_providers::ErrorKind;
use infra_syntax::Diagnostics;
use infra_testutils::Bench;
use infra_testutils::bench::lines;

use crate::model::{Case, Failure, MODULE, Trouble, render};

/// How often a run without trouble may be repeated where ids are handed on
/// outside of the cloud and an earlier run was cut short between two hands.
const HANDED_ON: usize = 3;

/// Lives through a history; says what is wrong.
pub(crate) fn live(case: &Case) -> Result<(), String> {
    let mut bench = Bench::new();
    bench.parallelism = case.parallelism;
    bench.loader.add("mod/main.infra", MODULE);
    for (at, step) in case.steps.iter().enumerate() {
        bench.main(&render(case, at));
        if let Some(n) = step.vanishes {
            let things = bench.cloud.ids("fake_thing");
            if let Some(id) = things.get(n) {
                bench.cloud.remove(id);
            }
        }
        let place = |why: String| format!("step {at}: {why}");
        suffer(&mut bench, PlanMode::Normal, &step.trouble).map_err(place)?;
        if step.settle || at + 1 == case.steps.len() {
            settle(&mut bench, PlanMode::Normal, case).map_err(place)?;
        }
    }
    suffer(&mut bench, PlanMode::Destroy, &case.end).map_err(|why| format!("destroy: {why}"))?;
    settle(&mut bench, PlanMode::Destroy, case).map_err(|why| format!("destroy: {why}"))?;
    if !bench.cloud.objects().is_empty() || !bench.state().instances.is_empty() {
        return Err(format!("destroying left something: {:?}", bench.cloud.objects()));
    }
    Ok(())
}

/// Describes a history, to be read by people.
pub(crate) fn describe(case: &Case) -> String {
    let mut text = String::new();
    for (at, step) in case.steps.iter().enumerate() {
        let settled = if step.settle { "" } else { ", not repeated" };
        text.push_str(&format!(
            "--- step {at}: {:?}{settled}, vanishes: {:?}\n{}",
            step.trouble,
            step.vanishes,
            render(case, at)
        ));
    }
    text.push_str(&format!(
        "--- destroy: {:?}\nparallelism {}\n",
        case.end, case.parallelism
    ));
    text
}

type Ran = Option<Result<Outcome, Diagnostics>>;

/// Runs in a runtime of its own, which dies with the run: nothing goes on afterwards.
fn run(bench: &mut Bench, mode: PlanMode, shutdown: Shutdown, killed: &tokio::sync::Notify) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = killed.notified() => None,
            result = bench.run(mode, shutdown) => Some(result),
        }
    })
}

/// Applies while something goes wrong. Nothing may be forgotten.
fn suffer(bench: &mut Bench, mode: PlanMode, trouble: &Trouble) -> Result<(), String> {
    let killed = Arc::new(tokio::sync::Notify::new());
    let (handle, shutdown) = Shutdown::new();
    let seen = AtomicU64::new(0);
    match trouble {
        Trouble::Nothing => return Ok(()),
        Trouble::Faults(failures) => bench.cloud.set_faults(faults(failures)),
        Trouble::DiskFull(writes) => bench.backend.fail_after(*writes),
        Trouble::Killed(at) => {
            let (at, killed) = (*at, Arc::clone(&killed));
            bench.cloud.on_step(move |_| {
                if seen.fetch_add(1, Ordering::SeqCst) < at {
                    return StepAction::Continue;
                }
                killed.notify_one();
                StepAction::Stop
            });
        }
        Trouble::Stopped(at) => {
            let at = *at;
            bench.cloud.on_step(move |_| {
                if seen.fetch_add(1, Ordering::SeqCst) == at {
                    handle.advance();
                }
                StepAction::Continue
            });
        }
    }
    run(bench, mode, shutdown, &killed);
    bench.cloud.set_faults(FaultPlan::none());
    bench.cloud.clear_hook();
    bench.backend.recover();
    nothing_forgotten(bench)
}

fn faults(failures: &[Failure]) -> FaultPlan {
    failures.iter().fold(FaultPlan::none(), |plan, failure| {
        let op = [Op::Create, Op::Update, Op::Delete][failure.operation];
        let fault = match failure.fault {
            0 => Fault::Before(ErrorKind::Invalid),
            1 => Fault::Before(ErrorKind::Unreachable),
            // Who answers "invalid" has done nothing; only a lost answer is uncertain.
            2 => Fault::After(ErrorKind::Unreachable),
            3 => Fault::After(ErrorKind::Timeout),
            4 => Fault::HalfDone(ErrorKind::Invalid),
            _ => Fault::HalfDone(ErrorKind::Timeout),
        };
        plan.with(FaultRule::new(fault).op(op).nth(failure.nth))
    })
}

/// Every object of the cloud is in the state, or an intent finds it.
fn nothing_forgotten(bench: &Bench) -> Result<(), String> {
    let (state, intents) = bench.store().load().map_err(|e| e.to_string())?;
    let known: Vec<&str> = state
        .instances
        .values()
        .flat_map(infra_state::InstanceState::objects)
        .filter_map(|(_, o)| o.attributes.get_str("id"))
        .collect();
    for object in bench.cloud.objects() {
        let intended = intents.iter().any(|i| *i.intent.token == *object.token);
        if !intended && !known.contains(&object.id.as_str()) {
            return Err(format!("{} is forgotten", object.id));
        }
    }
    Ok(())
}

/// Applies without trouble, which must succeed; then the state is the cloud, and nothing is left to do.
fn settle(bench: &mut Bench, mode: PlanMode, case: &Case) -> Result<(), String> {
    let mut attempts = if case.hands_on { HANDED_ON } else { 1 };
    loop {
        attempts -= 1;
        match succeeds(bench, mode) {
            Ok(()) => break,
            Err(why) if attempts == 0 => return Err(why),
            Err(_) => {}
        }
    }
    if mode == PlanMode::Destroy {
        return state_is_cloud(bench);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(as_configured(bench))
}

/// The state is the cloud, and nothing is left to do.
async fn as_configured(bench: &mut Bench) -> Result<(), String> {
    state_is_cloud(bench)?;
    let plan = bench.plan().await.map_err(|d| messages(&d))?;
    if plan.has_changes() {
        return Err(format!("there is still something to do: {:?}", lines(&plan)));
    }
    Ok(())
}

/// Fails unless the state is the cloud, and nothing is left to do.
pub(crate) async fn check(bench: &mut Bench) {
    as_configured(bench).await.unwrap_or_else(|why| panic!("{why}"));
}

fn succeeds(bench: &mut Bench, mode: PlanMode) -> Result<(), String> {
    bench.cloud.clear_calls();
    let result = run(bench, mode, Shutdown::never(), &tokio::sync::Notify::new());
    match result {
        Some(Ok(outcome)) if outcome.diagnostics.has_errors() || !outcome.skipped.is_empty() => Err(format!(
            "it failed without a cause: {}skipped {:?}, did {:?}",
            messages(&outcome.diagnostics),
            outcome.skipped.iter().map(ToString::to_string).collect::<Vec<_>>(),
            bench.cloud.changes()
        )),
        Some(Ok(_)) => Ok(()),
        Some(Err(errors)) => Err(format!("it cannot be planned: {}", messages(&errors))),
        None => Err("it was killed".into()),
    }
}

fn messages(diagnostics: &Diagnostics) -> String {
    let mut text = String::new();
    for d in diagnostics.iter() {
        text.push_str(&format!("{} {:?}\n", d.message, d.notes));
    }
    text
}

/// Each object of the cloud is in the state exactly once, as it is, and nothing else is there.
fn state_is_cloud(bench: &Bench) -> Result<(), String> {
    let (state, intents) = bench.store().load().map_err(|e| e.to_string())?;
    if !intents.is_empty() {
        return Err(format!(
            "an intent is still open: {:?}",
            intents[0].intent.address.to_string()
        ));
    }
    let mut cloud: BTreeMap<String, infra_types::Value> = bench
        .cloud
        .objects()
        .into_iter()
        .map(|o| (o.id, o.attributes))
        .collect();
    for (addr, instance) in &state.instances {
        for (deposed, object) in instance.objects() {
            if deposed.is_some() || object.tainted {
                return Err(format!("`{addr}` was not cleaned up"));
            }
            if addr.ty().starts_with("fake_") {
                let id = object.attributes.get_str("id").unwrap_or_default();
                match cloud.remove(id) {
                    None => return Err(format!("`{addr}` is {id}, which is not there, or twice in the state")),
                    Some(there) if !there.same_value(&object.attributes) => {
                        return Err(format!("`{addr}` is not as the state says"));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    match cloud.keys().next() {
        Some(id) => Err(format!("{id} is not in the state")),
        None => Ok(()),
    }
}
