//! `infra state`.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
resource terraform_data a {
  for_each = toset(["x", "y"])
  input    = { key = each.key }
}
resource random_password p { length = 12 }
module m { source = "./m" }
"#;

fn applied() -> Folder {
    let folder = Folder::with(CONFIGURATION);
    folder.write("m/main.infra", "resource terraform_data in {}\n");
    folder.ok("apply --yes");
    folder
}

#[test]
fn list() {
    let folder = applied();
    assert_eq!(
        folder.ok("state list"),
        "random_password.p\nterraform_data.a[\"x\"]\nterraform_data.a[\"y\"]\nmodule.m.terraform_data.in\n"
    );
    assert_eq!(folder.ok("state list module.m"), "module.m.terraform_data.in\n");
    assert_eq!(
        folder.ok("state list terraform_data.a"),
        "terraform_data.a[\"x\"]\nterraform_data.a[\"y\"]\n"
    );
    check(
        "state_list_unknown",
        &folder.infra("state list terraform_data.b").exits(1).transcript(),
    );
    check(
        "state_list_bad_address",
        &folder.infra("state list a[").exits(1).transcript(),
    );
    assert_eq!(Folder::empty().ok("state list"), "");
}

#[test]
fn show() {
    let folder = applied();
    check(
        "state_show",
        &folder
            .infra("state show terraform_data.a[\"x\"]")
            .succeeds()
            .transcript(),
    );
    check(
        "state_show_secret",
        &folder.infra("state show random_password.p").succeeds().transcript(),
    );
    let json = folder.json("state show --json terraform_data.a[\"x\"]");
    assert_eq!(json[0]["values"]["input"]["key"], "x");
    check(
        "state_show_unknown",
        &folder.infra("state show terraform_data.b").exits(1).transcript(),
    );
}

#[test]
fn mv() {
    let folder = applied();
    let before = folder.state();
    let dry = folder
        .infra("state mv --dry-run terraform_data.a[\"x\"] terraform_data.b")
        .succeeds();
    assert_eq!(
        dry.stdout,
        "Would move `terraform_data.a[\"x\"]` to `terraform_data.b`.\n"
    );
    assert_eq!(folder.state(), before);
    assert_eq!(
        folder.ok("state mv terraform_data.a[\"x\"] terraform_data.b"),
        "Moved `terraform_data.a[\"x\"]` to `terraform_data.b`.\n"
    );
    assert_eq!(
        folder.ok("state list"),
        "random_password.p\nterraform_data.a[\"y\"]\nterraform_data.b\nmodule.m.terraform_data.in\n"
    );
}

#[test]
fn mv_refused() {
    let folder = applied();
    let before = folder.state();
    for (name, arguments) in [
        ("taken", "terraform_data.a[\"x\"] terraform_data.a[\"y\"]"),
        ("other_type", "random_password.p terraform_data.b"),
        ("unknown", "terraform_data.z terraform_data.b"),
    ] {
        let done = folder.infra(&format!("state mv {arguments}")).exits(1);
        check(&format!("state_mv_{name}"), &done.transcript());
    }
    assert_eq!(folder.state(), before);
    assert!(!folder.has("infra.state.json.lock"));
}

#[test]
fn rm() {
    let folder = applied();
    let before = folder.state();
    let expect = |word: &str| {
        format!(
            "{word} `terraform_data.a[\"x\"]`; the object itself stays.\n\
             {word} `terraform_data.a[\"y\"]`; the object itself stays.\n\
             {word} `module.m.terraform_data.in`; the object itself stays.\n"
        )
    };
    assert_eq!(
        folder.ok("state rm --dry-run terraform_data.a module.m"),
        expect("Would forget")
    );
    assert_eq!(folder.state(), before);
    assert_eq!(folder.ok("state rm terraform_data.a module.m"), expect("Forgot"));
    assert_eq!(folder.ok("state list"), "random_password.p\n");
    folder.infra("state rm random_password.q").exits(1);
}

#[test]
fn another_folder_and_another_file() {
    let folder = applied();
    folder.write("elsewhere/main.infra", "resource terraform_data e {}\n");
    folder.ok("apply --yes elsewhere --state other.json");
    assert_eq!(folder.ok("state list -C elsewhere"), "");
    assert_eq!(folder.ok("state list --state other.json"), "terraform_data.e\n");
}
