//! How conditions stand, in Terraform's JSON output format: one entry for each
//! thing that is declared, with its instances.

use std::collections::BTreeMap;

use infra_engine::plan::{CheckResult, CheckStatus};
use infra_types::{InstanceAddr, Mode};
use serde_json::{Map, Value as Json, json};

/// Returns all checks, by what they are declared on.
pub(super) fn render(checks: &[CheckResult]) -> Json {
    let mut declared: BTreeMap<&str, Vec<&CheckResult>> = BTreeMap::new();
    for check in checks {
        declared.entry(&check.declared).or_default().push(check);
    }
    declared.into_values().map(|instances| object(&instances)).collect()
}

fn object(instances: &[&CheckResult]) -> Json {
    let Some(first) = instances.first() else {
        return Json::Null;
    };
    let status = instances.iter().map(|c| c.status).max().unwrap_or(CheckStatus::Pass);
    let mut sorted = instances.to_vec();
    sorted.sort_by(|a, b| a.object.cmp(&b.object));
    let sorted: Vec<Json> = sorted.into_iter().map(instance).collect();
    json!({"address": address(first), "status": word(status), "instances": sorted})
}

fn word(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Fail => "fail",
        CheckStatus::Unknown => "unknown",
        CheckStatus::Error => "error",
    }
}

/// Returns the address of what is declared.
fn address(check: &CheckResult) -> Json {
    let mut out = Map::new();
    out.insert("kind".into(), check.kind.into());
    let (module, rest) = match resource(check) {
        Some(addr) => {
            let mode = match addr.resource.mode {
                Mode::Managed => "managed",
                Mode::Data => "data",
            };
            out.insert("mode".into(), mode.into());
            out.insert("type".into(), (*addr.resource.ty).into());
            out.insert("name".into(), (*addr.resource.name).into());
            let prefix = if addr.resource.mode == Mode::Data { "data." } else { "" };
            let local = format!("{prefix}{}.{}", addr.resource.ty, addr.resource.name);
            (module_before(&check.declared, &local), None)
        }
        None => {
            let (module, name) = named(&check.declared);
            (module, Some(name))
        }
    };
    if let Some(name) = rest {
        out.insert("name".into(), name.into());
    }
    if let Some(module) = module {
        out.insert("module".into(), module.into());
    }
    out.insert("to_display".into(), check.declared.as_str().into());
    Json::Object(out)
}

fn instance(check: &CheckResult) -> Json {
    let mut address = Map::new();
    let module = match resource(check) {
        Some(addr) => {
            if let Some(key) = super::key(&addr.key) {
                address.insert("instance_key".into(), key);
            }
            let module = &addr.resource.module;
            (!module.is_root()).then(|| module.to_string())
        }
        None => named(&check.object).0.map(str::to_owned),
    };
    if let Some(module) = module {
        address.insert("module".into(), module.into());
    }
    address.insert("to_display".into(), check.object.as_str().into());
    let mut out = json!({"address": address, "status": word(check.status)});
    if !check.messages.is_empty() {
        let mut messages = check.messages.clone();
        messages.sort();
        out["problems"] = messages.iter().map(|m| json!({"message": m})).collect();
    }
    out
}

fn resource(check: &CheckResult) -> Option<InstanceAddr> {
    if check.kind == "resource" {
        check.object.parse().ok()
    } else {
        None
    }
}

/// Divides `module.m.var.x` into its module and the name.
fn named(object: &str) -> (Option<&str>, &str) {
    let Some((head, name)) = object.rsplit_once('.') else {
        return (None, object);
    };
    (head.rsplit_once('.').map(|(module, _)| module), name)
}

fn module_before<'a>(address: &'a str, local: &str) -> Option<&'a str> {
    address.strip_suffix(local)?.strip_suffix('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(object: &str, declared: &str, kind: &'static str, status: CheckStatus) -> CheckResult {
        CheckResult {
            object: object.into(),
            declared: declared.into(),
            kind,
            status,
            messages: Vec::new(),
        }
    }

    /// The results are those of Terraform 1.11.
    #[test]
    fn instances_stand_below_what_is_declared() {
        use CheckStatus::{Fail, Pass, Unknown};
        let mut failed = check("check.c", "check.c", "check", Fail);
        failed.messages = vec!["not three".into(), "not four".into()];
        let found = render(&[
            check("var.n", "var.n", "var", Pass),
            check("terraform_data.a[1]", "terraform_data.a", "resource", Pass),
            check("terraform_data.a[0]", "terraform_data.a", "resource", Unknown),
            check("module.m[0].var.v", "module.m.var.v", "var", Pass),
            check(
                "module.m[\"a.b\"].data.t.x[\"k\"]",
                "module.m.data.t.x",
                "resource",
                Pass,
            ),
            failed,
        ]);
        assert_eq!(
            found,
            json!([
                {"address": {"kind": "check", "name": "c", "to_display": "check.c"}, "status": "fail", "instances": [
                    {"address": {"to_display": "check.c"}, "status": "fail",
                     "problems": [{"message": "not four"}, {"message": "not three"}]}]},
                {"address": {"kind": "resource", "mode": "data", "type": "t", "name": "x", "module": "module.m",
                    "to_display": "module.m.data.t.x"}, "status": "pass", "instances": [
                    {"address": {"instance_key": "k", "module": "module.m[\"a.b\"]",
                        "to_display": "module.m[\"a.b\"].data.t.x[\"k\"]"}, "status": "pass"}]},
                {"address": {"kind": "var", "name": "v", "module": "module.m", "to_display": "module.m.var.v"},
                    "status": "pass", "instances": [
                    {"address": {"module": "module.m[0]", "to_display": "module.m[0].var.v"}, "status": "pass"}]},
                {"address": {"kind": "resource", "mode": "managed", "type": "terraform_data", "name": "a",
                    "to_display": "terraform_data.a"}, "status": "unknown", "instances": [
                    {"address": {"instance_key": 0, "to_display": "terraform_data.a[0]"}, "status": "unknown"},
                    {"address": {"instance_key": 1, "to_display": "terraform_data.a[1]"}, "status": "pass"}]},
                {"address": {"kind": "var", "name": "n", "to_display": "var.n"}, "status": "pass", "instances": [
                    {"address": {"to_display": "var.n"}, "status": "pass"}]},
            ])
        );
    }
}
