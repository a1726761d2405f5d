//! `infra show`.

use serde_json::json;

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
resource terraform_data a {
  for_each = { x = 1 }
  input    = each.value
}
resource random_password p { length = 12 }
module m { source = "./m" }
output o { value = module.m.o }
"#;

const MODULE: &str = r#"
resource terraform_data in {
  input = "multi\nline"
}
output o { value = terraform_data.in.output }
"#;

fn folder() -> Folder {
    let folder = Folder::with(CONFIGURATION);
    folder.write("m/main.infra", MODULE);
    folder
}

#[test]
fn a_state() {
    let folder = folder();
    assert_eq!(folder.ok("show"), "The state is empty.\n");
    assert_eq!(folder.json("show --json")["format_version"], "1.0");
    folder.ok("apply --yes");
    check("show_state", &folder.infra("show").succeeds().transcript());
    assert_eq!(folder.ok("show infra.state.json"), folder.ok("show"));
}

#[test]
fn a_state_as_json() {
    let folder = folder();
    folder.ok("apply --yes");
    let json = folder.json("show --json");
    let root = &json["values"]["root_module"];
    let a = &root["resources"][1];
    assert_eq!(a["address"], "terraform_data.a[\"x\"]");
    assert_eq!(a["mode"], "managed");
    assert_eq!(a["type"], "terraform_data");
    assert_eq!(a["name"], "a");
    assert_eq!(a["index"], "x");
    assert_eq!(a["provider_name"], "terraform.io/builtin/terraform");
    assert_eq!(a["schema_version"], 0);
    assert_eq!(a["values"]["output"], 1);
    let password = &root["resources"][0];
    assert_eq!(password["provider_name"], "registry.terraform.io/hashicorp/random");
    assert_eq!(password["values"]["result"], json!(null));
    assert_eq!(password["sensitive_values"], json!({"result": true}));
    let child = &root["child_modules"][0];
    assert_eq!(child["address"], "module.m");
    assert_eq!(child["resources"][0]["address"], "module.m.terraform_data.in");
    assert_eq!(child["resources"][0]["values"]["input"], "multi\nline");
    assert_eq!(
        json["values"]["outputs"]["o"],
        json!({"sensitive": false, "type": "string", "value": "multi\nline"})
    );
}

#[test]
fn a_plan() {
    let folder = folder();
    folder.ok("plan --out p.plan");
    check("show_plan", &folder.infra("show p.plan").succeeds().transcript());
    let json = folder.json("show --json p.plan");
    assert_eq!(json["format_version"], "1.2");
    assert_eq!(json["resource_changes"].as_array().map(Vec::len), Some(3));
    // It is shown without its configuration too: on another machine, say.
    folder.write("main.infra", "this is not the configuration any more");
    assert_eq!(folder.json("show --json p.plan"), json);
}

#[test]
fn something_else() {
    let folder = Folder::empty();
    folder.write("notes.txt", "infra plan to do list\n");
    check(
        "show_something_else",
        &folder.infra("show notes.txt").exits(1).transcript(),
    );
    check("show_nothing", &folder.infra("show nowhere").exits(1).transcript());
}
