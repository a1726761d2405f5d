//! The `infra` command in folders of its own, used as a tool around Terraform would use that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::case::{self, Step};

const STATE: &str = "infra.state.json";

/// What stays between the steps of a case: two folders, each with its state.
///
/// In `saved`, each step plans into a file and applies that; in `direct` it
/// plans and applies at once.
pub(crate) struct Bench {
    temp: TempDir,
}

/// What a step led to.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// The saved plan as JSON, if planning succeeded.
    pub(crate) plan: Option<Json>,
    /// The completed actions, one after the other.
    pub(crate) order: Vec<String>,
    /// `output -json`, with the values of sensitive ones.
    pub(crate) outputs: Json,
    /// `show -json` of the state.
    pub(crate) state: Json,
    /// `state list`.
    pub(crate) addresses: Vec<String>,
    /// What the failing command said.
    pub(crate) error: Option<String>,
    /// What went wrong apart from what the step is about.
    pub(crate) problems: Vec<String>,
}

struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            temp: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn infra(&self, folder: &str, args: &[&str]) -> Done {
        let place = |name: &str| self.temp.path().join(name);
        let output = Command::new(env!("CARGO_BIN_EXE_infra"))
            .args(args)
            .current_dir(self.folder(folder))
            .env_clear()
            .env("NO_COLOR", "1")
            .env("USER", "tester")
            .env("HOME", place("home"))
            .env("XDG_DATA_HOME", place("data"))
            .env("XDG_CACHE_HOME", place("cache"))
            .env("XDG_STATE_HOME", place("state"))
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("output is text"),
            stderr: String::from_utf8(output.stderr).expect("output is text"),
        }
    }

    /// Puts the source of a step into a folder; only the state stays.
    fn prepare(&self, folder: &str, source: &Path) {
        let folder = self.folder(folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for entry in fs::read_dir(&folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            if name.starts_with(STATE) {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(&path).expect("it can be removed");
            } else {
                fs::remove_file(&path).expect("it can be removed");
            }
        }
        case::copy_source(source, &folder);
    }

    fn state_bytes(&self, folder: &str) -> Option<Vec<u8>> {
        fs::read(self.folder(folder).join(STATE)).ok()
    }

    /// Runs a step.
    pub(crate) fn step(&self, case: &Path, step: &Step) -> Ran {
        let mut ran = Ran::default();
        for folder in ["saved", "direct"] {
            self.prepare(folder, &case.join(&step.dir));
        }
        let mut options: Vec<&str> = step.options.iter().map(String::as_str).collect();
        if let Some(vars) = &step.vars {
            fs::copy(case.join(vars), self.folder("given.json")).expect("it can be copied");
            options.push("-var-file=../given.json");
        }
        self.saved(step, &options, &mut ran);
        if step.applies() {
            // Without a plan there may be no configuration that says where the state is.
            if ran.plan.is_some() {
                self.read_state(&mut ran);
            }
            self.direct(&options, &mut ran);
        }
        ran
    }

    fn read_state(&self, ran: &mut Ran) {
        ran.state = self.show(&[], ran);
        ran.outputs = self.outputs(ran);
        let list = self.infra("saved", &["state", "list"]);
        ran.expect_success("state list", &list);
        ran.addresses = list.stdout.lines().map(str::to_owned).collect();
    }

    /// Plans into a file, and applies it if the step does so.
    fn saved(&self, step: &Step, options: &[&str], ran: &mut Ran) {
        let before = self.state_bytes("saved");
        let mut args = vec!["plan", "-out=../plan"];
        args.extend(options);
        let planned = self.infra("saved", &args);
        ran.settle("plan", &planned);
        if self.state_bytes("saved") != before {
            ran.problems.push("the state changed during a plan".into());
        }
        if ran.error.is_some() {
            return;
        }
        ran.plan = Some(self.show(&["../plan"], ran));
        if step.applies() {
            let mut args = vec!["apply", "-parallelism=1", "../plan"];
            // A plan does not hold secrets: they are given again.
            if ran.plan.as_ref().is_some_and(has_sensitive_variables) {
                args.extend(options.iter().skip_while(|o| !o.starts_with("-var")));
            }
            let applied = self.infra("saved", &args);
            ran.settle("apply", &applied);
            ran.order = applied.stderr.lines().filter_map(completed).collect();
        }
    }

    fn show(&self, args: &[&str], ran: &mut Ran) -> Json {
        let shown = self.infra("saved", &[&["show", "-json"], args].concat());
        ran.expect_success("show -json", &shown);
        ran.read_json("show -json", &shown.stdout)
    }

    /// Reads the outputs. The values of sensitive ones are shown when they are asked for by name.
    fn outputs(&self, ran: &mut Ran) -> Json {
        let all = self.infra("saved", &["output", "-json"]);
        ran.expect_success("output -json", &all);
        let mut outputs = ran.read_json("output -json", &all.stdout);
        for (name, output) in outputs.as_object_mut().into_iter().flatten() {
            if output["sensitive"] == true {
                if !output["value"].is_null() {
                    ran.problems.push(format!("`output -json` shows `{name}`"));
                }
                let one = self.infra("saved", &["output", "-json", name]);
                ran.expect_success("output -json NAME", &one);
                output["value"] = ran.read_json("output -json NAME", &one.stdout);
            }
        }
        outputs
    }

    /// Plans and applies at once: that must lead to the same.
    fn direct(&self, options: &[&str], ran: &mut Ran) {
        let before = self.state_bytes("direct");
        let mut args = vec!["apply", "-auto-approve", "-parallelism=1"];
        args.extend(options);
        let done = self.infra("direct", &args);
        if (done.code == Some(0)) == ran.error.is_some() {
            let text = format!("`apply -auto-approve` differs: {:?}\n{}", done.code, done.stderr);
            ran.problems.push(text);
        }
        if ran.plan.is_none() {
            if self.state_bytes("direct") != before {
                ran.problems.push("the state changed though planning failed".into());
            }
            return;
        }
        let state = self.infra("direct", &["show", "-json"]);
        let state = super::compare::masked(&ran.read_json("show -json", &state.stdout));
        let saved = super::compare::masked(&ran.state);
        if state != saved {
            ran.problems.push(format!(
                "`apply -auto-approve` leads to {state}\n        the saved plan to {saved}"
            ));
        }
    }
}

impl Ran {
    /// Notes how a command ended that may fail.
    fn settle(&mut self, what: &str, done: &Done) {
        match done.code {
            Some(0) => {}
            Some(1) if done.stderr.trim().is_empty() => self.problems.push(format!("`{what}` fails without a word")),
            Some(1) => self.error = Some(done.stderr.clone()),
            code => self
                .problems
                .push(format!("`{what}` ends with {code:?}: {}", done.stderr)),
        }
    }

    fn expect_success(&mut self, what: &str, done: &Done) {
        if done.code != Some(0) {
            self.problems
                .push(format!("`{what}` ends with {:?}: {}", done.code, done.stderr));
        }
    }

    fn read_json(&mut self, what: &str, text: &str) -> Json {
        serde_json::from_str(text).unwrap_or_else(|e| {
            self.problems.push(format!("`{what}` writes no JSON: {e}"));
            Json::Null
        })
    }
}

fn has_sensitive_variables(plan: &Json) -> bool {
    let variables = plan["configuration"]["root_module"]["variables"].as_object();
    variables.is_some_and(|v| v.values().any(|v| v["sensitive"] == true))
}

/// Reads a line about a completed action, such as `✓ aws_vpc.main: created in 0.2s [vpc-1]`.
fn completed(line: &str) -> Option<String> {
    let line = line.strip_prefix("✓ ")?;
    let words = [
        ("created", "create"),
        ("updated", "update"),
        ("deleted", "delete"),
        ("read", "read"),
        ("forgotten", "forget"),
    ];
    let (at, word) = words
        .into_iter()
        .filter_map(|(done, word)| Some((line.rfind(&format!(": {done} in "))?, word)))
        .max()?;
    Some(format!("{word} {}", &line[..at]))
}
