//! Small configurations must do what was recorded with Terraform.
//!
//! Each folder of `conformance/cases` is one configuration with one or more
//! steps, which run in order against one state. A case agrees if all of its
//! steps give what was recorded. `conformance/exceptions.txt` names those that
//! differ on purpose, with the reason; `conformance/expected-cases` holds the number
//! of cases that must agree or be named there. With `INFRA_CONFORMANCE=FILTER` set, each failure
//! whose id or features contain the filter is printed; with `INFRA_CASES=FOLDER` set, other
//! cases of the same form are run, and what differs is counted.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test reads files and prints"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use infra_engine::config::SourceLoader;
use infra_engine::config::variables::{Argument, collect_in_order};
use infra_engine::eval::{Host, HostError};
use infra_engine::execute::Shutdown;
use infra_engine::flow::{self, Context};
use infra_engine::observe::{Event, Observer, Operation};
use infra_engine::plan::{Action, Change, CheckResult, CheckStatus, OutputChange, Plan, PlanMode, PlanOptions};
use infra_engine::project::Project;
use infra_provider_core::CoreProviders;
use infra_providers::{Registry, SessionOptions};
use infra_state::{MemoryBackend, State, Store};
use infra_syntax::Diagnostics;
use infra_testutils::MemoryLoader;
use infra_types::address::AddressError;
use infra_types::{Mode, Type, Value, to_json, type_to_json};
use serde::Deserialize;
use serde_json::Value as Json;

/// What a step gave, or the messages of its errors.
type Outcome<T> = Result<T, String>;

#[derive(Deserialize)]
struct Case {
    id: String,
    features: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    dir: String,
    args: Vec<String>,
    vars: Option<String>,
    expect: String,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "snake_case")]
#[derive(Default)]
struct Expect {
    changes: Option<BTreeMap<String, String>>,
    create_before_destroy: Vec<String>,
    previous_address: BTreeMap<String, String>,
    importing: BTreeMap<String, String>,
    reasons: BTreeMap<String, String>,
    planned: BTreeMap<String, Json>,
    unknown: BTreeMap<String, Json>,
    output_changes: BTreeMap<String, String>,
    planned_outputs: BTreeMap<String, Json>,
    unknown_outputs: BTreeMap<String, Json>,
    outputs: Option<BTreeMap<String, Json>>,
    output_types: BTreeMap<String, Json>,
    sensitive_outputs: Vec<String>,
    resources: Option<BTreeMap<String, BTreeMap<String, Json>>>,
    order: Vec<String>,
    checks: BTreeMap<String, String>,
    error: bool,
    phase: Option<String>,
}

/// Files below the folder of a case, and nothing else.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn name(path: &str) -> String {
        infra_engine::config::loader::normalise(path)
    }
}

impl Host for Files {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        let found = self.0.get(&Self::name(path)).cloned();
        found.ok_or_else(|| HostError(format!("no file `{path}`")))
    }

    fn file_exists(&self, path: &str) -> Result<bool, HostError> {
        Ok(self.0.contains_key(&Self::name(path)))
    }

    fn list_files(&self, folder: &str) -> Result<Vec<String>, HostError> {
        let folder = match Self::name(folder).as_str() {
            "." => String::new(),
            folder => format!("{folder}/"),
        };
        let below = self.0.keys().filter_map(|path| path.strip_prefix(&folder));
        Ok(below.map(str::to_owned).collect())
    }

    fn absolute_path(&self, path: &str) -> String {
        match Self::name(path).as_str() {
            "." => "/case".into(),
            path if path.starts_with('/') => path.into(),
            path => format!("/case/{path}"),
        }
    }

    fn home(&self) -> Option<String> {
        None
    }

    fn timestamp(&self) -> Option<String> {
        None
    }

    fn plan_timestamp(&self) -> Option<String> {
        Some("2026-01-01T00:00:00Z".into())
    }

    fn uuid(&self) -> Option<String> {
        None
    }
}

/// Remembers what was completed, in order.
#[derive(Default)]
struct Completed(Mutex<Vec<String>>);

impl Observer for Completed {
    fn event(&self, event: &Event<'_>) {
        if let Event::Done { addr, operation, .. } = event {
            let word = match operation {
                Operation::Create => "create",
                Operation::Update => "update",
                Operation::Delete => "delete",
                Operation::Read => "read",
                Operation::Forget => "forget",
            };
            self.0.lock().expect("no panic").push(format!("{word} {addr}"));
        }
    }
}

/// What stays between the steps of a case.
struct Bench {
    registry: Registry,
    backend: MemoryBackend,
    /// Counts plans: each has a time of its own.
    plans: u32,
}

/// What a step led to.
#[derive(Default)]
struct Ran {
    /// The plan, if planning succeeded.
    plan: Option<Plan>,
    state: Option<State>,
    order: Vec<String>,
    /// How conditions stand: as planned, or after applying.
    checks: Vec<CheckResult>,
    error: Option<String>,
    /// The phase that it got to: 0 for checking, 1 for planning, 2 for applying.
    phase: usize,
}

impl Bench {
    fn new() -> Self {
        let mut registry = Registry::new();
        for provider in CoreProviders::default().providers() {
            registry.add(provider);
        }
        Bench {
            registry,
            backend: MemoryBackend::new(),
            plans: 0,
        }
    }

    fn store(&self) -> Store {
        let registry = self.registry.clone();
        let types = move |mode: Mode, ty: &str| -> Option<Type> { registry.schema(mode, ty).map(|s| s.ty()) };
        Store::new(self.backend.clone(), Arc::new(types))
    }

    async fn step(&mut self, step: &Loaded) -> Ran {
        let mut ran = Ran::default();
        if let Err(error) = self.run(step, &mut ran).await {
            ran.error = Some(error);
        }
        ran.state = Some(self.store().load().expect("the state can be read").0);
        ran
    }

    async fn run(&mut self, step: &Loaded, ran: &mut Ran) -> Outcome<()> {
        let files = step.files.clone();
        let mut loader: MemoryLoader = files.clone().into_iter().collect();
        let host = Files(files);
        let project = Project::load(&loader, ".", &self.registry, &host).map_err(|r| messages(&r.diagnostics))?;
        ran.phase = 1;
        let (command, mut options, mut arguments) = self.options(&step.args)?;
        if let Some(vars) = &step.vars {
            loader.add("given.json", vars.clone());
            arguments.insert(0, Argument::File("given.json".into()));
        }
        let collected = collect_in_order(&loader as &dyn SourceLoader, &project.config, ".", &[], &arguments);
        let (variables, _, diagnostics) = collected.resolve(&project.config);
        if diagnostics.has_errors() {
            return Err(messages(&diagnostics));
        }
        self.plans += 1;
        options.timestamp = format!("2026-01-01T00:00:{:02}Z", self.plans);
        let observer = Completed::default();
        let context = Context {
            project: &project,
            registry: &self.registry,
            session_options: SessionOptions::default(),
            observer: &observer,
        };
        let mut store = self.store();
        let planned = flow::plan(&mut store, &context, &host, variables, options).await;
        let planned = planned.map_err(|d| messages(&d))?;
        ran.checks.clone_from(&planned.plan.checks);
        let mut result = Ok(());
        ran.phase = 2;
        if command == "apply" {
            let outcome = flow::apply(&mut store, &context, &host, &planned, 1, Shutdown::never()).await;
            let outcome = outcome.map_err(|d| messages(&d));
            if let Ok(outcome) = &outcome {
                ran.checks.clone_from(&outcome.checks);
            }
            result = outcome.and_then(|o| match o.diagnostics.has_errors() {
                true => Err(messages(&o.diagnostics)),
                false => Ok(()),
            });
        }
        ran.plan = Some(planned.plan);
        ran.order = observer.0.into_inner().expect("no panic");
        result
    }

    /// Reads the arguments of a step: the command, and how to plan.
    fn options<'s>(&self, args: &'s [String]) -> Outcome<(&'s str, PlanOptions, Vec<Argument>)> {
        let mut options = PlanOptions::default();
        let mut given = Vec::new();
        let mut args = args.iter().map(String::as_str);
        let command = args.next().unwrap_or("plan");
        while let Some(arg) = args.next() {
            let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
            match (name, value) {
                ("-destroy", _) => options.mode = PlanMode::Destroy,
                ("-refresh-only", _) => options.mode = PlanMode::RefreshOnly,
                ("-refresh", value) => options.refresh = value != "false",
                ("-var", "") => given.push(Argument::Value(args.next().unwrap_or_default().to_owned())),
                ("-replace", addr) => {
                    options.replace.insert(address(addr)?);
                }
                ("-target", addr) => options.targets.push(address(addr)?),
                ("-exclude", addr) => options.excludes.push(address(addr)?),
                _ => panic!("the engine has no `{arg}`"),
            }
        }
        Ok((command, options, given))
    }
}

fn address<T: std::str::FromStr<Err = AddressError>>(text: &str) -> Outcome<T> {
    text.parse().map_err(|e: AddressError| e.to_string())
}

fn messages(diagnostics: &Diagnostics) -> String {
    let texts: Vec<&str> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    texts.join("; ")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns the files of a step, by path.
fn sources(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let root = prefix.is_empty();
            if root && matches!(&*name, "case.json" | "vars.json" | "expected.json") {
                continue;
            }
            if !path.is_dir() {
                files.insert(format!("{prefix}{name}"), read(&path));
            } else if !(root && is_step(&name)) {
                open.push((path, format!("{prefix}{name}/")));
            }
        }
    }
    files
}

fn is_step(name: &str) -> bool {
    let number = name.strip_prefix("step").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// What differs, in words.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, expected: T) {
        if ours != expected {
            self.0.push(format!("{what}: {ours:?}\n        expected {expected:?}"));
        }
    }

    fn step(&mut self, expect: &Expect, ran: &Ran, applied: bool) {
        if expect.error != ran.error.is_some() {
            let got = ran.error.as_deref().unwrap_or("success");
            self.0.push(format!("expected error: {}, got: {got}", expect.error));
            return;
        }
        let phases = ["validate", "plan", "apply"];
        let latest = expect
            .phase
            .as_ref()
            .and_then(|p| phases.iter().position(|phase| phase == p));
        if expect.error && latest.is_some_and(|latest| ran.phase > latest) {
            self.0
                .push(format!("found while {}: {:?}", phases[ran.phase], ran.error));
        }
        if let Some(plan) = &ran.plan
            && let Some(changes) = &expect.changes
        {
            self.plan(expect, changes, plan);
            self.checks(expect, &ran.checks);
        }
        let late = expect.phase.as_deref() == Some("apply");
        if !applied || (expect.error && !late) {
            return;
        }
        if !expect.order.is_empty() {
            self.same("order", &ran.order, &expect.order);
        }
        if let Some(state) = &ran.state {
            self.state(expect, state);
        }
    }

    fn plan(&mut self, expect: &Expect, changes: &BTreeMap<String, String>, plan: &Plan) {
        let ours = || plan.changes.iter().filter(|c| c.deposed.is_none());
        let by_address = |f: &dyn Fn(&Change) -> Option<String>| -> BTreeMap<String, String> {
            ours().filter_map(|c| Some((c.addr.to_string(), f(c)?))).collect()
        };
        self.same("changes", &by_address(&|c| Some(c.action.word().into())), changes);
        let first = ours().filter(|c| c.action == Action::Replace { create_first: true });
        let mut first: Vec<String> = first.map(|c| c.addr.to_string()).collect();
        first.sort();
        self.same("create_before_destroy", &first, &expect.create_before_destroy);
        let moved = by_address(&|c| c.previous_addr.as_ref().map(ToString::to_string));
        self.same("previous_address", &moved, &expect.previous_address);
        self.same("importing", &by_address(&|c| c.importing.clone()), &expect.importing);
        self.same(
            "reasons",
            &by_address(&|c| c.reason.map(|r| r.word().into())),
            &expect.reasons,
        );
        for change in ours() {
            let addr = change.addr.to_string();
            let planned = change.planned.clone().unwrap_or_else(Value::null);
            for (kind, table, fits) in [
                ("planned", &expect.planned, fits as fn(&Json, &Value) -> bool),
                ("unknown", &expect.unknown, is_unknown),
            ] {
                if let Some(expected) = table.get(&addr)
                    && !fits(expected, &planned)
                {
                    self.0
                        .push(format!("{kind} {addr}: {planned:?}\n        expected {expected}"));
                }
            }
        }
        let outputs: BTreeMap<String, String> = plan
            .outputs
            .iter()
            .map(|(name, change)| (name.to_string(), output_action(change).into()))
            .collect();
        self.same("output_changes", &outputs, &expect.output_changes);
        for (name, output) in &plan.outputs {
            let value = output.after.clone().unwrap_or_else(Value::null);
            for (kind, table, fits) in [
                (
                    "planned output",
                    &expect.planned_outputs,
                    fits as fn(&Json, &Value) -> bool,
                ),
                ("unknown output", &expect.unknown_outputs, is_unknown),
            ] {
                if let Some(expected) = table.get(&**name)
                    && !fits(expected, &value)
                {
                    self.0
                        .push(format!("{kind} {name}: {value:?}\n        expected {expected}"));
                }
            }
        }
    }

    fn checks(&mut self, expect: &Expect, checks: &[CheckResult]) {
        if !expect.error {
            let word = |status| match status {
                CheckStatus::Pass => "pass",
                CheckStatus::Unknown => "unknown",
                CheckStatus::Fail => "fail",
                CheckStatus::Error => "error",
            };
            // Terraform gives one answer for all instances.
            let mut all: BTreeMap<String, CheckStatus> = BTreeMap::new();
            for check in checks {
                let status = all.entry(check.declared.clone()).or_insert(check.status);
                *status = check.status.max(*status);
            }
            let checks = all.into_iter().map(|(name, status)| (name, word(status).to_owned()));
            self.same("checks", &checks.collect(), &expect.checks);
        }
    }

    fn state(&mut self, expect: &Expect, state: &State) {
        if let Some(outputs) = &expect.outputs {
            let known = state.outputs.iter().filter(|(_, o)| !o.value.is_null());
            let ours = known.map(|(name, o)| (name.to_string(), masked(&o.value))).collect();
            self.same("outputs", &ours, outputs);
            let known = state.outputs.iter().filter(|(_, o)| !o.value.is_null());
            let types: BTreeMap<String, Json> = known
                .map(|(n, o)| (n.to_string(), type_to_json(&o.value.ty())))
                .collect();
            for (name, ty) in &expect.output_types {
                self.same(&format!("type of {name}"), types.get(name), Some(ty));
            }
            let sensitive = state.outputs.iter().filter(|(_, o)| o.value.contains_sensitive());
            let sensitive: Vec<String> = sensitive.map(|(name, _)| name.to_string()).collect();
            self.same("sensitive outputs", &sensitive, &expect.sensitive_outputs);
        }
        if let Some(resources) = &expect.resources {
            let current = state
                .instances
                .iter()
                .filter_map(|(a, i)| Some((a, i.current.as_ref()?)));
            let ours = current.map(|(addr, object)| (addr.to_string(), attributes(&object.attributes)));
            self.same("resources", &ours.collect(), resources);
        }
    }
}

fn output_action(change: &OutputChange) -> &'static str {
    let null = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_null);
    match (null(&change.before), null(&change.after)) {
        _ if change.is_noop() => "no-op",
        (true, true) => "no-op",
        (false, true) if change.after.is_some() => "update",
        (true, false) => "create",
        (false, true) => "delete",
        (false, false) => "update",
    }
}

/// Returns the arguments and the output of a `terraform_data`, as far as they are not null.
fn attributes(object: &Value) -> BTreeMap<String, Json> {
    ["input", "output", "triggers_replace"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), object.get(name).filter(|v| !v.is_null())?)))
        .map(|(name, value)| (name, masked(value)))
        .collect()
}

/// Returns the JSON form of a value; ids made at random are written as `<id>`.
fn masked(value: &Value) -> Json {
    mask(to_json(value))
}

fn mask(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(mask_text(&text)),
        Json::Array(items) => items.into_iter().map(mask).collect(),
        Json::Object(entries) => entries.into_iter().map(|(k, v)| (mask_text(&k), mask(v))).collect(),
        other => other,
    }
}

fn mask_text(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_uuid = |part: &[char]| {
        part.iter().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => *c == '-',
            _ => c.is_ascii_hexdigit(),
        })
    };
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        match chars.get(at..at + 36) {
            Some(part) if is_uuid(part) => {
                out.push_str("<id>");
                at += 36;
            }
            _ => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// Says whether a value has the expected parts; what is not known is missing or null there.
fn fits(expected: &Json, value: &Value) -> bool {
    if !value.is_known() {
        return expected.is_null();
    }
    match (expected, value.as_entries(), value.as_items()) {
        (Json::Object(parts), Some(entries), _) => parts.iter().all(|(name, part)| {
            let entry = entries.iter().find(|(key, _)| mask_text(key) == *name);
            entry.is_some_and(|(_, entry)| fits(part, entry))
        }),
        (Json::Array(parts), _, Some(items)) => {
            parts.len() == items.len() && parts.iter().zip(items).all(|(part, item)| fits(part, item))
        }
        (_, None, None) => masked(value) == *expected,
        _ => false,
    }
}

/// Says whether a value is unknown where that is expected.
fn is_unknown(expected: &Json, value: &Value) -> bool {
    match (expected, value.as_entries(), value.as_items()) {
        (Json::Bool(unknown), ..) => value.is_known() != *unknown,
        (Json::Object(parts), Some(entries), _) => parts
            .iter()
            .all(|(name, part)| entries.get(name.as_str()).is_some_and(|entry| is_unknown(part, entry))),
        (Json::Array(parts), _, Some(items)) => parts.iter().zip(items).all(|(part, item)| is_unknown(part, item)),
        _ => false,
    }
}

/// A step with all that it needs.
struct Loaded {
    files: BTreeMap<String, Vec<u8>>,
    args: Vec<String>,
    vars: Option<Vec<u8>>,
    expect: Expect,
}

/// Reads the steps of a case from its folder.
fn load(folder: &Path, case: &Case) -> Vec<Loaded> {
    let load = |step: &Step| Loaded {
        files: sources(&folder.join(&step.dir)),
        args: step.args.clone(),
        vars: step.vars.as_ref().map(|vars| read(&folder.join(vars))),
        expect: serde_json::from_slice(&read(&folder.join(&step.expect))).expect("an expectation"),
    };
    case.steps.iter().map(load).collect()
}

/// Runs the steps of a case; says what differs.
fn run(steps: &[Loaded]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let mut bench = Bench::new();
    let mut differences = Differences::default();
    for (i, step) in steps.iter().enumerate() {
        let before = differences.0.len();
        let ran = runtime.block_on(bench.step(step));
        differences.step(&step.expect, &ran, step.args[0] == "apply");
        for text in &mut differences.0[before..] {
            *text = format!("step {}: {text}", i + 1);
        }
    }
    differences.0
}

fn conformance() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

#[test]
fn cases_agree_with_terraform() {
    let shown = std::env::var("INFRA_CONFORMANCE").ok();
    let given = std::env::var_os("INFRA_CASES").map(PathBuf::from);
    let expected = std::fs::read_to_string(conformance().join("expected-cases")).expect("a file");
    let expected: usize = expected.trim().parse().expect("a number");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(given.clone().unwrap_or_else(|| conformance().join("cases")))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    let exceptions = String::from_utf8(read(&conformance().join("exceptions.txt"))).expect("a text");
    let exceptions: BTreeMap<&str, &str> = exceptions
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
        .map(|l| l.split_once(char::is_whitespace).expect("an id and a reason"))
        .collect();
    let mut differ = Vec::new();
    let mut stale = Vec::new();
    for folder in &folders {
        let case: Case = serde_json::from_slice(&read(&folder.join("case.json"))).expect("a case");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&load(folder, &case))));
        let differences = result.unwrap_or_else(|_| vec!["panicked".into()]);
        let excepted = exceptions.contains_key(&*case.id);
        if differences.is_empty() || excepted {
            if differences.is_empty() && excepted {
                stale.push(case.id);
            }
            continue;
        }
        let selected = |f: &String| case.id.contains(f) || case.features.contains(f);
        if shown.as_ref().is_some_and(selected) {
            println!("{} {:?}", case.id, case.features);
            differences.iter().for_each(|d| println!("    {d}"));
        }
        differ.push(case.id);
    }
    if given.is_some() {
        println!("{} differ: {differ:?}", differ.len());
        return;
    }
    assert!(stale.is_empty(), "these agree after all: {stale:?}");
    let agreed = folders.len() - differ.len();
    println!("{} differ on purpose", exceptions.len());
    println!("{agreed} of {} agree; these differ: {differ:?}", folders.len());
    assert!(
        agreed >= expected,
        "{agreed} agree, but {expected} did before: {differ:?}"
    );
    assert!(agreed == expected, "{agreed} agree now: write that into expected-cases");
}

#[derive(Deserialize)]
struct Measured {
    id: String,
    steps: Vec<MeasuredStep>,
}

#[derive(Deserialize)]
struct MeasuredStep {
    args: Vec<String>,
    /// The sources; those of the step before if left out.
    files: Option<BTreeMap<String, String>>,
    vars: Option<Json>,
    expect: Expect,
}

/// `cases/terraform.jsonl` holds one case per line, with what Terraform 1.11.4 gave.
#[test]
fn measured_configurations_agree_with_terraform() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/terraform.jsonl");
    let text = String::from_utf8(read(&path)).expect("a text");
    let mut differ = Vec::new();
    for line in text.lines() {
        let case: Measured = serde_json::from_str(line).expect("a case");
        let mut files = BTreeMap::new();
        let mut steps = Vec::new();
        for step in case.steps {
            if let Some(given) = step.files {
                files = given
                    .into_iter()
                    .map(|(name, text)| (name, text.into_bytes()))
                    .collect();
            }
            steps.push(Loaded {
                files: files.clone(),
                args: step.args,
                vars: step.vars.map(|vars| vars.to_string().into_bytes()),
                expect: step.expect,
            });
        }
        let differences = run(&steps);
        if !differences.is_empty() {
            differ.push(format!("{}: {}", case.id, differences.join("; ")));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
