//! The configuration in Terraform's JSON output format: what is declared, and
//! what each expression is or mentions.
//!
//! Nothing is evaluated but what is constant. Constants at places that are
//! declared as sensitive are left out.

use std::collections::BTreeSet;

use infra_engine::config::references::{Step, Traversal, Visitor, walk_expr};
use infra_engine::config::{Config, Module, ModuleCall, ModuleId, ProviderKey, Reference, Repetition, Resource};
use infra_engine::eval::{Host, NoHost, Resolved, Scope, eval};
use infra_providers::Registry;
use infra_providers::schema::{Block, Nesting};
use infra_syntax::ast::{Body, Call, Expr, ExprKind, Ident};
use infra_syntax::{Diagnostic, Span};
use infra_types::json::to_json;
use serde_json::{Map, Value as Json, json};

use super::{mode, provider_name, shown};

/// Returns the whole configuration.
pub(super) fn render(config: &Config, registry: &Registry) -> Json {
    let view = View {
        config,
        registry,
        used: used_providers(config),
    };
    let mut out = Map::new();
    let providers = view.providers();
    if !providers.is_empty() {
        out.insert("provider_config".into(), providers.into());
    }
    out.insert("root_module".into(), view.module(config.root()));
    Json::Object(out)
}

struct View<'a> {
    config: &'a Config,
    registry: &'a Registry,
    /// Which module has resources of which provider.
    used: BTreeSet<(ModuleId, &'a ProviderKey)>,
}

fn used_providers(config: &Config) -> BTreeSet<(ModuleId, &ProviderKey)> {
    let modules = config.modules.iter();
    modules
        .flat_map(|m| m.resources.values().map(move |r| (m.id, &r.provider)))
        .collect()
}

impl View<'_> {
    /// Returns the provider configurations: those that are written, and those that are only used.
    fn providers(&self) -> Map<String, Json> {
        let written = self
            .config
            .modules
            .iter()
            .flat_map(|m| m.providers.keys().map(|key| (m.id, key)));
        let mut out = Map::new();
        for (id, key) in written.chain(self.used.iter().copied()) {
            let module = self.config.module(id);
            let name = provider_key(module, key);
            if out.contains_key(&name) || self.provider_key(module, key) != name {
                continue;
            }
            let mut entry = Map::new();
            entry.insert("name".into(), (*key.name).into());
            entry.insert("full_name".into(), provider_name(&key.name).into());
            if let Some(alias) = &key.alias {
                entry.insert("alias".into(), (**alias).into());
            }
            if !module.path.is_root() {
                entry.insert("module_address".into(), module.path.to_string().into());
            }
            if let (Some(block), Some(provider)) = (module.providers.get(key), self.registry.get(&key.name)) {
                let expressions = body(&block.body, &provider.config_schema().block);
                if !expressions.is_empty() {
                    entry.insert("expressions".into(), expressions.into());
                }
            }
            out.insert(name, entry.into());
        }
        out.sort_keys();
        out
    }

    /// Returns the name of the configuration that a module's provider has: its own or a caller's.
    fn provider_key(&self, module: &Module, key: &ProviderKey) -> String {
        let mut found = provider_key(module, key);
        let (mut at, mut key) = (module, key);
        while !at.providers.contains_key(key) {
            let (Some(parent), Some(name)) = (at.parent, at.path.0.last()) else {
                break;
            };
            at = self.config.module(parent);
            key = at
                .calls
                .get(name)
                .and_then(|call| call.providers.get(key))
                .unwrap_or(key);
            if at.providers.contains_key(key) || self.used.contains(&(at.id, key)) {
                found = provider_key(at, key);
            }
        }
        found
    }

    fn module(&self, module: &Module) -> Json {
        let mut out = Map::new();
        let mut section = |name: &str, entries: Json| {
            let is_empty =
                entries.as_object().is_none_or(Map::is_empty) && entries.as_array().is_none_or(Vec::is_empty);
            if !is_empty {
                out.insert(name.into(), entries);
            }
        };
        section("outputs", self.outputs(module));
        section(
            "resources",
            module.resources.values().map(|r| self.resource(module, r)).collect(),
        );
        let calls = module
            .calls
            .iter()
            .map(|(name, call)| (name.to_string(), self.call(call)));
        section("module_calls", Json::Object(calls.collect()));
        section("variables", variables(module));
        Json::Object(out)
    }

    fn outputs(&self, module: &Module) -> Json {
        let entries = module.outputs.iter().map(|(name, output)| {
            let mut out = Map::new();
            if output.sensitive {
                out.insert("sensitive".into(), true.into());
            }
            if output.ephemeral {
                out.insert("ephemeral".into(), true.into());
            }
            out.insert("expression".into(), expression(&output.value, output.sensitive));
            self.depends_on(&output.depends_on, &mut out);
            if let Some(description) = &output.description {
                out.insert("description".into(), description.as_str().into());
            }
            (name.to_string(), out.into())
        });
        Json::Object(entries.collect())
    }

    fn resource(&self, module: &Module, resource: &Resource) -> Json {
        let key = &resource.key;
        let mut out = Map::new();
        out.insert("address".into(), key.to_string().into());
        out.insert("mode".into(), mode(key.mode).into());
        out.insert("type".into(), (*key.ty).into());
        out.insert("name".into(), (*key.name).into());
        out.insert(
            "provider_config_key".into(),
            self.provider_key(module, &resource.provider).into(),
        );
        if let Some(schema) = self.registry.schema(key.mode, &key.ty) {
            let expressions = body(&resource.body, &schema.block);
            if !expressions.is_empty() {
                out.insert("expressions".into(), expressions.into());
            }
            out.insert("schema_version".into(), schema.version.into());
        }
        repetition(&resource.repetition, &mut out);
        self.depends_on(&resource.depends_on, &mut out);
        Json::Object(out)
    }

    fn call(&self, call: &ModuleCall) -> Json {
        let child = self.config.module(call.child);
        let mut out = Map::new();
        out.insert("source".into(), self.source(call, child).into());
        let expressions: Map<String, Json> = call
            .args
            .iter()
            .map(|(name, argument)| {
                let sensitive = child.variables.get(name).is_some_and(|v| v.sensitive);
                (name.to_string(), expression(&argument.expr, sensitive))
            })
            .collect();
        if !expressions.is_empty() {
            out.insert("expressions".into(), expressions.into());
        }
        repetition(&call.repetition, &mut out);
        out.insert("module".into(), self.module(child));
        self.depends_on(&call.depends_on, &mut out);
        Json::Object(out)
    }

    /// Returns the source of a module as it is written.
    fn source(&self, call: &ModuleCall, child: &Module) -> String {
        let written = call.source_span.map(|span| self.config.sources.text(span).trim());
        let inner = written.and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
        inner.unwrap_or(&child.dir).to_owned()
    }

    fn depends_on(&self, references: &[Reference], out: &mut Map<String, Json>) {
        if !references.is_empty() {
            let texts = references.iter().map(|r| Json::from(self.config.sources.text(r.span)));
            out.insert("depends_on".into(), texts.collect());
        }
    }
}

/// Returns the name of a provider configuration in a module.
fn provider_key(module: &Module, key: &ProviderKey) -> String {
    if module.path.is_root() {
        key.to_string()
    } else {
        format!("{}:{key}", module.path)
    }
}

fn variables(module: &Module) -> Json {
    let entries = module.variables.iter().map(|(name, variable)| {
        let mut out = Map::new();
        if let Some(default) = &variable.default
            && !variable.sensitive
        {
            out.insert("default".into(), shown(default));
        }
        if let Some(description) = &variable.description {
            out.insert("description".into(), description.as_str().into());
        }
        if variable.sensitive {
            out.insert("sensitive".into(), true.into());
        }
        if variable.ephemeral {
            out.insert("ephemeral".into(), true.into());
        }
        (name.to_string(), out.into())
    });
    Json::Object(entries.collect())
}

fn repetition(repetition: &Repetition, out: &mut Map<String, Json>) {
    let (name, expr) = match repetition {
        Repetition::Single => return,
        Repetition::Count(expr) => ("count_expression", expr),
        Repetition::ForEach(expr) => ("for_each_expression", expr),
    };
    let found = expression(expr, false);
    if found.as_object().is_some_and(|found| !found.is_empty()) {
        out.insert(name.into(), found);
    }
}

/// Returns the expressions of a body, in the form of its schema.
fn body(body: &Body, schema: &Block) -> Map<String, Json> {
    let mut out = Map::new();
    for attribute in &body.attributes {
        let name = &*attribute.name.name;
        let sensitive = schema.attributes.get(name).is_some_and(|a| a.sensitive);
        out.insert(name.to_owned(), expression(&attribute.expr, sensitive));
    }
    for block in &body.blocks {
        let name = &*block.kind.name;
        let Some(nested) = schema.blocks.get(name) else {
            continue;
        };
        let inner = Json::Object(self::body(&block.body, &nested.block));
        if nested.nesting == Nesting::Single {
            out.insert(name.to_owned(), inner);
        } else if let Json::Array(list) = out.entry(name).or_insert_with(|| json!([])) {
            list.push(inner);
        }
    }
    out
}

/// Returns what an expression mentions; its value if it mentions nothing.
fn expression(expr: &Expr, sensitive: bool) -> Json {
    let mut found = Found::default();
    walk_expr(expr, &mut found);
    if !found.references.is_empty() {
        return json!({"references": found.references});
    }
    if found.calls || sensitive {
        return json!({});
    }
    match eval(expr, &Nothing) {
        Ok(value) if value.is_wholly_known() => json!({"constant_value": to_json(&value)}),
        _ => json!({}),
    }
}

/// Collects references as Terraform lists them: each with all that it is a part of.
#[derive(Default)]
struct Found {
    references: Vec<String>,
    calls: bool,
}

impl<'a> Visitor<'a> for Found {
    fn traversal(&mut self, traversal: Traversal<'a>) {
        let mut prefixes = vec![traversal.root.name.to_string()];
        for step in &traversal.steps {
            let Some(text) = step_text(step) else { break };
            let last = prefixes.last().map_or("", String::as_str);
            prefixes.push(format!("{last}{text}"));
        }
        let least = least(&traversal).min(prefixes.len() - 1);
        self.references.extend(prefixes.drain(least..).rev());
    }

    fn call(&mut self, _: &'a Call, _: Span) {
        self.calls = true;
    }
}

/// Returns how many steps the shortest reference has that names something.
fn least(traversal: &Traversal<'_>) -> usize {
    match (&*traversal.root.name, traversal.steps.as_slice()) {
        ("self", _) => 0,
        ("data" | "resource", _) => 2,
        ("module", [_, Step::Index(_), Step::Attr(_), ..]) => 2,
        _ => 1,
    }
}

/// Returns a step as it is written; nothing if it is not fixed.
fn step_text(step: &Step<'_>) -> Option<String> {
    match step {
        Step::Attr(name) => Some(format!(".{}", name.name)),
        Step::Index(key) => match &key.kind {
            ExprKind::Number(text) => Some(format!("[{text}]")),
            ExprKind::String(text) => Some(format!("[{}]", infra_types::address::quote(text))),
            _ => None,
        },
        Step::Splat(_) => None,
    }
}

/// A scope without names.
struct Nothing;

impl Scope for Nothing {
    fn resolve(&self, root: &Ident, _: &[&Ident], _: Span) -> Result<Resolved, Diagnostic> {
        Err(Diagnostic::error(
            "infra::eval::unknown_name",
            format!("`{}` has no value here", root.name),
        ))
    }

    fn host(&self) -> &dyn Host {
        &NoHost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::FileLoader;
    use crate::providers;

    fn check(files: &[(&str, &str)]) -> Json {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
            std::fs::write(path, text).expect("it can be written");
        }
        let registry = providers::registry();
        let (config, _, errors) = infra_engine::config::load(&FileLoader, &folder.path().to_string_lossy(), &registry);
        assert!(!errors.has_errors(), "{errors:?}");
        render(&config.expect("it can be read"), &registry)
    }

    /// The results are those of Terraform 1.11.
    #[test]
    fn expressions_as_terraform_lists_them() {
        let out = check(&[(
            "main.infra",
            r#"
variable "o" { default = { a = "x", b = [1] } }
variable "n" { default = 2 }
locals { l = { k = [1, 2] } }
resource "terraform_data" "a" {
  count = var.n
  input = "x-${count.index}-${var.o.b[0]}"
}
resource "terraform_data" "b" {
  for_each = { p = 1 }
  input = { t = terraform_data.a[0].output, u = terraform_data.a[*].id, v = each.value,
    w = local.l.k[1], x = path.module, z = var.o["a"] }
  triggers_replace = null
  depends_on = [terraform_data.a[0]]
}
output "y" { value = 1 + 2 }
output "z3" { value = terraform_data.b[var.o.a].output }
output "z4" { value = values(terraform_data.b)[0].output }
output "z5" { value = upper("x") }
output "z6" {
  value     = "secret"
  sensitive = true
}
"#,
        )]);
        let root = &out["root_module"];
        let resources = &root["resources"];
        assert_eq!(resources[0]["count_expression"], json!({"references": ["var.n"]}));
        assert_eq!(
            resources[0]["expressions"]["input"],
            json!({"references": ["count.index", "var.o.b[0]", "var.o.b", "var.o"]})
        );
        assert_eq!(resources[1]["for_each_expression"], json!({"constant_value": {"p": 1}}));
        assert_eq!(
            resources[1]["expressions"]["input"]["references"],
            json!([
                "terraform_data.a[0].output",
                "terraform_data.a[0]",
                "terraform_data.a",
                "terraform_data.a",
                "each.value",
                "local.l.k[1]",
                "local.l.k",
                "local.l",
                "path.module",
                "var.o[\"a\"]",
                "var.o"
            ])
        );
        assert_eq!(
            resources[1]["expressions"]["triggers_replace"],
            json!({"constant_value": null})
        );
        assert_eq!(resources[1]["depends_on"], json!(["terraform_data.a[0]"]));
        assert_eq!(resources[1]["schema_version"], json!(0));
        let outputs = &root["outputs"];
        assert_eq!(outputs["y"]["expression"], json!({"constant_value": 3}));
        assert_eq!(
            outputs["z3"]["expression"],
            json!({"references": ["terraform_data.b", "var.o.a", "var.o"]})
        );
        assert_eq!(outputs["z4"]["expression"], json!({"references": ["terraform_data.b"]}));
        assert_eq!(outputs["z5"]["expression"], json!({}));
        assert_eq!(outputs["z6"], json!({"sensitive": true, "expression": {}}));
        assert_eq!(
            out["provider_config"],
            json!({"terraform": {"name": "terraform", "full_name": "terraform.io/builtin/terraform"}})
        );
    }

    #[test]
    fn modules_and_whose_provider_they_use() {
        let child = "variable \"v\" {}\nresource terraform_data x {}\n";
        let out = check(&[
            (
                "main.infra",
                r#"
provider "aws" {
  region     = "eu-central-1"
  secret_key = "hunter2"
}
module "c" {
  source = "./c"
  v      = 1
}
"#,
            ),
            (
                "c/main.infra",
                "variable \"v\" {}\nmodule \"d\" {\n  source = \"../d\"\n  v = var.v\n}\nresource aws_vpc v { cidr_block = \"10.0.0.0/16\" }\n",
            ),
            ("d/main.infra", child),
        ]);
        let call = &out["root_module"]["module_calls"]["c"];
        assert_eq!(call["source"], json!("./c"));
        assert_eq!(call["expressions"], json!({"v": {"constant_value": 1}}));
        assert_eq!(call["module"]["resources"][0]["provider_config_key"], json!("aws"));
        let inner = &call["module"]["module_calls"]["d"];
        assert_eq!(inner["source"], json!("../d"));
        assert_eq!(inner["expressions"], json!({"v": {"references": ["var.v"]}}));
        assert_eq!(
            inner["module"]["resources"][0]["provider_config_key"],
            json!("module.c.module.d:terraform")
        );
        let names: Vec<&String> = out["provider_config"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .collect();
        assert_eq!(names, ["aws", "module.c.module.d:terraform"]);
        assert_eq!(
            out["provider_config"]["aws"]["expressions"],
            json!({"region": {"constant_value": "eu-central-1"}, "secret_key": {}})
        );
    }
}
