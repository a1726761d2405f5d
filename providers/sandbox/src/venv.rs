//! Makes the virtual environment that the sandbox runs in, once.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::thread;

use sha2::{Digest, Sha256};

use crate::error::{Doing, tail};
use crate::python::{self, Python};
use crate::{SandboxError, SandboxHome};

const REQUIREMENTS: &str = include_str!("../launcher/requirements.txt");
const ENTRY: &str = "moto_endpoint.py";
const COMPLETE: &str = ".complete";

/// The launcher's files, as they are written into the home.
const LAUNCHER: [(&str, &str); 10] = [
    (ENTRY, include_str!("../launcher/moto_endpoint.py")),
    ("application.py", include_str!("../launcher/application.py")),
    ("cbor.py", include_str!("../launcher/cbor.py")),
    ("control.py", include_str!("../launcher/control.py")),
    ("patching.py", include_str!("../launcher/patching.py")),
    ("patch_ec2.py", include_str!("../launcher/patch_ec2.py")),
    ("patch_ecs.py", include_str!("../launcher/patch_ecs.py")),
    ("patch_elbv2.py", include_str!("../launcher/patch_elbv2.py")),
    ("patch_iam.py", include_str!("../launcher/patch_iam.py")),
    ("patch_rds.py", include_str!("../launcher/patch_rds.py")),
];

/// What it takes to run the sandbox: an interpreter with the packages, and the launcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The virtual environment's Python; boto3 is installed there too.
    pub python: PathBuf,
    /// The launcher's entry file.
    pub launcher: PathBuf,
}

/// Makes the environment unless it is there already; `progress` gets a line per step.
///
/// Several processes may call this at once: one works, the others wait for it.
///
/// # Errors
///
/// Fails when Python is missing or too old, or when packages cannot be installed.
pub fn ensure_environment(home: &SandboxHome, progress: &mut dyn FnMut(&str)) -> Result<Environment, SandboxError> {
    let python = python::find(home.python().as_deref())?;
    let venv = home
        .path()
        .join(format!("venv-{}", short_hash([REQUIREMENTS, python.version.as_str()])));
    let launcher = home.path().join(format!(
        "launcher-{}",
        short_hash(LAUNCHER.iter().flat_map(|(name, text)| [*name, *text]))
    ));
    let environment = Environment {
        python: interpreter(&venv),
        launcher: launcher.join(ENTRY),
    };
    if !(is_complete(&venv, &environment.python) && is_complete(&launcher, &environment.launcher)) {
        let mut waiting = || progress("waiting for another process to set up the sandbox");
        let _lock = home.lock("environment.lock", &mut waiting)?;
        if !is_complete(&launcher, &environment.launcher) {
            write_launcher(&launcher)?;
        }
        if !is_complete(&venv, &environment.python) {
            make_venv(&python, &venv, progress)?;
            install(&environment.python, &launcher, progress)?;
            mark_complete(&venv)?;
            progress("the sandbox is set up");
        }
    }
    Ok(environment)
}

fn short_hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hex::encode(&hash.finalize()[..6])
}

fn interpreter(venv: &Path) -> PathBuf {
    if cfg!(windows) {
        venv.join("Scripts").join("python.exe")
    } else {
        venv.join("bin").join("python")
    }
}

/// Tells whether a folder was finished and still works; an interpreter may have gone.
fn is_complete(folder: &Path, needed: &Path) -> bool {
    folder.join(COMPLETE).is_file() && needed.is_file()
}

fn mark_complete(folder: &Path) -> Result<(), SandboxError> {
    write(&folder.join(COMPLETE), "")
}

fn write(path: &Path, text: &str) -> Result<(), SandboxError> {
    fs::write(path, text).doing(|| format!("write {}", path.display()))
}

fn write_launcher(folder: &Path) -> Result<(), SandboxError> {
    fs::create_dir_all(folder).doing(|| format!("make {}", folder.display()))?;
    for (name, text) in LAUNCHER {
        write(&folder.join(name), text)?;
    }
    write(&folder.join("requirements.txt"), REQUIREMENTS)?;
    mark_complete(folder)
}

fn make_venv(python: &Python, venv: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    progress(&format!(
        "making a virtual environment with {} in {}",
        python.version,
        venv.display()
    ));
    let output = Command::new(&python.command)
        .args(["-I", "-m", "venv", "--clear"])
        .arg(venv)
        .stdin(Stdio::null())
        .output()
        .doing(|| format!("run {}", python.command.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    if said.contains("ensurepip is not available") {
        return Err(SandboxError::VenvMissing {
            python: python.command.display().to_string(),
        });
    }
    Err(SandboxError::InstallFailed { tail: tail(&said) })
}

fn install(python: &Path, launcher: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    progress("installing the pinned packages (once; a package index must be reachable)");
    let mut child = Command::new(python)
        .args(["-I", "-m", "pip", "install", "--require-hashes"])
        // No package may run code of its own while it is installed.
        .args(["--only-binary", ":all:"])
        .args(["--no-input", "--progress-bar", "off", "--disable-pip-version-check"])
        .arg("-r")
        .arg(launcher.join("requirements.txt"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing(|| format!("run {}", python.display()))?;
    let errors = child.stderr.take().map(|stderr| thread::spawn(move || read(stderr)));
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(package) = line.strip_prefix("Collecting ") {
                progress(&format!("fetching {}", package.split(' ').next().unwrap_or(package)));
            }
            said.push_str(&line);
            said.push('\n');
        }
    }
    let status = child.wait().doing(|| "wait for pip".to_owned())?;
    if status.success() {
        return Ok(());
    }
    let errors = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
    Err(install_error(&said, &errors))
}

fn read(mut stderr: ChildStderr) -> String {
    let mut bytes = Vec::new();
    // What was read before a failure is still worth showing.
    let _ = stderr.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn install_error(said: &str, errors: &str) -> SandboxError {
    let tail = tail(if errors.trim().is_empty() { said } else { errors });
    if errors.contains("DO NOT MATCH THE HASHES") {
        SandboxError::HashMismatch { tail }
    } else {
        SandboxError::InstallFailed { tail }
    }
}

#[cfg(test)]
mod tests {
    use super::{LAUNCHER, REQUIREMENTS, install_error, short_hash};
    use crate::SandboxError;

    #[test]
    fn every_package_is_pinned_and_hashed() {
        let mut packages = REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with([' ', '#']))
            .peekable();
        assert!(packages.peek().is_some());
        for line in packages {
            assert!(line.contains("==") && line.ends_with('\\'), "{line}");
        }
        assert!(!REQUIREMENTS.contains("://"), "an index is the user's choice");
    }

    #[test]
    fn the_pinned_moto_is_the_patched_one() {
        let patching = LAUNCHER.iter().find(|(name, _)| *name == "patching.py").unwrap().1;
        let version = patching
            .lines()
            .find_map(|line| line.strip_prefix("MOTO_VERSION = "))
            .unwrap()
            .trim_matches('"');
        assert!(REQUIREMENTS.contains(&format!("\nmoto=={version} ")));
    }

    #[test]
    fn hashes_tell_texts_apart() {
        assert_eq!(short_hash(["ab", "c"]), short_hash(["ab", "c"]));
        assert_ne!(short_hash(["ab", "c"]), short_hash(["a", "bc"]));
    }

    #[test]
    fn a_wrong_hash_is_not_a_network_problem() {
        let error = install_error("", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM ...");
        assert!(matches!(error, SandboxError::HashMismatch { .. }));
        let error = install_error("Collecting moto", "ERROR: No matching distribution found");
        assert!(matches!(error, SandboxError::InstallFailed { .. }));
        assert!(error.help().contains("index"));
    }
}
