//! `infra console` on a terminal: keys are typed, and what appears is read.
//!
//! The terminal is a pseudo-terminal of Python's (`terminal.py`).

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

const CONFIGURATION: &str = r#"
variable "name" { default = "world" }
variable "token" {
  default   = "hunter2"
  sensitive = true
}
locals { greeting = "hello ${var.name}" }
"#;

/// Someone at a terminal, with a folder and a home.
struct Desk {
    temp: TempDir,
}

/// Keys that are typed.
fn keys(text: &str) -> Json {
    json!(["type", text])
}

/// A text that must appear.
fn see(text: &str) -> Json {
    json!(["see", text])
}

const CONTROL_C: &str = "\u{3}";
const CONTROL_D: &str = "\u{4}";
const UP: &str = "\u{1b}[A";

impl Desk {
    fn new() -> Desk {
        let temp = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir(temp.path().join("stack")).expect("a folder can be made");
        fs::write(temp.path().join("stack/main.infra"), CONFIGURATION).expect("it can be written");
        Desk { temp }
    }

    fn history(&self) -> PathBuf {
        self.temp.path().join("state/infra/console-history")
    }

    /// Starts a console, and takes the steps; the console must end with success.
    #[track_caller]
    fn console(&self, environment: &[(&str, &str)], steps: &[Json]) -> String {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/test_console/terminal.py");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let place = |name: &str| self.temp.path().join(name);
        let mut child = Command::new("python3")
            .arg(script)
            .current_dir(place("stack"))
            .env_clear()
            .env("PATH", path)
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .env("HOME", place("home"))
            .env("XDG_DATA_HOME", place("data"))
            .env("XDG_STATE_HOME", place("state"))
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let task = json!({"command": [env!("CARGO_BIN_EXE_infra"), "console"], "steps": steps});
        let mut stdin = child.stdin.take().expect("it was piped");
        stdin.write_all(task.to_string().as_bytes()).expect("Python reads");
        drop(stdin);
        let output = child.wait_with_output().expect("Python ends");
        let done: Json = serde_json::from_slice(&output.stdout).expect("Python writes JSON");
        let screen = done["screen"].as_str().expect("it is text").to_owned();
        assert!(
            done["missing"].is_null(),
            "{} did not appear in:\n{screen}",
            done["missing"]
        );
        assert_eq!(done["code"], 0, "{screen}");
        screen
    }
}

const PLAIN: &[(&str, &str)] = &[("NO_COLOR", "1")];

#[test]
fn lines_completion_errors_and_leaving() {
    let desk = Desk::new();
    desk.console(
        PLAIN,
        &[
            see("> "),
            // An open bracket goes on in the next line; Tab completes.
            keys("upper(\r"),
            keys("local.gree\t)\r"),
            see("local.greeting)"),
            see("\"HELLO WORLD\""),
            see("> "),
            // A heredoc.
            keys("[for l in split(\",\", <<EOT\rone,two\rEOT\r) : length(l)]\r"),
            see("3,\n"),
            see("4,\n"),
            see("> "),
            // An error has a place and ends nothing.
            keys("20 + nope\r"),
            see("`nope` is not a name that has a value here"),
            see("<console>:1:6"),
            see("> "),
            keys("var.token\r"),
            see("(sensitive)"),
            see("> "),
            // Ctrl-C gives up what was typed, also over several lines.
            keys("foo(1,\r2"),
            see("2"),
            keys(CONTROL_C),
            see("> "),
            keys("20 * 30\r"),
            see("600"),
            see("> "),
            keys(CONTROL_D),
        ],
    );
}

#[test]
fn a_list_of_what_is_possible() {
    let desk = Desk::new();
    desk.console(
        PLAIN,
        &[
            see("> "),
            keys("var.\t\t"),
            see("name"),
            see("token"),
            keys("na\t\r"),
            see("\"world\""),
            see("> "),
            keys("subst\t\"abcdef\", 2, 3)\r"),
            see("\"cde\""),
            see("> "),
            keys("exit\r"),
        ],
    );
}

#[test]
fn history_is_kept_without_secrets() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.console(
        PLAIN,
        &[
            see("> "),
            keys("7 * 11\r"),
            see("77"),
            see("> "),
            keys(" \"hush\"\r"),
            see("\"hush\""),
            see("> "),
            keys("sensitive(\"psst\")\r"),
            see("(sensitive)"),
            see("> "),
            keys("quit\r"),
        ],
    );
    let kept = fs::read_to_string(desk.history()).expect("it was written");
    assert_eq!(kept, "\"7 * 11\"\n");
    let mode = fs::metadata(desk.history()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The next session goes on with it.
    desk.console(
        PLAIN,
        &[
            see("> "),
            keys(UP),
            see("7 * 11"),
            keys(" + 1\r"),
            see("78"),
            see("> "),
            keys(CONTROL_D),
        ],
    );
}

#[test]
fn a_history_that_cannot_be_written_is_no_failure() {
    let desk = Desk::new();
    fs::write(desk.temp.path().join("state"), "a file").expect("it can be written");
    desk.console(
        PLAIN,
        &[see("> "), keys("7 * 11\r"), see("77"), see("> "), keys(CONTROL_D)],
    );
}

#[test]
fn calls_are_explained_while_they_are_typed() {
    let desk = Desk::new();
    desk.console(
        &[],
        &[
            see("> "),
            keys("substr("),
            see("str, offset, length)"),
            keys("\"abcdef\", 2, 3)\r"),
            see("\"cde\""),
            see("> "),
            keys(CONTROL_D),
        ],
    );
}

#[test]
fn a_terminal_without_abilities() {
    let desk = Desk::new();
    desk.console(
        &[("TERM", "dumb")],
        &[
            see("> "),
            keys("upper(\n"),
            keys("local.greeting)\n"),
            see("\"HELLO WORLD\""),
            see("> "),
            keys("exit\n"),
        ],
    );
}
