//! The whole way over the wire: a real environment against the sandbox, with an
//! inventory that is taken without our own code.

#![allow(clippy::disallowed_methods)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use infra_sandbox::{PrivateSandbox, SandboxHome, ensure_environment, spawn_private};

const REGION: &str = "eu-central-1";

/// One server for all tests; each has an account of its own.
fn sandbox() -> &'static PrivateSandbox {
    static SANDBOX: OnceLock<PrivateSandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| spawn_private(&SandboxHome::for_tests()).expect("the sandbox starts"))
}

/// A copy of the repository's modules and environments, pointed at an account.
struct Installation {
    folder: tempfile::TempDir,
    account: &'static str,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            if entry.file_name() != ".infra" {
                copy(&entry.path(), &target);
            }
        } else if entry.path().extension().is_some_and(|e| e == "infra") {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Installation {
    fn new(account: &'static str) -> Self {
        let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = tempfile::tempdir().unwrap();
        for name in ["modules", "environments"] {
            copy(&repository.join(name), &folder.path().join(name));
        }
        let main = folder.path().join("environments/local/main.infra");
        let text = std::fs::read_to_string(&main).unwrap();
        let pointed = text
            .lines()
            .map(|line| {
                if line.trim().starts_with("sandbox ") || line.trim().starts_with("sandbox=") {
                    format!(
                        "  endpoint = \"{}\"\n  access_key = \"{account}\"\n  secret_key = \"test\"",
                        sandbox().endpoint
                    )
                } else {
                    line.to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join("\n");
        assert_ne!(pointed, text.trim_end(), "the local environment uses the sandbox");
        std::fs::write(main, pointed + "\n").unwrap();
        Self { folder, account }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env("XDG_DATA_HOME", self.folder.path().join("data"))
            .env("INFRA_CACHE_DIR", self.folder.path().join("cache"))
            .env_remove("AWS_ENDPOINT_URL")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; returns its standard output.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "infra {arguments:?}: {}\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn inventory(&self) -> serde_json::Value {
        let python = ensure_environment(&SandboxHome::for_tests(), &mut |_| {})
            .expect("the sandbox has an environment")
            .python;
        let output = Command::new(python)
            .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/test_sandbox/inventory.py"))
            .args([&sandbox().endpoint, self.account, REGION])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The lines of a plan that name a change: sign and address.
fn changes(plan: &str) -> Vec<String> {
    plan.lines()
        .filter_map(|line| {
            let line = line.strip_prefix("  ")?;
            let (sign, rest) = line.split_once(' ')?;
            matches!(sign, "+" | "~" | "-" | "-/+" | "+/-" | "<=")
                .then(|| format!("{sign} {}", rest.split_whitespace().next().unwrap_or("")))
        })
        .collect()
}

#[test]
fn an_environment_is_applied_changed_and_destroyed() {
    let installation = Installation::new("111111111111");
    let empty = installation.inventory();
    let applied = installation.ok(&["apply", "environments/local", "--yes"]);
    assert!(applied.contains("url"), "{applied}");
    assert!(applied.contains("elb.amazonaws.com"), "{applied}");
    let count = installation
        .ok(&["state", "list", "-C", "environments/local"])
        .lines()
        .count();
    assert!(count >= 60, "{count} instances");
    let full = installation.inventory();
    assert_eq!(full["services"].as_array().unwrap().len(), 2, "{full}");

    let plan = installation.run(&["plan", "environments/local", "--detailed-exitcode"]);
    assert_eq!(
        plan.status.code(),
        Some(0),
        "a second plan changes nothing:\n{}",
        String::from_utf8_lossy(&plan.stdout)
    );

    let plan = installation.ok(&["plan", "environments/local", "--var", "api_memory=1024"]);
    assert_eq!(
        changes(&plan),
        [
            "~ module.platform.module.api.aws_ecs_service.app",
            "+/- module.platform.module.api.aws_ecs_task_definition.app"
        ],
        "{plan}"
    );
    installation.ok(&["apply", "environments/local", "--yes", "--var", "api_memory=1024"]);
    assert_eq!(installation.inventory(), full);

    installation.ok(&["destroy", "environments/local", "--yes"]);
    assert_eq!(installation.inventory(), empty, "nothing is left");
    assert_eq!(installation.ok(&["state", "list", "-C", "environments/local"]), "");
}

#[test]
fn a_killed_apply_is_completed_by_the_next_one() {
    let clean = Installation::new("222222222222");
    clean.ok(&["apply", "environments/local", "--yes"]);
    let expected = clean.inventory();
    for (account, after) in [("333333333333", 3), ("444444444444", 25), ("555555555555", 50)] {
        let installation = Installation::new(account);
        let mut child = installation
            .command(&["apply", "environments/local", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let created = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter(|line| line.contains(": created in "))
            .take(after)
            .count();
        assert_eq!(created, after);
        // SIGKILL: no handler runs, nothing is flushed.
        child.kill().unwrap();
        child.wait().unwrap();
        let state = installation.folder.path().join("environments/local/infra.state.json");
        assert!(!state.exists(), "it was killed before it could write the state");
        installation.ok(&["apply", "environments/local", "--yes"]);
        assert_eq!(installation.inventory(), expected, "killed after {after} creates");
        let plan = installation.run(&["plan", "environments/local", "--detailed-exitcode"]);
        assert_eq!(plan.status.code(), Some(0), "{}", String::from_utf8_lossy(&plan.stdout));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_apply_saves_what_it_did() {
    let installation = Installation::new("777777777777");
    let mut child = installation
        .command(&["apply", "environments/local", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let created = lines
        .by_ref()
        .filter(|line| line.contains(": created in "))
        .take(10)
        .count();
    assert_eq!(created, 10);
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signal.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(rest.iter().any(|line| line.contains("Stopping")), "{rest:#?}");
    let state = installation.folder.path().join("environments/local/infra.state.json");
    assert!(state.exists(), "the state is saved");
    let known = installation
        .ok(&["state", "list", "-C", "environments/local"])
        .lines()
        .count();
    let done = rest.iter().filter(|line| line.contains(": created in ")).count();
    assert_eq!(known, created + done, "each finished create is in the state");
    assert!(known < 65);
    installation.ok(&["apply", "environments/local", "--yes"]);
    installation.ok(&["destroy", "environments/local", "--yes"]);
}

#[test]
fn real_environments_plan_against_an_empty_account() {
    let installation = Installation::new("666666666666");
    let plan = |environment: &str| {
        let output = installation
            .command(&["plan", environment, "--json"])
            .env("AWS_ENDPOINT_URL", &sandbox().endpoint)
            .env("AWS_ACCESS_KEY_ID", installation.account)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let changes = json["resource_changes"].as_array().unwrap().clone();
        changes
            .iter()
            .filter(|c| c["mode"] == "managed")
            .map(|c| c["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let count = |types: &[String], ty: &str| types.iter().filter(|t| *t == ty).count();
    let staging = plan("environments/staging");
    let production = plan("environments/production");
    assert_eq!(count(&staging, "aws_nat_gateway"), 1);
    assert_eq!(count(&production, "aws_nat_gateway"), 3);
    assert!(count(&production, "aws_subnet") > count(&staging, "aws_subnet"));
    assert_eq!(
        count(&staging, "aws_ecs_service"),
        count(&production, "aws_ecs_service")
    );
}
