//! `infra plan`.

use serde_json::{Value, json};

use crate::support::{Folder, check, stable};

const BASE: &str = r#"
variable name {
  type    = string
  default = "world"
}
resource random_pet pet { length = 2 }
resource terraform_data greeting { input = "hello ${var.name}" }
resource terraform_data many {
  for_each = toset(["a", "b"])
  input    = { key = each.key, greeting = terraform_data.greeting.output }
}
resource terraform_data text {
  input            = "one\ntwo\n${var.name}\nfour\nfive\nsix\n"
  triggers_replace = var.name
}
resource terraform_data gone {
  count = var.name == "world" ? 1 : 0
  input = "soon"
}
output greeting { value = terraform_data.greeting.output }
output settings { value = { ports = [80, 443], tls = var.name == "world" } }
"#;

/// Applied once; a plan with `name=moon` then changes something of each kind.
fn applied() -> Folder {
    let folder = Folder::with(BASE);
    folder.ok("apply --yes");
    folder
}

/// Finds the change of an address in Terraform's JSON.
fn change<'a>(plan: &'a Value, address: &str) -> &'a Value {
    plan["resource_changes"]
        .as_array()
        .expect("there are changes")
        .iter()
        .find(|c| c["address"] == address)
        .unwrap_or_else(|| panic!("no change of {address}"))
}

#[test]
fn creates() {
    let folder = Folder::with(BASE);
    check("plan_create", &folder.infra("plan").succeeds().transcript());
    assert_eq!(folder.state(), None, "planning writes no state");
}

#[test]
fn changes_of_each_kind() {
    let folder = applied();
    let done = folder
        .infra("plan -var name=moon --replace terraform_data.many[\"a\"]")
        .succeeds();
    check("plan_changes", &done.transcript());
}

#[test]
fn moved_forgotten_and_imported() {
    let folder = applied();
    folder.write(
        "main.infra",
        "resource terraform_data renamed { input = \"hello world\" }\n\
         moved {\n  from = terraform_data.greeting\n  to = terraform_data.renamed\n}\n\
         removed {\n  from = terraform_data.many\n  lifecycle {\n    destroy = false\n  }\n}\n\
         resource random_uuid known {}\n\
         import {\n  to = random_uuid.known\n  id = \"5d1a1c11-8f5e-4c41-93f3-8a9b4f0e3a10\"\n}\n",
    );
    check(
        "plan_other_kinds",
        &folder.infra("plan --markdown plan.md").succeeds().transcript(),
    );
    check(
        "plan_other_kinds_markdown",
        &stable(&folder.read("plan.md"), &folder.path("")),
    );
}

#[test]
fn detailed_exit_code() {
    let folder = Folder::with(BASE);
    folder.infra("plan --detailed-exitcode").exits(2);
    folder.ok("apply --yes");
    let done = folder.infra("plan -detailed-exitcode").exits(0);
    check("plan_no_changes", &done.transcript());
    folder.infra("plan --detailed-exitcode --var name=moon").exits(2);
    folder.infra("plan --detailed-exitcode --var nome=moon").exits(1);
}

#[test]
fn terraforms_json() {
    let folder = applied();
    let done = folder.infra("plan --json --var name=moon").succeeds();
    let plan = done.json();
    assert_eq!(plan["format_version"], "1.2");
    assert_eq!(plan["variables"]["name"]["value"], "moon");
    assert_eq!(plan["applyable"], true);
    assert_eq!(plan["errored"], false);

    let greeting = change(&plan, "terraform_data.greeting");
    assert_eq!(greeting["mode"], "managed");
    assert_eq!(greeting["type"], "terraform_data");
    assert_eq!(greeting["name"], "greeting");
    assert_eq!(greeting["provider_name"], "terraform.io/builtin/terraform");
    let inner = &greeting["change"];
    assert_eq!(inner["actions"], json!(["update"]));
    assert_eq!(inner["before"]["input"], "hello world");
    assert_eq!(inner["after"]["input"], "hello moon");
    assert_eq!(inner["after"].get("output"), None, "what is unknown is left out");
    assert_eq!(inner["after_unknown"], json!({"output": true}));
    assert_eq!(inner["before_sensitive"], json!({}));

    let text = change(&plan, "terraform_data.text");
    assert_eq!(text["change"]["actions"], json!(["delete", "create"]));
    assert_eq!(text["change"]["replace_paths"], json!([["triggers_replace"]]));
    assert_eq!(text["action_reason"], "replace_because_cannot_update");

    let gone = change(&plan, "terraform_data.gone[0]");
    assert_eq!(gone["index"], 0);
    assert_eq!(gone["change"]["actions"], json!(["delete"]));
    assert_eq!(gone["change"]["after"], Value::Null);
    assert_eq!(gone["change"]["after_unknown"], json!({}));
    assert_eq!(gone["action_reason"], "delete_because_count_index");

    let pet = change(&plan, "random_pet.pet");
    assert_eq!(pet["change"]["actions"], json!(["no-op"]));

    let outputs = &plan["output_changes"];
    assert_eq!(outputs["greeting"]["actions"], json!(["update"]));
    assert_eq!(outputs["greeting"]["before"], "hello world");
    assert_eq!(outputs["greeting"]["after_unknown"], true);
    assert_eq!(outputs["settings"]["after"], json!({"ports": [80, 443], "tls": false}));

    let planned = plan["planned_values"]["root_module"]["resources"]
        .as_array()
        .expect("there are planned values");
    let addresses: Vec<&str> = planned.iter().filter_map(|r| r["address"].as_str()).collect();
    assert_eq!(
        addresses,
        [
            "random_pet.pet",
            "terraform_data.greeting",
            "terraform_data.many[\"a\"]",
            "terraform_data.many[\"b\"]",
            "terraform_data.text"
        ]
    );
    assert_eq!(plan["planned_values"]["outputs"]["settings"]["value"]["tls"], false);
    assert_eq!(
        plan["prior_state"]["values"]["outputs"]["greeting"]["value"],
        "hello world"
    );
    assert!(plan["configuration"]["root_module"]["resources"].is_array());
    // People still read what is on standard error.
    assert!(
        done.stderr
            .contains("Plan: 0 to create, 3 to update, 1 to replace, 1 to delete.")
    );
}

#[test]
fn new_objects_in_json() {
    let folder = Folder::with(BASE);
    let plan = folder.json("plan --json");
    let inner = &change(&plan, "terraform_data.greeting")["change"];
    assert_eq!(inner["actions"], json!(["create"]));
    assert_eq!(inner["before"], Value::Null);
    assert_eq!(inner["before_sensitive"], false);
    assert_eq!(
        inner["after"],
        json!({"input": "hello world", "triggers_replace": null})
    );
    assert_eq!(inner["after_unknown"], json!({"id": true, "output": true}));
    assert_eq!(plan.get("prior_state"), None);
}

#[test]
fn values_of_variables_by_precedence() {
    let folder = Folder::with("variable a { default = \"default\" }\noutput a { value = var.a }\n");
    let value = |line: &str, environment: &str| {
        let mut command = folder.command(line);
        if !environment.is_empty() {
            command = command.env("INFRA_VAR_a", environment);
        }
        let plan = command.run().succeeds().json();
        plan["output_changes"]["a"]["after"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(value("plan --json", ""), "default");
    assert_eq!(value("plan --json", "environment"), "environment");
    folder.write("auto.vars.infra", "a = \"auto\"\n");
    assert_eq!(value("plan --json", "environment"), "auto");
    folder.write("z.auto.vars.infra", "a = \"z\"\n");
    assert_eq!(value("plan --json", ""), "z");
    folder.write("one.vars.infra", "a = \"one\"\n");
    folder.write("two.vars.infra", "a = \"two\"\n");
    assert_eq!(
        value("plan --json -var-file one.vars.infra -var-file=two.vars.infra", ""),
        "two"
    );
    assert_eq!(
        value("plan --json -var-file=one.vars.infra -var a=given", "environment"),
        "given"
    );
    assert_eq!(value("plan --json -var a=given -var a=later", ""), "later");
    assert_eq!(value("plan --json -var a=-x=y", ""), "-x=y");
}

#[test]
fn values_for_variables_that_are_not_declared() {
    let folder = Folder::with("variable a { default = 1 }\n");
    folder.write("some.vars.infra", "a = 1\nb = 2\n");
    check(
        "plan_undeclared_in_file",
        &folder.infra("plan --var-file some.vars.infra").succeeds().transcript(),
    );
    check(
        "plan_undeclared_on_line",
        &folder.infra("plan --var aa=1").exits(1).transcript(),
    );
    check(
        "plan_no_such_var_file",
        &folder.infra("plan --var-file no.vars.infra").exits(1).transcript(),
    );
    folder.command("plan").env("INFRA_VAR_b", "2").run().succeeds();
}

#[test]
fn one_run_gives_every_form() {
    let folder = applied();
    let done = folder
        .infra("plan -var=name=moon -json -markdown=plan.md -out=p.plan -detailed-exitcode")
        .exits(2);
    done.json();
    let markdown = folder.read("plan.md");
    assert!(markdown.starts_with("<!-- infra:plan stack=stack -->\n### infra plan · stack — "));
    assert!(markdown.contains("<code>infra apply p.plan</code>"));
    assert_eq!(folder.json("show --json p.plan"), done.json());
}

#[test]
fn markdown() {
    let folder = applied();
    folder.ok("plan --markdown plan.md --var name=moon");
    check("plan_markdown", &stable(&folder.read("plan.md"), &folder.path("")));
    folder.ok("plan --markdown plan.md");
    check(
        "plan_markdown_no_changes",
        &stable(&folder.read("plan.md"), &folder.path("")),
    );
}

/// Values that try to break out of where they are shown.
const HOSTILE: &str = r#"
resource terraform_data evil {
  for_each = {
    "```"                                   = "```\n````diff\n- fence\n```"
    "</code></summary></details><b>x</b>"   = "</details><script>alert(1)</script>"
    "@team #1 http://example.com www.x.org" = "@team please approve"
    "[a](http://b) ![c](d) *e* _f_ ~~g~~ $h$" = "[click](http://example.com)"
    "a|b|c"                                 = "| x | y |"
    "\u001b[31mred\u001b[0m\u0007"          = "\u001b]0;title\u0007\u001b[2J"
    "\u202eevil\u2066\u200b"                = "\u202etxt.exe"
    "line\nbreak\ttab\r"                    = "a\r\nb\u2028c"
    "<!-- --> --> <!-- infra:plan -->"      = "--> <!--"
  }
  input = each.value
}
output evil { value = "@team ``` </details> \u202e" }
"#;

/// Characters that must never be written as they are.
fn harmful(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| {
            (c.is_control() && *c != '\n')
                || ('\u{202a}'..='\u{202e}').contains(c)
                || ('\u{2066}'..='\u{2069}').contains(c)
                || ['\u{200b}', '\u{2028}'].contains(c)
        })
        .collect()
}

#[test]
fn hostile_names_and_values() {
    let folder = Folder::with(HOSTILE);
    let done = folder.infra("plan --markdown plan.md --out p.plan").succeeds();
    check("plan_hostile", &done.transcript());
    let markdown = folder.read("plan.md");
    check("plan_hostile_markdown", &stable(&markdown, &folder.path("")));
    for text in [&done.stdout, &done.stderr, &markdown, &folder.ok("show p.plan")] {
        assert_eq!(harmful(text), []);
    }
    // Outside of fences there is nothing of theirs.
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        match fence {
            Some(end) if line == end => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.trim_end_matches("diff")),
            None => {
                for bad in ["@team", "<script", "<b>", "](", "```", "http://", "*e*", "~~"] {
                    assert!(!line.contains(bad), "{bad} in {line}");
                }
            }
        }
    }
    assert_eq!(fence, None, "every fence is closed");
    assert_eq!(markdown.matches("<details>").count(), 10);

    let done = folder.infra("apply --yes").succeeds();
    for text in [
        done.stdout,
        done.stderr,
        folder.ok("show"),
        folder.ok("state list"),
        folder.ok("output"),
    ] {
        assert_eq!(harmful(&text), []);
    }
    assert_eq!(harmful(&folder.infra("output evil").succeeds().stdout), []);
}

#[test]
fn hostile_text_in_diagnostics() {
    let folder = Folder::with(
        "variable a {\n  validation {\n    condition = var.a == 1\n    error_message = \"no: ${var.a}\"\n  }\n}\n",
    );
    let done = folder
        .command("plan --var")
        .arg("a=\u{1b}[31m\u{202e}\u{7}")
        .run()
        .exits(1);
    assert_eq!(harmful(&done.stderr), []);
    check("plan_hostile_diagnostic", &done.transcript());
}

#[test]
fn hostile_names_of_files() {
    let folder = Folder::with("resource terraform_data a {\n  imput = \"\u{202e}\"\n}\n");
    folder.write("\u{1b}[31m\u{202e}.infra", "resource terraform_data b {\n imput=1\n}\n");
    for line in ["validate", "fmt --check", "fmt --diff --check", "plan"] {
        let done = folder.infra(line).exits(1);
        assert_eq!(harmful(&done.stdout), [], "{}", done.transcript());
        assert_eq!(harmful(&done.stderr), [], "{}", done.transcript());
    }
}

#[test]
fn files_that_cannot_be_written() {
    let folder = applied();
    for (name, option) in [("out", "--out"), ("markdown", "--markdown")] {
        let done = folder.infra(&format!("plan {option} no/such/folder/file")).exits(1);
        check(&format!("plan_{name}_unwritable"), &done.transcript());
    }
}

#[test]
fn markdown_stays_below_the_limit_of_a_comment() {
    let folder = Folder::with(
        r#"
locals { numbers = flatten([for a in range(3) : [for b in range(1000) : a * 1000 + b]]) }
locals { long = join("", [for i in range(500) : "<`漢字&|*"]) }
resource terraform_data many {
  for_each = { for i in local.numbers : "${i}-${local.long}" => i }
  input    = { text = local.long, n = each.value }
}
output long {
  value = { for i in range(300) : "k${i}" => local.long }
}
output longer { value = [for i in range(300) : local.long] }
"#,
    );
    folder.ok("plan --markdown plan.md");
    let markdown = folder.read("plan.md");
    assert!(markdown.chars().count() < 60_000, "{}", markdown.chars().count());
    assert!(markdown.contains("3000 create · 0 update"));
    assert!(markdown.contains("Not fully shown"));
    assert!(markdown.contains("<sub>plan <code>sha256:"));
    assert_eq!(
        markdown.matches("<details>").count(),
        markdown.matches("</details>").count()
    );
}

#[test]
fn secrets_are_nowhere() {
    let text = r#"
variable token {
  type      = string
  sensitive = true
}
resource random_password p { length = 24 }
resource terraform_data a {
  input            = { token = var.token, nested = [{ again = "prefix-${var.token}" }] }
  triggers_replace = var.token
}
resource terraform_data b { input = random_password.p.result }
output token {
  value     = var.token
  sensitive = true
}
output password {
  value     = random_password.p.result
  sensitive = true
}
"#;
    let folder = Folder::with(text);
    let with = |line: &str, token: &str| folder.command(line).env("INFRA_VAR_token", token).run();
    let every = "plan --json --out p.plan --markdown plan.md";
    let mut seen = vec![
        with(every, "hunter2-first"),
        with("apply p.plan", "hunter2-first"),
        with(every, "hunter2-second"),
        with("plan", "hunter2-second"),
        with("plan --replace random_password.p", "hunter2-second"),
        with("apply --yes", "hunter2-third"),
        with("show --json", ""),
        with("show", ""),
        with("output", ""),
        with("output --json", ""),
        with("state show terraform_data.a", ""),
        with("state show --json random_password.p", ""),
    ];
    for done in &seen {
        assert_eq!(done.code, 0, "{}", done.transcript());
    }
    let password = folder.ok("output --raw password");
    assert_eq!(password.chars().count(), 24);
    seen.push(with("destroy", ""));
    seen.push(with("destroy", "hunter2-third").exits(3));
    let secret = |text: &str| text.contains("hunter2") || text.contains(&password);
    for done in &seen {
        assert!(!secret(&done.stdout) && !secret(&done.stderr), "{}", done.transcript());
    }
    for (path, text) in folder.everything() {
        assert!(!secret(&text), "{}", path.display());
    }
}

#[test]
fn an_address_to_replace_must_be_one() {
    let folder = Folder::with(BASE);
    check(
        "plan_replace_bad",
        &folder.infra("plan --replace terraform_data").exits(1).transcript(),
    );
    folder.ok("apply --yes");
    check(
        "plan_replace_unknown",
        &folder
            .infra("plan --replace terraform_data.greting")
            .succeeds()
            .transcript(),
    );
}

const CHAIN: &str = r#"
resource terraform_data a { input = "a" }
resource terraform_data b { input = terraform_data.a.output }
resource terraform_data c { input = terraform_data.b.output }
resource terraform_data other { input = "o" }
output b { value = terraform_data.b.output }
output mixed { value = "${terraform_data.a.input}-${terraform_data.other.input}" }
"#;

#[test]
fn a_target_is_planned_with_what_it_needs() {
    let folder = Folder::with(CHAIN);
    check(
        "plan_target",
        &folder.infra("plan -target=terraform_data.b").succeeds().transcript(),
    );
    folder.ok("apply --yes --target terraform_data.b");
    let state: Value = serde_json::from_str(&folder.ok("show --json")).expect("JSON");
    let resources = state["values"]["root_module"]["resources"].as_array().expect("a list");
    let addresses: Vec<&str> = resources.iter().filter_map(|r| r["address"].as_str()).collect();
    assert_eq!(addresses, ["terraform_data.a", "terraform_data.b"]);
    assert_eq!(state["values"]["outputs"].as_object().expect("a map").len(), 1);
}

#[test]
fn what_is_excluded_is_left_alone_with_what_needs_it() {
    let folder = Folder::with(CHAIN);
    let plan = folder.ok("plan --json --exclude terraform_data.b");
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let changes = plan["resource_changes"].as_array().expect("a list");
    let addresses: Vec<&str> = changes.iter().filter_map(|c| c["address"].as_str()).collect();
    assert_eq!(addresses, ["terraform_data.a", "terraform_data.other"]);
    folder.ok("apply --yes");
    folder.ok("destroy --yes --exclude terraform_data.b");
    assert_eq!(folder.ok("state list"), "terraform_data.a\nterraform_data.b\n");
}

#[test]
fn a_saved_plan_keeps_its_targets() {
    let folder = Folder::with(CHAIN);
    folder.ok("plan --out one.plan --target terraform_data.a");
    folder.ok("apply one.plan");
    assert_eq!(folder.ok("state list"), "terraform_data.a\n");
}

#[test]
fn targets_that_cannot_be_are_refused() {
    let folder = Folder::with(CHAIN);
    folder.infra("plan --target terraform_data").exits(1);
    folder.infra("plan --target terraform_data.a.input").exits(1);
    folder
        .infra("plan --target terraform_data.a --exclude terraform_data.b")
        .exits(64);
    let nothing = folder.ok("plan --json --target terraform_data.zzz");
    let nothing: Value = serde_json::from_str(&nothing).expect("JSON");
    assert_eq!(nothing["resource_changes"], json!([]));
}
