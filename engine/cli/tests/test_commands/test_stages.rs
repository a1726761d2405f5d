//! `infra apply` in stages: instances that are known only after something was applied.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
resource random_integer size {
  min = 2
  max = 2
}

resource terraform_data node {
  count = random_integer.size.result
  input = "node ${count.index}"
}

resource terraform_data report {
  input = terraform_data.node[*].input
}

resource terraform_data beside {
  input = "beside"
}

output nodes { value = terraform_data.node[*].output }
"#;

const ALL: &str = "random_integer.size\n\
    terraform_data.beside\n\
    terraform_data.node[0]\n\
    terraform_data.node[1]\n\
    terraform_data.report\n";

#[test]
fn a_plan_shows_what_waits() {
    let folder = Folder::with(CONFIGURATION);
    check("stages_plan", &folder.infra("plan").succeeds().transcript());
    let json = folder.json("plan --json");
    assert_eq!(json["complete"], false);
    assert_eq!(
        json["deferred_changes"],
        serde_json::json!([
            { "reason": "instance_count_unknown", "resource_change": { "address": "terraform_data.node" } },
            { "reason": "deferred_prereq", "resource_change": { "address": "terraform_data.report" } },
        ])
    );
    folder.ok("plan --markdown plan.md");
    let markdown = folder.read("plan.md");
    assert!(
        markdown.contains("- <code>terraform_data.node</code> — its instances are known only then"),
        "{markdown}"
    );
    assert!(
        markdown.contains("- <code>terraform_data.report</code> — depends on <code>terraform_data.node</code>"),
        "{markdown}"
    );
}

#[test]
fn each_stage_is_confirmed() {
    let folder = Folder::with(CONFIGURATION);
    check(
        "stages_unconfirmed",
        &folder.infra("apply --yes --parallelism 1").exits(3).transcript(),
    );
    assert_eq!(folder.ok("state list"), "random_integer.size\nterraform_data.beside\n");
    assert!(!folder.has("infra.state.json.lock"));
    // The rest is an ordinary plan by now.
    folder.ok("apply --yes");
    assert_eq!(folder.ok("state list"), ALL);
}

#[test]
fn several_stages_are_allowed_beforehand() {
    let folder = Folder::with(CONFIGURATION);
    check(
        "stages_allowed",
        &folder
            .infra("apply --yes --stages 2 --parallelism 1")
            .succeeds()
            .transcript(),
    );
    assert_eq!(folder.ok("state list"), ALL);
    folder.infra("plan --detailed-exitcode").exits(0);
    folder.infra("apply --stages 2").exits(64);
}

#[test]
fn a_saved_plan_is_the_first_stage() {
    let folder = Folder::with(CONFIGURATION);
    folder.ok("plan --out p.plan");
    folder.infra("apply p.plan").exits(3);
    assert_eq!(folder.ok("state list"), "random_integer.size\nterraform_data.beside\n");
    let folder = Folder::with(CONFIGURATION);
    folder.ok("plan --out p.plan");
    folder.infra("apply p.plan --yes --stages 2").succeeds();
    assert_eq!(folder.ok("state list"), ALL);
}
