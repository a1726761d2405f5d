//! What blocks mean, over the fake cloud: ephemeral values, checks, imports, types, repetition.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_engine::config::static_names;
use infra_engine::eval::NoHost;
use infra_engine::eval::static_eval::state_location;
use infra_engine::plan::file::SavedPlan;
use infra_engine::plan::{CheckStatus, Plan, PlanOptions};
use infra_engine::project::{Project, Rejected};
use infra_provider_core::CoreProviders;
use infra_provider_fake::{FakeCloud, FakeProvider};
use infra_providers::Registry;
use infra_syntax::{Diagnostics, Severity};
use infra_testutils::{Bench, MemoryLoader};
use infra_types::{Marks, Str, Value, json};

/// A configuration: its files by name, and values of variables.
struct Case {
    bench: Bench,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Case {
        let mut bench = Bench::new();
        bench.loader = files
            .iter()
            .map(|(name, text)| (*name, *text))
            .collect::<MemoryLoader>();
        Case { bench }
    }

    fn var(mut self, name: &str, value: impl Into<Value>) -> Case {
        self.bench.variables.insert(name.into(), value.into());
        self
    }

    /// Reads the configuration, with the providers of the bench.
    fn load(&self) -> Result<Project, Diagnostics> {
        let mut registry = Registry::new();
        for provider in CoreProviders::default().providers() {
            registry.add(provider);
        }
        registry.add(Arc::new(FakeProvider::new(&FakeCloud::new())));
        Project::load(&self.bench.loader, ".", &registry, &NoHost).map_err(|Rejected { diagnostics, .. }| diagnostics)
    }

    async fn plan(&mut self) -> Result<Plan, Diagnostics> {
        self.load()?;
        self.bench.plan().await
    }

    /// Returns the codes of the errors that stop a plan.
    async fn errors(&mut self) -> Vec<&'static str> {
        match self.plan().await {
            Ok(_) => Vec::new(),
            Err(found) => found.iter().filter(|d| d.is_error()).map(|d| d.code).collect(),
        }
    }

    /// Applies, and returns the outputs as JSON.
    async fn outputs(&mut self) -> BTreeMap<Str, String> {
        let outcome = self.bench.apply_ok().await;
        let text = |v: &Value| json::to_json(&v.unmark_deep()).to_string();
        let outputs = outcome.state.outputs.iter();
        outputs.map(|(name, o)| (name.clone(), text(&o.value))).collect()
    }

    /// Applies, and checks one output.
    async fn gives(&mut self, output: &str, expect: &str) {
        let outputs = self.outputs().await;
        assert_eq!(outputs[output], expect);
    }
}

fn main_file(text: &str) -> Case {
    Case::new(&[("main.infra", text)])
}

const TOKEN: &str = "
variable token {
  type      = string
  ephemeral = true
}
";

async fn with_token(text: &str) -> Vec<&'static str> {
    main_file(&format!("{TOKEN}{text}"))
        .var("token", "t0ken")
        .errors()
        .await
}

#[tokio::test]
async fn ephemeral_values_are_not_stored() {
    let refused = "infra::config::ephemeral_argument";
    for text in [
        "resource fake_thing a { name = var.token }",
        "resource fake_thing a { name = \"x-${var.token}\" }",
        "locals { t = { a = var.token } }\nresource fake_thing a {\n  name = \"a\"\n  tags = local.t\n}",
        "resource fake_thing a {\n  name = \"a\"\n  part { name = var.token }\n}",
        "resource fake_thing a {\n  name = \"a\"\n  dynamic part {\n    for_each = [var.token]\n    content { name = \"b\" }\n  }\n}",
        "data fake_lookup a { name = var.token }",
        "resource fake_thing a { name = tostring(terraform.applying) }",
    ] {
        assert_eq!(with_token(text).await, [refused], "{text}");
    }
    for text in [
        "output o { value = var.token }",
        "output o { value = [1, { a = upper(var.token) }] }",
        "output o { value = true ? \"a\" : var.token }",
    ] {
        assert_eq!(with_token(text).await, ["infra::eval::ephemeral_output"], "{text}");
    }
    assert_eq!(
        with_token("output o {\n  value     = var.token\n  ephemeral = true\n}").await,
        ["infra::config::ephemeral_output"]
    );
}

#[tokio::test]
async fn ephemeral_values_do_not_say_what_there_is() {
    for text in [
        "resource fake_thing a {\n  count = length(var.token)\n  name  = \"a\"\n}",
        "resource fake_thing a {\n  for_each = toset([var.token])\n  name     = each.key\n}",
        "resource fake_thing a {\n  for_each = { (var.token) = 1 }\n  name     = each.key\n}",
        "resource fake_thing a {\n  enabled = var.token == \"x\"\n  name    = \"a\"\n}",
        "resource fake_thing a {\n  name = \"a\"\n  lifecycle { prevent_destroy = var.token == \"x\" }\n}",
    ] {
        assert_eq!(with_token(text).await, ["infra::eval::ephemeral_repetition"], "{text}");
    }
    // The keys of this map are not ephemeral.
    assert!(
        with_token("resource fake_thing a {\n  for_each = { a = var.token }\n  name     = each.key\n}")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn ephemeral_values_go_through_modules_that_say_so() {
    let module = |input: &str, output: &str| {
        let inner = format!(
            "variable t {{\n  type = string\n{input}\n}}\noutput t {{\n  value = \"x-${{var.t}}\"\n{output}\n}}"
        );
        let mut case = Case::new(&[
            (
                "main.infra",
                "variable token {
  type      = string
  ephemeral = true
}
module m {
  source = \"./m\"
  t      = var.token
}
output null { value = ephemeralasnull(module.m.t) }
output whole { value = ephemeralasnull(module.m) }
",
            ),
            ("m/main.infra", inner.as_str()),
        ])
        .var("token", "t");
        async move { (case.errors().await, case) }
    };
    let yes = "  ephemeral = true";
    assert_eq!(module("", yes).await.0, ["infra::eval::ephemeral_argument"]);
    assert_eq!(module(yes, "").await.0, ["infra::eval::ephemeral_output"]);
    let (errors, mut case) = module(yes, yes).await;
    assert!(errors.is_empty(), "{errors:?}");
    let outputs = case.outputs().await;
    assert!(!outputs.contains_key("null"), "{outputs:?}");
    assert_eq!(outputs["whole"], "{\"t\":null}");
}

#[tokio::test]
async fn ephemeral_values_serve_conditions_and_locals() {
    let mut case = main_file(&format!(
        "{TOKEN}
locals {{ both = {{ secret = var.token, plain = \"p\" }} }}
resource fake_thing a {{
  name = local.both.plain
  lifecycle {{
    precondition {{
      condition     = var.token == \"t0ken\"
      error_message = \"no\"
    }}
  }}
}}
output parts {{ value = ephemeralasnull(local.both) }}
"
    ))
    .var("token", "t0ken");
    case.gives("parts", "{\"plain\":\"p\",\"secret\":null}").await;
}

#[tokio::test]
async fn a_saved_plan_holds_no_ephemeral_value() {
    let text = format!(
        "{TOKEN}
resource fake_thing a {{ name = \"a\" }}
check c {{
  assert {{
    condition     = var.token == \"other\"
    error_message = \"it is ${{var.token}}\"
  }}
}}
"
    );
    let mut case = main_file(&text).var("token", "t0ken-of-one-run");
    let plan = case.plan().await.expect("it can be planned");
    let project = case.load().expect("it is right");
    let saved = SavedPlan::new(
        &plan,
        &project.config,
        &PlanOptions::default(),
        String::new(),
        serde_json::Value::Null,
    );
    let bytes = String::from_utf8(saved.to_bytes()).expect("it is text");
    assert!(!bytes.contains("t0ken-of-one-run"), "{bytes}");
    assert_eq!(saved.sensitive_variables, ["token"]);
    assert!(
        plan.checks
            .iter()
            .all(|c| c.messages.iter().all(|m| !m.contains("t0ken")))
    );
    // Another value gives the same plan.
    let mut other = main_file(&text).var("token", "x");
    let again = other.plan().await.expect("it can be planned");
    assert_eq!(
        infra_engine::plan::digest::digest(&plan),
        infra_engine::plan::digest::digest(&again)
    );
    case.bench.apply_ok().await;
    for (_, instance) in case.bench.state().instances.iter() {
        let object = instance.current.as_ref().expect("it is there");
        assert!(!object.attributes.deep_marks().contains(Marks::EPHEMERAL));
    }
}

#[tokio::test]
async fn a_check_is_asked_again_when_its_values_are_known() {
    let mut case = main_file(
        "
locals { never = false }
resource fake_thing a { name = \"a\" }
check several {
  assert {
    condition     = fake_thing.a.id == \"\"
    error_message = \"id ${fake_thing.a.id == null}\"
  }
  assert {
    condition     = local.never
    error_message = \"never\"
  }
}
check fine {
  assert {
    condition     = fake_thing.a.id != \"\"
    error_message = \"no id\"
  }
}
",
    );
    let plan = case.plan().await.expect("a check stops nothing");
    assert_eq!(messages(&plan.warnings), ["check.several: never"]);
    let outcome = case.bench.apply_ok().await;
    // What was said when planning is not said again.
    assert_eq!(messages(&outcome.diagnostics), ["check.several: id false"]);
    let status = |name: &str| outcome.checks.iter().find(|c| c.object == name).map(|c| c.status);
    assert_eq!(status("check.several"), Some(CheckStatus::Fail));
    assert_eq!(status("check.fine"), Some(CheckStatus::Pass));
}

#[tokio::test]
async fn a_check_reads_its_data_source_when_it_can() {
    let mut case = main_file(
        "
resource fake_thing a {
  name = \"a\"
  size = 3
}
check found {
  data fake_lookup it { name = \"${fake_thing.a.id == \"\" ? \"\" : \"a\"}\" }
  assert {
    condition     = data.fake_lookup.it.size == 4
    error_message = \"the size is ${data.fake_lookup.it.size}\"
  }
}
",
    );
    let outcome = case.bench.apply_ok().await;
    assert_eq!(messages(&outcome.diagnostics), ["check.found: the size is 3"]);
    let plan = case.plan().await.expect("a check stops nothing");
    assert_eq!(messages(&plan.warnings), ["check.found: the size is 3"]);
}

fn messages(found: &Diagnostics) -> Vec<String> {
    assert!(found.iter().all(|d| d.severity == Severity::Warning), "{found:?}");
    found.iter().map(|d| d.message.clone()).collect()
}

#[tokio::test]
async fn imports_go_through_lists_maps_and_sets() {
    let imports = |for_each: &str, key: &str| {
        format!(
            "
variable ids {{ type = list(string) }}
import {{
  for_each = {for_each}
  to       = module.m[\"x\"].fake_thing.b[each.key]
  id       = each.value
}}
module m {{
  source   = \"./m\"
  for_each = [\"x\"]
  keys     = {key}
}}
"
        )
    };
    for (for_each, keys, addresses) in [
        (
            "[var.ids[0], var.ids[1]]",
            "toset([])",
            ["module.m[\"x\"].fake_thing.b[0]", "module.m[\"x\"].fake_thing.b[1]"],
        ),
        (
            "{ p = var.ids[0], q = var.ids[1] }",
            "toset([\"p\", \"q\"])",
            [
                "module.m[\"x\"].fake_thing.b[\"p\"]",
                "module.m[\"x\"].fake_thing.b[\"q\"]",
            ],
        ),
    ] {
        let repetition = match keys {
            "toset([])" => "count = 2",
            _ => "for_each = var.keys",
        };
        let inner = format!(
            "variable keys {{ type = set(string) }}\nresource fake_thing b {{\n  {repetition}\n  name = \"a\"\n}}"
        );
        let main = imports(for_each, keys);
        let case = Case::new(&[("main.infra", main.as_str()), ("m/main.infra", inner.as_str())]);
        let ids = [0, 1].map(|_| case.bench.cloud.insert("fake_thing", &[("name", "a".into())]));
        let mut case = case.var("ids", Value::strings(ids));
        let plan = case.plan().await.expect("it can be planned");
        let imported: Vec<String> = plan
            .changes
            .iter()
            .filter(|c| c.importing.is_some())
            .map(|c| c.addr.to_string())
            .collect();
        assert_eq!(imported, addresses);
    }
}

#[tokio::test]
async fn nested_dynamic_blocks_have_iterators_of_their_own() {
    let mut case = main_file(
        "
type label = string where length(self) < 9
function mark(text: label, n: number): label = \"${text}-${n}\"
resource fake_thing a {
  name = \"a\"
  dynamic part {
    for_each = { x = 1, y = 2 }
    iterator = outer
    content {
      name  = mark(outer.key, outer.value)
      value = join(\",\", [for part in [outer.value] : part * 10])
    }
  }
  dynamic part {
    for_each = toset([\"s\"])
    content { name = \"${part.key}${part.value}\" }
  }
}
output parts { value = [for p in fake_thing.a.part : \"${p.name}=${coalesce(p.value, \"none\")}\"] }
",
    );
    case.gives("parts", "[\"x-1=10\",\"y-2=20\",\"ss=none\"]").await;
}

#[tokio::test]
async fn switched_off_is_null_and_an_empty_list() {
    let text = |on: &str| {
        format!(
            "
resource fake_unique a {{
  enabled = {on}
  name    = \"a\"
}}
module m {{
  source  = \"./m\"
  enabled = {on}
}}
output seen {{ value = [fake_unique.a == null, length(fake_unique.a[*].id), module.m == null, module.m[*].v] }}
"
        )
    };
    let case = |on: &str| {
        Case::new(&[
            ("main.infra", text(on).as_str()),
            ("m/main.infra", "output v { value = 1 }"),
        ])
    };
    case("true").gives("seen", "[false,1,false,[1]]").await;
    case("false").gives("seen", "[true,0,true,[]]").await;
    for (wrong, code) in [
        ("\"yes\"", "infra::eval::invalid_flag"),
        ("null", "infra::eval::invalid_flag"),
    ] {
        let errors = case(wrong).errors().await;
        assert!(errors.iter().all(|e| *e == code) && !errors.is_empty(), "{errors:?}");
    }
}

#[tokio::test]
async fn null_stands_for_the_default_where_it_is_not_a_value() {
    let mut case = Case::new(&[
        (
            "main.infra",
            "
module m {
  source  = \"./m\"
  never   = null
  maybe   = null
  nested  = { list = [{}, { n = 2 }, { n = null }], map = { a = {} } }
  unified = [1, \"a\", true]
}
output all { value = module.m.all }
",
        ),
        (
            "m/main.infra",
            "
variable never {
  type     = object({ a = optional(string, \"x\"), b = optional(number) })
  default  = {}
  nullable = false
}
variable maybe {
  type    = object({ a = optional(string, \"x\") })
  default = {}
}
variable nested {
  type = object({
    list  = list(object({ n = optional(number, 1) }))
    map   = map(object({ n = optional(number, 3) }))
    tuple = optional(tuple([object({ n = optional(number, 4) })]), [{}])
  })
}
variable unified { type = list(any) }
output all { value = [var.never, var.maybe, var.nested, var.unified] }
",
        ),
    ]);
    case.gives(
        "all",
        "[{\"a\":\"x\",\"b\":null},null,{\"list\":[{\"n\":1},{\"n\":2},{\"n\":1}],\"map\":{\"a\":{\"n\":3}},\"tuple\":[{\"n\":4}]},[\"1\",\"a\",\"true\"]]",
    )
    .await;
}

#[tokio::test]
async fn a_validation_is_asked_again_when_its_value_is_known() {
    let mut case = Case::new(&[
        (
            "main.infra",
            "
resource fake_thing a { name = \"a\" }
module m {
  source = \"./m\"
  id     = fake_thing.a.id
}
resource fake_thing apart { name = \"apart\" }
",
        ),
        (
            "m/main.infra",
            "
variable id {
  type = string
  validation {
    condition     = length(var.id) > 1000
    error_message = \"`${var.id != \"\"}` is too short.\"
  }
}
resource fake_thing b { name = var.id }
",
        ),
    ]);
    let plan = case.plan().await.expect("it is not known yet");
    assert_eq!(plan.checks[0].status, CheckStatus::Unknown);
    let outcome = case.bench.apply().await.expect("it can be planned");
    let errors: Vec<&str> = outcome.diagnostics.iter().map(|d| &*d.message).collect();
    assert_eq!(errors, ["module.m.var.id: `true` is too short."]);
    assert_eq!(outcome.checks[0].status, CheckStatus::Fail);
    assert_eq!(case.bench.addresses(), ["fake_thing.a", "fake_thing.apart"]);
}

/// Returns the path of the state, or the codes of what is wrong with it.
fn state_path(main: &str, environment: &str) -> Result<Option<String>, Vec<&'static str>> {
    let case = main_file(&format!("variable environment {{ type = string }}\n{main}"));
    let codes = |found: Diagnostics| -> Vec<&'static str> { found.iter().map(|d| d.code).collect() };
    let project = case.load().map_err(codes)?;
    let variables = BTreeMap::from([("environment".into(), environment.into())]);
    let found = state_location(&project.config, &Registry::new(), &NoHost, &variables).map_err(codes)?;
    Ok(found.map(|location| {
        assert_eq!(&*location.kind.name, "local");
        location.arguments.get_str("path").expect("it is known").to_owned()
    }))
}

#[test]
fn where_the_state_is_comes_from_variables() {
    let state = |path: &str| format!("infra {{\n  state local {{ path = {path} }}\n}}\n");
    let path = |path: &str, more: &str| state_path(&format!("{}{more}", state(path)), "Live");
    assert_eq!(state_path("", "Live"), Ok(None));
    let given = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(path("\"a.json\"", ""), given("a.json"));
    assert_eq!(path("\"${lower(var.environment)}.json\"", ""), given("live.json"));
    let locals = "locals {\n  a = { b = local.c }\n  c = short(var.environment)\n}\n";
    let function = "function short(text: string): string = substr(text, 0, 2)\n";
    assert_eq!(path("local.a.b", &format!("{locals}{function}")), given("Li"));
    let thing = "resource fake_thing a { name = \"a\" }\nlocals {\n  d = local.e\n  e = fake_thing.a.id\n}\n";
    for wrong in ["fake_thing.a.id", "local.d", "\"${local.e}.json\""] {
        assert_eq!(
            path(wrong, thing),
            Err(vec!["infra::config::state_not_static"]),
            "{wrong}"
        );
    }
    for changing in ["timestamp()", "uuid()", "plantimestamp()"] {
        assert_eq!(
            path(changing, ""),
            Err(vec!["infra::config::state_unknown"]),
            "{changing}"
        );
    }
    assert_eq!(
        path("sensitive(var.environment)", ""),
        Err(vec!["infra::config::state_sensitive"])
    );
    assert_eq!(path("nonsensitive(sensitive(var.environment))", ""), given("Live"));
}

#[test]
fn only_the_variables_that_say_where_the_state_is_are_needed() {
    let case = main_file(
        "
variable a {}
variable b {}
variable c {}
locals {
  x = local.y
  y = [var.b, var.b]
  z = var.c
}
infra {
  state local { path = \"${var.a}${local.x[0]}\" }
}
",
    );
    let project = case.load().expect("it is right");
    let settings = project.config.settings.state.as_ref().expect("it is there");
    let needed = static_names(project.config.root(), &settings.body);
    assert!(needed.problems.is_empty());
    assert_eq!(needed.variables.iter().map(|v| &**v).collect::<Vec<_>>(), ["a", "b"]);
}
