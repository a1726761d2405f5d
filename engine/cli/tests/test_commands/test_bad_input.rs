//! Wrong input of every kind: exit code 1, one clear message, the state untouched.

use std::time::{Duration, Instant};

use crate::support::{Folder, check};

/// Plans and applies a wrong configuration over a state.
#[track_caller]
fn refuse(name: &str, text: impl AsRef<[u8]>) {
    let folder = Folder::with("resource terraform_data kept {}\n");
    folder.ok("apply --yes");
    let before = folder.state();
    folder.write("main.infra", text);
    let done = folder.infra("apply --yes").exits(1);
    assert_eq!(done.stdout, "", "nothing was planned");
    check(&format!("bad_{name}"), &done.transcript());
    assert_eq!(folder.infra("plan").exits(1).stderr, done.stderr);
    assert_eq!(folder.state(), before);
    assert!(!folder.has("infra.state.json.lock"));
    assert!(!folder.has("infra.state.json.journal"));
}

#[test]
fn syntax_error() {
    refuse("syntax", "resource terraform_data a {\n  input = [1,\n}\n");
}

#[test]
fn unknown_block() {
    refuse("unknown_block", "resorce terraform_data a {}\n");
}

#[test]
fn unknown_attribute() {
    refuse("unknown_attribute", "resource terraform_data a {\n  imput = 1\n}\n");
}

#[test]
fn unknown_reference() {
    refuse(
        "unknown_reference",
        "resource terraform_data a {\n  input = [var.b, terraform_data.c.id]\n}\n",
    );
}

#[test]
fn unknown_type() {
    refuse("unknown_type", "resource random_pett a {}\n");
}

#[test]
fn wrong_type() {
    refuse("wrong_type", "resource random_pet a {\n  length = \"two\"\n}\n");
}

#[test]
fn missing_argument() {
    refuse("missing_argument", "resource random_password a {}\n");
}

#[test]
fn missing_variable() {
    refuse(
        "missing_variable",
        "variable n {\n  type = number\n}\noutput n { value = var.n }\n",
    );
}

#[test]
fn invalid_variable() {
    refuse(
        "invalid_variable",
        "variable n {\n  default = 5\n  validation {\n    condition     = var.n > 10\n    error_message = \"n must be above 10.\"\n  }\n}\n",
    );
}

#[test]
fn cycle() {
    refuse(
        "cycle",
        "resource terraform_data a {\n  input = terraform_data.b.id\n}\nresource terraform_data b {\n  input = terraform_data.a.id\n}\n",
    );
}

#[test]
fn duplicate_names() {
    refuse(
        "duplicates",
        "resource terraform_data a {}\nresource terraform_data a {}\nvariable x {}\nvariable x {}\n",
    );
}

#[test]
fn many_errors_at_once() {
    refuse(
        "many",
        "resource terraform_data a {\n  imput = 1\n}\noutput o { value = nope(1) }\nmodule m { source = \"./nowhere\" }\n",
    );
}

#[test]
fn invalid_utf8() {
    refuse("utf8", b"resource terraform_data a {\n  input = \"\xff\"\n}\n");
}

#[test]
fn nul_byte() {
    refuse("nul", "resource terraform_data a {\n  input = \"\0\"\n}\n");
}

#[test]
fn no_configuration() {
    let folder = Folder::empty();
    for command in ["plan", "apply --yes", "destroy --yes", "validate", "graph"] {
        folder.infra(&format!("{command} nowhere")).exits(1);
        folder.infra(command).exits(1);
    }
    check("bad_no_folder", &folder.infra("plan nowhere").transcript());
    check("bad_empty_folder", &folder.infra("plan").transcript());
}

/// Reads a state that cannot be used, in every way there is.
#[track_caller]
fn refuse_state(name: &str, state: &str) {
    let folder = Folder::with("resource terraform_data a {}\n");
    folder.write("infra.state.json", state);
    for command in [
        "plan",
        "destroy --yes",
        "show",
        "show --json",
        "output",
        "state list",
        "state rm terraform_data.a",
        "console",
    ] {
        let done = folder.infra(command).exits(1);
        assert_eq!(done.stdout, "", "{command}");
    }
    check(
        &format!("bad_state_{name}"),
        &folder.infra("apply --yes").exits(1).transcript(),
    );
    assert_eq!(folder.read("infra.state.json"), state);
    assert!(!folder.has("infra.state.json.lock"));
    assert!(!folder.has("infra.state.json.journal"));
}

#[test]
fn corrupt_state() {
    refuse_state("cut", "{\n  \"format\": \"infra-state\",\n  \"version\": 1,\n  \"linea");
    refuse_state("empty", "");
    refuse_state(
        "wrong_shape",
        "{\"format\": \"infra-state\", \"version\": 1, \"lineage\": 7}\n",
    );
}

#[test]
fn newer_state() {
    refuse_state(
        "newer",
        "{\"format\": \"infra-state\", \"version\": 99, \"lineage\": \"x\", \"serial\": 1, \"marvels\": []}\n",
    );
}

#[test]
fn foreign_state() {
    refuse_state(
        "terraform",
        "{\"version\": 4, \"terraform_version\": \"1.9.0\", \"serial\": 1, \"lineage\": \"x\", \"outputs\": {}, \"resources\": []}\n",
    );
    refuse_state("other_json", "[1, 2]\n");
}

#[test]
fn a_folder_in_place_of_the_state() {
    let folder = Folder::with("resource terraform_data a {}\n");
    folder.write("infra.state.json/file", "");
    check("bad_state_folder", &folder.infra("apply --yes").exits(1).transcript());
    folder.infra("show").exits(1);
    assert!(folder.has("infra.state.json/file"));
}

#[test]
fn locked_state() {
    let folder = Folder::with("resource terraform_data a {}\n");
    folder.ok("apply --yes");
    folder.write("main.infra", "resource terraform_data b {}\n");
    let before = folder.state();
    let lock = folder.hold_lock();
    for command in ["plan", "destroy --yes", "state rm terraform_data.a"] {
        folder.infra(command).exits(1);
    }
    check("bad_state_locked", &folder.infra("apply --yes").exits(1).transcript());
    assert_eq!(folder.state(), before);
    // Reading needs no lock.
    assert_eq!(folder.ok("state list"), "terraform_data.a\n");
    drop(lock);
    folder.ok("apply --yes");
}

#[test]
fn secrets_without_their_key() {
    let folder = Folder::with("resource random_password p { length = 9 }\n");
    folder
        .command("apply --yes")
        .env("INFRA_STATE_KEY", "one")
        .run()
        .succeeds();
    let before = folder.state();
    // The message has a path in it, which would be wrapped here or there.
    let done = folder.infra("apply --yes --error-format json").exits(1);
    let found: serde_json::Value = serde_json::from_str(&done.stderr).expect("it is one JSON object");
    assert_eq!(found["code"], "infra::state::secret_key");
    let summary = found["summary"].as_str().unwrap_or_default();
    assert!(
        summary.starts_with("the state `infra.state.json` holds secrets: there is no key to open them"),
        "{summary}"
    );
    assert!(
        found["help"]
            .as_str()
            .unwrap_or_default()
            .contains("Set `INFRA_STATE_KEY`")
    );
    let other = folder
        .command("apply --yes")
        .env("INFRA_STATE_KEY", "two")
        .run()
        .exits(1);
    check("bad_state_other_key", &other.transcript());
    assert_eq!(folder.state(), before);
    // What is not secret can still be seen.
    assert_eq!(folder.ok("state list"), "random_password.p\n");
    assert!(folder.ok("show").contains("length"));
}

const AWS: &str = r#"
provider aws {
  region     = "eu-central-1"
  endpoint   = "http://127.0.0.1:1"
  access_key = "AKIAIOSFODNN7EXAMPLE"
  secret_key = "hunter2"
}
variable token {
  default   = "hunter2-token"
  sensitive = true
}
resource aws_vpc main {
  cidr_block = "10.0.0.0/16"
  tags       = { token = var.token }
}
"#;

#[test]
fn the_endpoint_does_not_answer() {
    let folder = Folder::with(AWS);
    let start = Instant::now();
    let done = folder.infra("apply --yes").exits(1);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // Before it stands the line of progress with the same message.
    let at = done.stderr.find("infra::").expect("there is a diagnostic");
    check("bad_endpoint_create", &done.stderr[at..]);
    assert_eq!(folder.ok("state list"), "");
    for (path, text) in folder.everything() {
        if !path.ends_with("main.infra") {
            assert!(!text.contains("hunter2"), "{}", path.display());
        }
    }
    folder.write("main.infra", format!("{AWS}\ndata aws_availability_zones z {{}}\n"));
    let start = Instant::now();
    let done = folder.infra("plan").exits(1);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    check("bad_endpoint_read", &done.transcript());
}

#[test]
fn no_credentials() {
    let folder = Folder::with(
        "provider aws { region = \"eu-central-1\" }\nresource aws_vpc main { cidr_block = \"10.0.0.0/16\" }\n",
    );
    check("bad_no_credentials", &folder.infra("apply --yes").exits(1).transcript());
    assert_eq!(folder.state(), None);
    folder.write(
        "main.infra",
        "provider aws {}\nresource aws_vpc main { cidr_block = \"10.0.0.0/16\" }\n",
    );
    check("bad_no_region", &folder.infra("plan").exits(1).transcript());
}
