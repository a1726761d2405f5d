//! `infra destroy`.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
resource terraform_data a { input = "a" }
resource terraform_data b { input = terraform_data.a.id }
output b { value = terraform_data.a.output }
"#;

#[test]
fn everything_goes_users_first() {
    let folder = Folder::with(CONFIGURATION);
    folder.ok("apply --yes");
    check("destroy", &folder.infra("destroy --yes").succeeds().transcript());
    assert_eq!(folder.ok("state list"), "");
    assert_eq!(folder.ok("output"), "The state has no outputs.\n");
    check("destroy_again", &folder.infra("destroy --yes").succeeds().transcript());
}

#[test]
fn nobody_confirmed() {
    let folder = Folder::with(CONFIGURATION);
    folder.ok("apply --yes");
    let before = folder.state();
    check("destroy_unconfirmed", &folder.infra("destroy").exits(3).transcript());
    assert_eq!(folder.state(), before);
    assert!(!folder.has("infra.state.json.lock"));
}

#[test]
fn as_a_plan() {
    let folder = Folder::with(CONFIGURATION);
    folder.ok("apply --yes");
    check(
        "destroy_plan",
        &folder
            .infra("plan -destroy -out=d.plan -detailed-exitcode")
            .exits(2)
            .transcript(),
    );
    folder.infra("apply d.plan").succeeds();
    assert_eq!(folder.ok("state list"), "");
}

#[test]
fn a_protected_object_stays() {
    let folder = Folder::with("resource terraform_data a {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n");
    folder.ok("apply --yes");
    let before = folder.state();
    check(
        "destroy_prevented",
        &folder.infra("destroy --yes").exits(1).transcript(),
    );
    assert_eq!(folder.state(), before);
}
