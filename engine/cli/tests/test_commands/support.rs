//! A folder of its own for each test, and the `infra` command in it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use infra_state::{LockInfo, NoTypes, SecretCodec, Store};
use tempfile::TempDir;

/// A folder `stack` with a configuration, in a folder that is removed afterwards.
pub(crate) struct Folder {
    temp: TempDir,
}

impl Folder {
    /// An empty folder.
    pub(crate) fn empty() -> Folder {
        let temp = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir(temp.path().join("stack")).expect("a folder can be made");
        Folder { temp }
    }

    /// A folder with a `main.infra`.
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Folder {
        let folder = Folder::empty();
        folder.write("main.infra", text);
        folder
    }

    /// Returns the path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join("stack").join(name)
    }

    /// Writes a file, and makes the folders above it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// Reads a file as text.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Says whether there is something of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Returns the bytes of the state file; nothing if there is none.
    pub(crate) fn state(&self) -> Option<Vec<u8>> {
        fs::read(self.path("infra.state.json")).ok()
    }

    /// Returns the contents of all files that runs have left anywhere.
    pub(crate) fn everything(&self) -> Vec<(PathBuf, String)> {
        let mut out = Vec::new();
        collect(self.temp.path(), &mut out);
        out
    }

    /// Prepares a command; its arguments are the words of `line`.
    pub(crate) fn command(&self, line: &str) -> Invocation {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
        let place = |name: &str| self.temp.path().join(name);
        command
            .args(line.split_whitespace())
            .current_dir(place("stack"))
            .env_clear()
            .env("NO_COLOR", "1")
            .env("USER", "tester")
            .env("HOME", place("home"))
            .env("XDG_DATA_HOME", place("data"))
            .env("XDG_CACHE_HOME", place("cache"))
            .env("AWS_CONFIG_FILE", place("no-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", place("no-credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        Invocation {
            command,
            stdin: String::new(),
            line: line.to_owned(),
            folder: self.temp.path().to_owned(),
        }
    }

    /// Runs a command; its arguments are the words of `line`.
    pub(crate) fn infra(&self, line: &str) -> Done {
        self.command(line).run()
    }

    /// Runs a command that must succeed; returns its standard output.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.infra(line).succeeds().stdout
    }

    /// Runs a command that must succeed and write JSON.
    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        self.infra(line).succeeds().json()
    }

    /// Holds the lock of the state, as another run would.
    pub(crate) fn hold_lock(&self) -> Store {
        let time = |text: &str| text.parse().expect("it is a time");
        let mut store = Store::local(
            self.path("infra.state.json"),
            std::sync::Arc::new(NoTypes),
            SecretCodec::without_key(),
        );
        store
            .lock(LockInfo {
                id: LOCK_ID.into(),
                user: "ann".into(),
                host: "build-7".into(),
                pid: 4711,
                purpose: "apply".into(),
                created: time("2024-01-01T00:00:00Z"),
                expires: time("2999-01-01T00:00:00Z"),
            })
            .expect("nobody else has the lock");
        store
    }
}

/// The id of the lock that [`Folder::hold_lock`] takes.
pub(crate) const LOCK_ID: &str = "the-lock-of-ann";

fn collect(folder: &Path, out: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            collect(&path, out);
        } else {
            let bytes = fs::read(&path).expect("the file can be read");
            out.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

/// A command that has not run yet.
pub(crate) struct Invocation {
    command: Command,
    stdin: String,
    line: String,
    folder: PathBuf,
}

impl Invocation {
    /// Adds an argument as it is.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in a folder below.
    pub(crate) fn inside(mut self, name: &str) -> Self {
        self.command.current_dir(self.folder.join("stack").join(name));
        self
    }

    /// Gives it a text to read.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Done {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("it was piped");
        // A program that reads nothing may be gone already.
        let _ = stdin.write_all(self.stdin.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the program ends");
        Done {
            line: self.line,
            folder: self.folder,
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).expect("output is text"),
            stderr: String::from_utf8(output.stderr).expect("output is text"),
        }
    }
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Done {
    line: String,
    folder: PathBuf,
    /// The exit code.
    pub(crate) code: i32,
    /// What went to standard output.
    pub(crate) stdout: String,
    /// What went to standard error.
    pub(crate) stderr: String,
}

impl Done {
    /// Fails the test unless the exit code is 0.
    pub(crate) fn succeeds(self) -> Done {
        self.exits(0)
    }

    /// Fails the test unless the exit code is this one.
    pub(crate) fn exits(self, code: i32) -> Done {
        assert_eq!(self.code, code, "{}", self.transcript());
        self
    }

    /// Reads standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}\n{}", self.transcript()))
    }

    /// Everything a user sees, without what differs from run to run.
    pub(crate) fn transcript(&self) -> String {
        let mut out = format!("$ infra {}\n", self.line);
        out.push_str(&stable(&self.stdout, &self.folder));
        if !self.stderr.is_empty() {
            out.push_str("-- standard error\n");
            out.push_str(&stable(&self.stderr, &self.folder));
        }
        out.push_str(&format!("-- exit code {}\n", self.code));
        out
    }
}

/// Replaces what differs from run to run.
pub(crate) fn stable(text: &str, folder: &Path) -> String {
    let mut text = text.replace(&*folder.to_string_lossy(), "[FOLDER]");
    for (pattern, name) in [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[ID]"),
        (r"(key|id|is) [0-9a-f]{8}\b", "$1 [KEY]"),
        (r"sha256:[0-9a-f]{64}", "sha256:[DIGEST]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
        (r"(in|after) \d+\.\ds", "$1 [DURATION]"),
    ] {
        let pattern = regex::Regex::new(pattern).expect("the pattern is well formed");
        text = pattern.replace_all(&text, name).into_owned();
    }
    text
}

/// Compares with a snapshot of the given name.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
