//! Where the state is kept: `infra { state local { path = … } }`.

use crate::support::{Folder, check};

const CONFIGURATION: &str = r#"
variable environment { type = string }
variable password {
  type      = string
  sensitive = true
}
locals {
  file = "${lower(var.environment)}.json"
}
infra {
  state local {
    path = "states/${local.file}"
  }
}
resource terraform_data a { input = var.environment }
output where { value = terraform_data.a.output }
"#;

fn folder() -> Folder {
    Folder::with(CONFIGURATION)
}

/// A configuration whose `state` block has these arguments.
fn with_arguments(arguments: &str) -> Folder {
    Folder::with(format!(
        r#"
variable environment {{ default = "staging" }}
variable secret {{
  default   = "x"
  sensitive = true
}}
variable token {{
  default   = "x"
  ephemeral = true
}}
locals {{
  good = "${{var.environment}}.json"
  bad  = "${{terraform_data.a.id}}.json"
  worse = local.bad
}}
infra {{
  state local {{
    {arguments}
  }}
}}
resource terraform_data a {{}}
"#
    ))
}

#[test]
fn each_environment_has_a_state_of_its_own() {
    let folder = folder();
    folder.ok("apply --yes --var environment=staging --var password=x");
    folder.ok("apply --yes --var environment=production --var password=x");
    assert!(folder.has("states/staging.json") && folder.has("states/production.json"));
    assert!(!folder.has("infra.state.json"));
    // Commands that only look at the state need no other variable.
    for environment in ["staging", "production"] {
        let with = |line: &str| folder.ok(&format!("{line} --var environment={environment}"));
        assert_eq!(with("state list"), "terraform_data.a\n");
        assert_eq!(with("output . where --raw"), environment);
        assert!(with("show").contains(environment));
        assert!(with("state show terraform_data.a").contains(environment));
    }
    folder.ok("state rm terraform_data.a --var environment=staging");
    assert_eq!(folder.ok("state list --var environment=staging"), "");
    assert_eq!(
        folder.ok("state list --var environment=production"),
        "terraform_data.a\n"
    );
    folder.ok("state mv terraform_data.a terraform_data.b --var environment=production");
    folder.ok("destroy --yes --var environment=production --var password=x");
    assert_eq!(folder.ok("state list --var environment=production"), "");
    let known = folder
        .command("console --var environment=production --var password=x")
        .stdin("terraform_data.a\n")
        .run();
    assert_eq!(known.code, 0, "{}", known.transcript());
}

#[test]
fn values_come_from_everywhere() {
    let folder = folder();
    folder.write("auto.vars.infra", "environment = \"from-file\"\npassword = \"p\"\n");
    folder.ok("apply --yes");
    assert!(folder.has("states/from-file.json"));
    folder.write("other.vars.infra", "environment = \"Other\"\n");
    folder.ok("apply --yes --var-file other.vars.infra");
    assert!(folder.has("states/other.json"));
    let environment = Folder::with(CONFIGURATION);
    environment
        .command("apply --yes --var password=p")
        .env("INFRA_VAR_environment", "outside")
        .run()
        .succeeds();
    assert!(environment.has("states/outside.json"));
}

#[test]
fn the_path_is_seen_from_the_root_module() {
    let folder = Folder::empty();
    folder.write("live/main.infra", CONFIGURATION);
    folder.ok("apply live --yes --var environment=a --var password=x");
    assert!(folder.has("live/states/a.json"));
    folder.ok("state list -C live --var environment=a");
}

#[test]
fn the_command_line_wins() {
    let folder = folder();
    folder.ok("apply --yes --var environment=staging --var password=x --state elsewhere.json");
    assert!(folder.has("elsewhere.json") && !folder.has("states/staging.json"));
    assert_eq!(folder.ok("state list --state elsewhere.json"), "terraform_data.a\n");
}

#[test]
fn a_saved_plan_remembers_its_state() {
    let folder = folder();
    folder.ok("plan --out a.plan --var environment=staging --var password=x");
    folder.ok("plan --out b.plan --var environment=production --var password=x --state b.json");
    folder.ok("apply --yes a.plan --var password=x");
    folder.ok("apply --yes b.plan --var password=x");
    assert!(folder.has("states/staging.json") && folder.has("b.json"));
    assert!(!folder.has("states/production.json"));
}

#[test]
fn a_lock_is_found_where_the_state_is() {
    let folder = folder();
    let mut store = infra_state::Store::local(
        folder.path("states/staging.json"),
        std::sync::Arc::new(infra_state::NoTypes),
        infra_state::SecretCodec::without_key(),
    );
    store
        .lock(infra_state::LockInfo::new("test"))
        .expect("nobody else has the lock");
    let refused = folder
        .infra("apply --yes --var environment=staging --var password=x")
        .exits(1);
    assert!(refused.stderr.contains("infra::state::locked"), "{}", refused.stderr);
    folder.ok("plan --var environment=production --var password=x");
}

#[test]
fn what_is_missing_is_asked_for() {
    let folder = folder();
    check(
        "state_settings_value_missing",
        &folder.infra("state list").exits(1).transcript(),
    );
    folder.write("broken.infra", "resource {");
    let refused = folder.infra("state list --var environment=a").exits(1);
    assert!(
        refused.stderr.contains("infra::cli::state_unclear"),
        "{}",
        refused.stderr
    );
    folder.write("broken.infra", "infra { state cloud {} }");
    folder.infra("state list --var environment=a").exits(1);
}

#[test]
fn what_is_not_known_before_the_state_is_refused() {
    for (name, argument) in [
        ("resource", "path = terraform_data.a.id"),
        ("local", "path = local.worse"),
        ("each", "path = each.key"),
        ("sensitive", "path = \"${var.secret}.json\""),
        ("ephemeral", "path = \"${var.token}.json\""),
        ("time", "path = \"${timestamp()}.json\""),
        ("plan_time", "path = \"${plantimestamp()}.json\""),
        ("empty", "path = \"\""),
        ("missing", ""),
        ("null", "path = null"),
        ("type", "path = [\"a\"]"),
        ("unknown_argument", "file = \"a\""),
        ("undeclared", "path = var.enviroment"),
    ] {
        let refused = with_arguments(argument).infra("plan").exits(1);
        check(&format!("state_settings_{name}"), &refused.transcript());
    }
    let round =
        Folder::with("locals {\n  a = local.b\n  b = local.a\n}\ninfra {\n  state local { path = local.a }\n}\n");
    let refused = round.infra("state list").exits(1);
    assert!(refused.stderr.contains("which needs itself"), "{}", refused.stderr);
    let chance = with_arguments("path = uuid()").infra("state list").exits(1);
    assert!(
        chance.stderr.contains("infra::config::state_unknown"),
        "{}",
        chance.stderr
    );
}

#[test]
fn files_and_functions_are_known() {
    let folder = with_arguments("path = \"${trimspace(file(\"name.txt\"))}/${basename(path.cwd)}.json\"");
    folder.write("name.txt", "abc\n");
    folder.ok("apply --yes");
    assert!(folder.has("abc/stack.json"));
}

#[test]
fn other_storage_is_checked_and_refused() {
    let with = |arguments: &str| {
        Folder::with(format!(
            "variable e {{ default = \"x\" }}\ninfra {{\n  state s3 {{\n{arguments}\n  }}\n}}\n"
        ))
    };
    let good = with("bucket = \"state-${var.e}\"\nkey = \"a.json\"\nregion = \"eu-central-1\"");
    check("state_settings_s3", &good.infra("plan").exits(1).transcript());
    good.infra("validate").exits(1);
    good.ok("apply --yes --state here.json");
    check(
        "state_settings_s3_wrong",
        &with("bucket = \"ab\"\nkye = 1").infra("plan").exits(1).transcript(),
    );
}
