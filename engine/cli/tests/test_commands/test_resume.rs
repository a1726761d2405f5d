//! `infra apply --resume`: what is left of an apply that failed.

use crate::support::{Folder, check};

/// `second` fails as long as there is no file `go`, which the plan cannot know.
const CONFIGURATION: &str = r#"
resource terraform_data first { input = "first" }

resource terraform_data second {
  input = terraform_data.first.id

  lifecycle {
    precondition {
      condition     = fileexists("${substr(terraform_data.first.id, 0, 0)}go")
      error_message = "Not yet."
    }
  }
}

resource terraform_data third { input = terraform_data.second.output }

output third { value = terraform_data.third.output != "" }
"#;

#[test]
fn the_rest_is_done_without_asking() {
    let folder = Folder::with(CONFIGURATION);
    check("resume_failed", &folder.infra("apply --yes").exits(1).transcript());
    assert_eq!(folder.ok("state list"), "terraform_data.first\n");
    folder.write("go", "");
    check("resume_rest", &folder.infra("apply --resume").succeeds().transcript());
    assert_eq!(
        folder.ok("state list"),
        "terraform_data.first\nterraform_data.second\nterraform_data.third\n"
    );
    folder.infra("plan --detailed-exitcode").exits(0);
    check("resume_nothing", &folder.infra("apply --resume").exits(1).transcript());
}

#[test]
fn it_may_be_resumed_more_than_once() {
    let folder = Folder::with(CONFIGURATION);
    folder.infra("apply --yes").exits(1);
    folder.infra("apply --resume").exits(1);
    folder.write("go", "");
    folder.infra("apply --resume").succeeds();
}

#[test]
fn a_saved_plan_is_resumed_from_its_folder() {
    let folder = Folder::with(CONFIGURATION);
    folder.ok("plan --out p.plan");
    folder.infra("apply p.plan").exits(1);
    folder.write("go", "");
    folder.infra("apply --resume").succeeds();
    folder.infra("plan --detailed-exitcode").exits(0);
}

#[test]
fn what_was_not_approved_is_not_done() {
    let folder = Folder::with(CONFIGURATION);
    folder.infra("apply --yes").exits(1);
    folder.write("go", "");
    let before = folder.state();
    folder.write("more.infra", "resource terraform_data more { input = 1 }\n");
    folder.write(
        "main.infra",
        CONFIGURATION.replace("terraform_data.second.output", "\"other\""),
    );
    let text = folder.infra("apply --resume").exits(4).transcript();
    assert!(
        text.contains("create `terraform_data.more`: was not in the approved plan"),
        "{text}"
    );
    assert!(text.contains("the configuration was changed since"), "{text}");
    assert!(!text.contains("create `terraform_data.second`:"), "{text}");
    assert_eq!(folder.state(), before);
    // A reviewed plan takes its place.
    folder.infra("apply --yes").succeeds();
    folder.infra("apply --resume").exits(1);
}

#[test]
fn what_was_replaced_on_request_is_not_replaced_again() {
    let folder = Folder::with(CONFIGURATION);
    folder.write("go", "");
    folder.infra("apply --yes").succeeds();
    let id = || folder.json("show --json")["values"]["root_module"]["resources"][0]["values"]["id"].clone();
    let before = id();
    std::fs::remove_file(folder.path("go")).unwrap();
    folder.infra("apply --yes --replace terraform_data.first").exits(1);
    let replaced = id();
    assert_ne!(before, replaced);
    folder.write("go", "");
    folder.infra("apply --resume").succeeds();
    assert_eq!(id(), replaced);
}

#[test]
fn the_values_of_variables_must_be_the_same() {
    let folder = Folder::with(format!(
        "variable text {{ default = \"a\" }}\nresource terraform_data fourth {{\n  input = \"${{terraform_data.second.id}} ${{var.text}}\"\n}}\n{CONFIGURATION}"
    ));
    folder.infra("apply --yes --var text=b").exits(1);
    folder.write("go", "");
    let text = folder.infra("apply --resume").exits(4).transcript();
    assert!(text.contains("the variable `text` had another value"), "{text}");
    folder.infra("apply --resume --var text=b").succeeds();
}
