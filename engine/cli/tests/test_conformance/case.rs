//! The recorded cases, as they are on disk.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// One small configuration, with the steps that are taken with it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) features: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) steps: Vec<Step>,
}

/// One plan or apply.
#[derive(Debug)]
pub(crate) struct Step {
    /// The folder with the source, in that of the case.
    pub(crate) dir: String,
    /// `plan` or `apply`.
    pub(crate) command: String,
    /// The options, as Terraform has them.
    pub(crate) options: Vec<String>,
    /// The file with values for variables, in the folder of the case.
    pub(crate) vars: Option<String>,
    /// What was recorded.
    pub(crate) expect: Json,
}

impl Step {
    /// Says whether the step changes anything.
    pub(crate) fn applies(&self) -> bool {
        self.command == "apply"
    }
}

/// Reads a file as text.
pub(crate) fn read_text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read_json(path: &Path) -> Json {
    serde_json::from_str(&read_text(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn texts(list: &Json) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Reads all cases, sorted by their folders.
pub(crate) fn read_all(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.map(|e| e.expect("it can be read").path()).collect();
    folders.sort();
    folders.into_iter().map(read).collect()
}

fn read(folder: PathBuf) -> Case {
    let case = read_json(&folder.join("case.json"));
    let text = |json: &Json| json.as_str().expect("it is a text").to_owned();
    let step = |step: &Json| {
        let mut options = texts(&step["args"]);
        let command = options.remove(0);
        Step {
            dir: text(&step["dir"]),
            command,
            options,
            vars: step["vars"].as_str().map(str::to_owned),
            expect: read_json(&folder.join(text(&step["expect"]))),
        }
    };
    Case {
        id: text(&case["id"]),
        features: texts(&case["features"]),
        steps: case["steps"].as_array().into_iter().flatten().map(step).collect(),
        folder,
    }
}

/// Copies the source of a step into a folder.
pub(crate) fn copy_source(from: &Path, to: &Path) {
    copy(from, to, true);
}

fn copy(from: &Path, to: &Path, is_root: bool) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        if is_root && (matches!(&*name, "case.json" | "vars.json" | "expected.json") || is_step(&name)) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), false);
        } else {
            fs::copy(&path, to.join(name)).expect("it can be copied");
        }
    }
}

fn is_step(name: &str) -> bool {
    let number = name.strip_prefix("step").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}
