//! Starts, finds and ends sandboxes.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::error::{Doing, tail};
use crate::registry::{Description, Sandbox, ask, read_record};
use crate::venv::{Environment, ensure_environment};
use crate::{SandboxError, SandboxHome};

/// The port that is tried first when none is asked for.
pub const DEFAULT_PORT: u16 = 5566;

const PORTS_TO_TRY: u16 = 100;
/// The launcher's exit code when its port is taken.
const PORT_TAKEN: i32 = 98;
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// How to start a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// The port to listen on; otherwise [`DEFAULT_PORT`] or the first free one after it.
    pub port: Option<u16>,
}

/// Returns the running sandbox of a home, or starts one that outlives this process.
///
/// # Errors
///
/// Fails when the environment cannot be made, the port is taken, or it does not start.
pub fn start(home: &SandboxHome, options: StartOptions) -> Result<Sandbox, SandboxError> {
    start_reporting(home, options, &mut |_| {})
}

/// Does what [`start`] does; `progress` gets a line per step that takes a while.
///
/// # Errors
///
/// As [`start`].
pub fn start_reporting(
    home: &SandboxHome,
    options: StartOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Sandbox, SandboxError> {
    // INVARIANT: whoever holds this lock is the only one to start the home's sandbox.
    let mut waiting = || progress("waiting for another process to start the sandbox");
    let _lock = home.lock("start.lock", &mut waiting)?;
    if let Some(running) = status(home) {
        return match options.port {
            Some(wanted) if wanted != running.port => Err(SandboxError::RunsElsewhere {
                running: running.port,
                wanted,
            }),
            _ => Ok(running),
        };
    }
    if let Some(port) = options.port {
        check_free(port)?;
    }
    let environment = ensure_environment(home, progress)?;
    match options.port {
        Some(port) => start_on(home, &environment, port),
        None => start_on_free_port(home, &environment),
    }
}

/// Returns the running sandbox of a home.
#[must_use]
pub fn status(home: &SandboxHome) -> Option<Sandbox> {
    let record = read_record(&home.record_file())?;
    let answer = ask(record.port)?;
    // Another server may have the port by now, and another process the number.
    let same = answer.pid == record.pid && answer.identity == record.identity;
    same.then(|| answer.into())
}

/// Ends the running sandbox of a home, with everything in it.
///
/// # Errors
///
/// Fails when none runs, or when it does not end.
pub fn stop(home: &SandboxHome) -> Result<(), SandboxError> {
    let _lock = home.lock("start.lock", &mut || {})?;
    let running = status(home).ok_or(SandboxError::NotRunning)?;
    running.control("stop", None)?;
    let deadline = Instant::now() + STOP_DEADLINE;
    while ask(running.port).is_some_and(|answer| answer.pid == running.pid) {
        if Instant::now() > deadline {
            return Err(SandboxError::Refused {
                reason: format!("process {} does not end", running.pid),
            });
        }
        thread::sleep(PAUSE);
    }
    let record = home.record_file();
    fs::remove_file(&record).doing(|| format!("remove {}", record.display()))
}

/// Empties the running sandbox of a home; it has a new identity afterwards.
///
/// # Errors
///
/// Fails when none runs.
pub fn reset(home: &SandboxHome) -> Result<Sandbox, SandboxError> {
    let mut running = status(home).ok_or(SandboxError::NotRunning)?;
    running.reset()?;
    Ok(running)
}

/// Tells whether a port can be listened on.
fn check_free(port: u16) -> Result<(), SandboxError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(_) => Err(SandboxError::PortTaken { port }),
    }
}

fn start_on_free_port(home: &SandboxHome, environment: &Environment) -> Result<Sandbox, SandboxError> {
    for port in DEFAULT_PORT..DEFAULT_PORT + PORTS_TO_TRY {
        if check_free(port).is_err() {
            continue;
        }
        match start_on(home, environment, port) {
            Err(SandboxError::PortTaken { .. }) => {} // Someone was faster.
            outcome => return outcome,
        }
    }
    Err(SandboxError::PortTaken { port: DEFAULT_PORT })
}

fn start_on(home: &SandboxHome, environment: &Environment, port: u16) -> Result<Sandbox, SandboxError> {
    let log = home.log_file();
    let file = File::create(&log).doing(|| format!("write {}", log.display()))?;
    let also = file.try_clone().doing(|| format!("write {}", log.display()))?;
    let mut command = launcher(environment);
    command
        .current_dir(home.path())
        .arg("--port")
        .arg(port.to_string())
        .arg("--identity-file")
        .arg(home.record_file())
        .stdout(file)
        .stderr(also);
    detach(&mut command);
    let mut child = spawn(command)?;
    let outcome = wait_until_ready(&mut child, port, &log);
    if outcome.is_err() {
        end(&mut child);
    }
    outcome.map_err(|error| match error {
        SandboxError::DidNotStart { tail, .. } => SandboxError::DidNotStart { tail, log: Some(log) },
        other => other,
    })
}

/// Returns the launcher's command line.
fn launcher(environment: &Environment) -> Command {
    let mut command = Command::new(&environment.python);
    // Isolated: the user's Python settings and packages stay out of it.
    command.arg("-I").arg(&environment.launcher).stdin(Stdio::null());
    // A profile or an endpoint meant for real clients must not reach the simulator.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Puts the process into a group of its own, so that Ctrl-C here does not end it.
fn detach(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn spawn(mut command: Command) -> Result<Child, SandboxError> {
    command
        .spawn()
        .doing(|| format!("run {}", command.get_program().display()))
}

fn end(child: &mut Child) {
    // Both fail only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits until the launcher has loaded everything.
fn wait_until_ready(child: &mut Child, port: u16, log: &Path) -> Result<Sandbox, SandboxError> {
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(if status.code() == Some(PORT_TAKEN) {
                SandboxError::PortTaken { port }
            } else {
                did_not_start(log, &format!("it ended with {status}"))
            });
        }
        if let Some(answer) = ask(port).filter(|answer| answer.ready) {
            return Ok(answer.into());
        }
        if Instant::now() > deadline {
            let seconds = START_DEADLINE.as_secs();
            return Err(did_not_start(log, &format!("no answer within {seconds} seconds")));
        }
        thread::sleep(PAUSE);
    }
}

fn did_not_start(log: &Path, what: &str) -> SandboxError {
    let said = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    SandboxError::DidNotStart {
        tail: tail(&format!("{said}\n{what}")),
        log: None,
    }
}

/// A sandbox of one's own, on a free port, for tests.
///
/// It ends when this value is dropped, and also when this process ends in any other way.
#[derive(Debug)]
pub struct PrivateSandbox {
    sandbox: Sandbox,
    child: Child,
    _log: NamedTempFile,
}

impl Deref for PrivateSandbox {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl DerefMut for PrivateSandbox {
    fn deref_mut(&mut self) -> &mut Sandbox {
        &mut self.sandbox
    }
}

impl Drop for PrivateSandbox {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Starts a sandbox that lives no longer than this process.
///
/// # Errors
///
/// Fails when the environment cannot be made, or when it does not start.
pub fn spawn_private(home: &SandboxHome) -> Result<PrivateSandbox, SandboxError> {
    let environment = ensure_environment(home, &mut |_| {})?;
    let log = NamedTempFile::new().doing(|| "make a log file".to_owned())?;
    let errors = log.reopen().doing(|| "write a log file".to_owned())?;
    let mut command = launcher(&environment);
    command
        .args(["--port", "0", "--parent-pid"])
        .arg(std::process::id().to_string())
        .stdout(Stdio::piped())
        .stderr(errors);
    let mut child = spawn(command)?;
    let started = match announced_port(&mut child) {
        Some(port) => wait_until_ready(&mut child, port, log.path()),
        None => Err(did_not_start(log.path(), "it said no port")),
    };
    match started {
        Ok(sandbox) => Ok(PrivateSandbox {
            sandbox,
            child,
            _log: log,
        }),
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    }
}

/// Reads the line that the launcher prints once it listens.
fn announced_port(child: &mut Child) -> Option<u16> {
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
    let announced: Description = serde_json::from_str(&line).ok()?;
    Some(announced.port)
}
