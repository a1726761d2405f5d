//! `infra apply`.

use crate::support::{Folder, check};

const CHAIN: &str = r#"
resource terraform_data a { input = "a" }
resource terraform_data b { input = { from = terraform_data.a.output } }
output b { value = terraform_data.b.output }
output many { value = [1, "two"] }
"#;

#[test]
fn creates_and_prints_outputs() {
    let folder = Folder::with(CHAIN);
    check("apply", &folder.infra("apply --yes").succeeds().transcript());
    check(
        "apply_again",
        &folder.infra("apply -auto-approve").succeeds().transcript(),
    );
    assert!(!folder.has("infra.state.json.lock"));
    assert!(!folder.has("infra.state.json.journal"));
}

#[test]
fn nobody_confirmed() {
    let folder = Folder::with(CHAIN);
    let done = folder.infra("apply").exits(3);
    check("apply_unconfirmed", &done.stderr);
    assert_eq!(folder.state(), None, "nothing was changed");
    assert!(!folder.has("infra.state.json.lock"));
    // An answer that nobody typed is none.
    folder.command("apply").stdin("yes\n").run().exits(3);
    assert_eq!(folder.state(), None);
    // Where nothing changes there is nothing to confirm.
    folder.ok("apply --yes");
    folder.ok("apply");
}

#[test]
fn a_failure_keeps_what_was_done_and_skips_what_waits_for_it() {
    let folder = Folder::with(
        r#"
resource terraform_data first { input = "a" }
resource terraform_data second {
  input = terraform_data.first.id
  lifecycle {
    postcondition {
      condition     = self.output == "expected"
      error_message = "the output is not what was expected"
    }
  }
}
resource terraform_data third { input = terraform_data.second.id }
"#,
    );
    check("apply_failure", &folder.infra("apply --yes").exits(1).transcript());
    assert_eq!(folder.ok("state list"), "terraform_data.first\nterraform_data.second\n");
    assert!(!folder.has("infra.state.json.lock"));
}

#[test]
fn only_the_state() {
    let folder = Folder::with(CHAIN);
    folder.ok("apply --yes");
    let before = folder.state();
    folder.ok("apply --yes --refresh-only");
    assert_eq!(folder.state(), before);
}

#[test]
fn errors_as_json_lines() {
    let folder = Folder::with("resource terraform_data a {\n  imput = 1\n}\n");
    let done = folder.infra("apply --yes --error-format json").exits(1);
    let lines: Vec<serde_json::Value> = done
        .stderr
        .lines()
        .map(|l| serde_json::from_str(l).expect("each line is JSON"))
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["code"], "infra::config::unknown_argument");
    assert_eq!(lines[0]["help"], "did you mean `input`?");
}

#[test]
fn another_folder() {
    let folder = Folder::empty();
    folder.write("environments/production/main.infra", CHAIN);
    folder.ok("apply --yes environments/production");
    assert!(folder.has("environments/production/infra.state.json"));
    assert!(!folder.has("infra.state.json"));
}

#[test]
fn a_saved_plan_needs_no_confirmation() {
    let folder = Folder::with(CHAIN);
    folder.ok("plan --out p.plan");
    let done = folder.infra("apply p.plan").succeeds();
    check("apply_saved", &done.transcript());
    folder.infra("plan --detailed-exitcode").exits(0);
}

#[test]
fn a_saved_plan_is_done_once() {
    let folder = Folder::with(CHAIN);
    folder.ok("plan --out p.plan");
    folder.ok("apply p.plan");
    let before = folder.state();
    check("apply_saved_twice", &folder.infra("apply p.plan").exits(4).transcript());
    assert_eq!(folder.state(), before);
    assert!(!folder.has("infra.state.json.lock"));
}

#[test]
fn a_saved_plan_is_refused_when_the_state_has_changed() {
    let folder = Folder::with(CHAIN);
    folder.ok("apply --yes");
    folder.ok("plan --out p.plan --replace terraform_data.b");
    folder.ok("state rm terraform_data.b");
    let before = folder.state();
    check(
        "apply_saved_state_changed",
        &folder.infra("apply p.plan").exits(4).transcript(),
    );
    assert_eq!(folder.state(), before);
}

#[test]
fn a_saved_plan_is_refused_when_a_file_it_reads_has_changed() {
    let folder = Folder::with(
        "variable token {\n  sensitive = true\n}\nresource terraform_data a { input = length(var.token) }\n",
    );
    folder.write("auto.vars.infra", "token = \"reviewed\"\n");
    folder.ok("plan --out p.plan");
    folder.write("auto.vars.infra", "token = \"not reviewed\"\n");
    check(
        "apply_saved_file_changed",
        &folder.infra("apply p.plan").exits(4).transcript(),
    );
    assert_eq!(folder.state(), None);
    folder.write("auto.vars.infra", "token = \"reviewed\"\n");
    folder.ok("apply p.plan");
}

#[test]
fn a_saved_plan_is_refused_when_a_text_has_changed() {
    let folder = Folder::with("resource terraform_data a { input = file(\"text.txt\") }\n");
    folder.write("text.txt", "reviewed");
    folder.ok("plan --out p.plan");
    folder.write("text.txt", "not reviewed");
    folder.infra("apply p.plan").exits(4);
    folder.write("text.txt", "reviewed");
    folder.ok("apply p.plan");
}

#[test]
fn a_saved_plan_has_the_configuration_that_was_reviewed() {
    let folder = Folder::with("resource terraform_data first {}\n");
    folder.ok("apply --yes");
    folder.write("main.infra", CHAIN);
    folder.ok("plan --out p.plan");
    folder.write("main.infra", "resource terraform_data other {}\n");
    folder.ok("apply p.plan");
    assert_eq!(folder.ok("state list"), "terraform_data.a\nterraform_data.b\n");
}

#[test]
fn a_saved_plan_belongs_to_its_folder() {
    let folder = Folder::empty();
    folder.write("one/main.infra", CHAIN);
    folder.write("two/main.infra", "resource terraform_data other {}\n");
    folder.command("plan --out p.plan").inside("one").run().succeeds();
    let done = folder.command("apply ../one/p.plan").inside("two").run().exits(4);
    check("apply_saved_elsewhere", &done.transcript());
    folder.command("apply --yes").inside("two").run().succeeds();
    folder.command("apply ../one/p.plan").inside("two").run().exits(4);
    folder.command("apply p.plan").inside("one").run().succeeds();
    folder
        .command("plan --destroy --out p.plan")
        .inside("one")
        .run()
        .succeeds();
    let done = folder.command("apply ../one/p.plan").inside("two").run().exits(4);
    check("apply_saved_other_state", &done.stderr);
}

#[test]
fn a_saved_plan_is_asked_for_its_secrets_again() {
    let folder =
        Folder::with("variable token {\n  sensitive = true\n}\nresource terraform_data a { input = var.token }\n");
    folder.ok("plan --out p.plan --var token=hunter2");
    check(
        "apply_saved_without_secret",
        &folder.infra("apply p.plan").exits(1).transcript(),
    );
    check(
        "apply_saved_with_another_secret",
        &folder.infra("apply p.plan --var token=swordfish").exits(4).transcript(),
    );
    assert_eq!(folder.state(), None);
    folder
        .command("apply p.plan")
        .env("INFRA_VAR_token", "hunter2")
        .run()
        .succeeds();
}

#[test]
fn a_damaged_plan() {
    let folder = Folder::with(CHAIN);
    folder.ok("plan --out p.plan");
    let text = folder.read("p.plan");
    let sources = text.find("\"sources\"").expect("a plan holds its sources");
    folder.write("p.plan", &text[..sources]);
    check("apply_saved_cut", &folder.infra("apply p.plan").exits(1).transcript());
    folder.write("p.plan", text.replacen("\"format\": 1", "\"format\": 99", 1));
    check("apply_saved_newer", &folder.infra("apply p.plan").exits(1).transcript());
    folder.write("p.plan", text.replacen("terraform_data a", "terraform_data z", 1));
    folder.infra("apply p.plan").exits(4);
    assert_eq!(folder.state(), None);
}
