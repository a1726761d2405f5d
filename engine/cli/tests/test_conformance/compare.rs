//! What was recorded against what the command says.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::{Map, Value as Json};

use super::command::Ran;

/// Attributes of a `terraform_data` that are compared.
const ATTRIBUTES: [&str; 3] = ["input", "output", "triggers_replace"];

/// Says what differs in a step.
pub(crate) fn step(expect: &Json, ran: &Ran, applied: bool) -> Vec<String> {
    let mut found = Differences(ran.problems.clone());
    let fails = expect["error"] == true;
    if fails != ran.error.is_some() {
        let got = ran.error.as_deref().unwrap_or("success");
        found.0.push(format!("expected error: {fails}, got: {got}"));
        return found.0;
    }
    if let Some(plan) = &ran.plan
        && expect["changes"].is_object()
    {
        found.plan(expect, plan);
        found.outputs_of_plan(expect, plan);
        if !fails {
            found.checks(expect, plan, applied);
        }
    }
    if !applied || (fails && expect["phase"] != "apply") {
        return found.0;
    }
    if expect["order"].is_array() {
        found.same("order", &ran.order, &texts(&expect["order"]));
    }
    if expect["outputs"].is_object() {
        found.outputs_of_state(expect, ran);
    }
    if expect["resources"].is_object() {
        found.resources(expect, ran);
    }
    found.0
}

struct Differences(Vec<String>);

impl Differences {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, ours: &T, expected: &T) {
        if ours != expected {
            self.0.push(format!("{what}: {ours:?}\n        expected {expected:?}"));
        }
    }

    fn plan(&mut self, expect: &Json, plan: &Json) {
        let changes: Vec<&Json> = items(&plan["resource_changes"])
            .filter(|change| change.get("deposed").is_none())
            .collect();
        let by_address = |value: &dyn Fn(&Json) -> Json| -> Map<String, Json> {
            let values = changes.iter().map(|c| (address(c), value(c)));
            values.filter(|(_, value)| !value.is_null()).collect()
        };
        self.same(
            "changes",
            &by_address(&|c| action(&c["change"]).into()),
            &object(&expect["changes"]),
        );
        let create_first = |c: &&&Json| c["change"]["actions"] == serde_json::json!(["create", "delete"]);
        let first: Vec<String> = changes.iter().filter(create_first).map(|c| address(c)).collect();
        self.same(
            "create_before_destroy",
            &first,
            &texts(&expect["create_before_destroy"]),
        );
        for (name, ours) in [
            ("previous_address", by_address(&|c| c["previous_address"].clone())),
            ("importing", by_address(&|c| c["change"]["importing"]["id"].clone())),
            ("reasons", by_address(&|c| c["action_reason"].clone())),
        ] {
            self.same(name, &ours, &object(&expect[name]));
        }
        let unknown = by_address(&|c| {
            let unknown = &c["change"]["after_unknown"];
            let known_names = ATTRIBUTES.map(|name| (name.to_owned(), unknown[name].clone()));
            true_places(&Json::Object(known_names.into_iter().collect()))
        });
        self.same("unknown", &unknown, &object(&true_places_of_each(&expect["unknown"])));
        for change in &changes {
            let after = &change["change"]["after"];
            let planned = &expect["planned"][&address(change)];
            if !planned.is_null() && !fits(planned, after, &change["change"]["after_sensitive"]) {
                self.0.push(format!(
                    "planned {}: {after}\n        expected {planned}",
                    address(change)
                ));
            }
        }
        self.planned_values(plan, &changes);
    }

    /// `planned_values` must tell the same as the changes.
    fn planned_values(&mut self, plan: &Json, changes: &[&Json]) {
        let mut ours = BTreeMap::new();
        flatten(&plan["planned_values"]["root_module"], &mut ours);
        let stays =
            |c: &&&Json| !c["change"]["after"].is_null() && c["change"]["actions"] != serde_json::json!(["read"]);
        let planned = changes.iter().filter(stays);
        let planned: BTreeMap<String, Json> = planned.map(|c| (address(c), c["change"]["after"].clone())).collect();
        let ours = ours.into_iter().map(|(addr, r)| (addr, r["values"].clone())).collect();
        self.same("planned_values", &ours, &planned);
    }

    fn outputs_of_plan(&mut self, expect: &Json, plan: &Json) {
        let changes = object(&plan["output_changes"]);
        let words: Map<String, Json> = changes.iter().map(|(n, c)| (n.clone(), action(c).into())).collect();
        self.same("output_changes", &words, &object(&expect["output_changes"]));
        let unknown: Map<String, Json> = changes
            .iter()
            .map(|(name, change)| (name.clone(), true_places(&change["after_unknown"])))
            .filter(|(_, unknown)| !unknown.is_null())
            .collect();
        let expected = object(&true_places_of_each(&expect["unknown_outputs"]));
        self.same("unknown_outputs", &unknown, &expected);
        for (name, expected) in object(&expect["planned_outputs"]) {
            let change = &changes[&name];
            if !fits(&expected, &change["after"], &change["after_sensitive"]) {
                self.0.push(format!(
                    "planned output {name}: {}\n        expected {expected}",
                    change["after"]
                ));
            }
        }
    }

    /// Compares how conditions stand. A plan cannot tell what an apply will find out.
    fn checks(&mut self, expect: &Json, plan: &Json, applied: bool) {
        let found = items(&plan["checks"]).map(|c| (text(&c["address"]["to_display"]), c["status"].clone()));
        let mut found: Map<String, Json> = found.collect();
        let expected = object(&expect["checks"]);
        for (object, status) in &mut found {
            if applied && *status == "unknown" && expected.contains_key(object) {
                *status = expected[object].clone();
            }
        }
        self.same("checks", &found, &expected);
    }

    fn outputs_of_state(&mut self, expect: &Json, ran: &Ran) {
        let outputs = object(&ran.outputs);
        let not_null = || outputs.iter().filter(|(_, o)| !o["value"].is_null());
        let values: Map<String, Json> = not_null().map(|(n, o)| (n.clone(), masked(&o["value"]))).collect();
        self.same("outputs", &values, &object(&expect["outputs"]));
        let types: Map<String, Json> = not_null().map(|(n, o)| (n.clone(), o["type"].clone())).collect();
        self.same("output_types", &types, &object(&expect["output_types"]));
        let sensitive: Vec<String> = outputs
            .iter()
            .filter(|(_, o)| o["sensitive"] == true)
            .map(|(name, _)| name.clone())
            .collect();
        self.same("sensitive_outputs", &sensitive, &texts(&expect["sensitive_outputs"]));
        // The state as a whole tells the same, without what is sensitive.
        let shown = object(&ran.state["values"]["outputs"]);
        let parts = |outputs: &Map<String, Json>, part: &str| -> Map<String, Json> {
            outputs.iter().map(|(n, o)| (n.clone(), o[part].clone())).collect()
        };
        for part in ["type", "sensitive"] {
            self.same(
                &format!("{part} of outputs"),
                &parts(&shown, part),
                &parts(&outputs, part),
            );
        }
    }

    fn resources(&mut self, expect: &Json, ran: &Ran) {
        let mut ours = BTreeMap::new();
        flatten(&ran.state["values"]["root_module"], &mut ours);
        let addresses: Vec<String> = ours.keys().cloned().collect();
        let mut listed = ran.addresses.clone();
        listed.sort();
        self.same("state list", &listed, &addresses);
        let expected = object(&expect["resources"]);
        let mut wanted: Vec<String> = expected.keys().cloned().collect();
        wanted.sort();
        self.same("resources", &addresses, &wanted);
        for (addr, resource) in &ours {
            let expected = object(&expected[addr]);
            for name in ATTRIBUTES {
                let wanted = expected.get(name).unwrap_or(&Json::Null);
                let ours = &resource["values"][name];
                let sensitive = &resource["sensitive_values"][name];
                if !fits(wanted, ours, sensitive) || (wanted.is_null() && !ours.is_null()) {
                    self.0
                        .push(format!("{name} of {addr}: {ours}\n        expected {wanted}"));
                }
            }
        }
    }
}

fn items(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Json) -> Vec<String> {
    items(list).map(text).collect()
}

fn object(value: &Json) -> Map<String, Json> {
    value.as_object().cloned().unwrap_or_default()
}

fn address(change: &Json) -> String {
    text(&change["address"])
}

/// Returns the word of the recording for the actions of a change.
fn action(change: &Json) -> String {
    match texts(&change["actions"]).as_slice() {
        [one] => one.clone(),
        [_, _] => "replace".into(),
        other => format!("{other:?}"),
    }
}

/// Collects the resources of a module and of those in it, without deposed objects.
fn flatten(module: &Json, out: &mut BTreeMap<String, Json>) {
    for resource in items(&module["resources"]) {
        if resource.get("deposed_key").is_none() {
            out.insert(address(resource), resource.clone());
        }
    }
    for child in items(&module["child_modules"]) {
        flatten(child, out);
    }
}

/// Says whether a value has the expected parts. What is sensitive is not shown.
fn fits(expected: &Json, value: &Json, sensitive: &Json) -> bool {
    if *sensitive == true {
        return value.is_null();
    }
    match (expected, value) {
        (Json::Object(expected), Json::Object(value)) => expected.iter().all(|(name, part)| {
            let found = value.iter().find(|(key, _)| mask_text(key) == *name);
            match found {
                Some((key, value)) => fits(part, value, &sensitive[key]),
                None => part.is_null(),
            }
        }),
        (Json::Array(expected), Json::Array(value)) => {
            let mut pairs = expected.iter().zip(value).enumerate();
            expected.len() == value.len() && pairs.all(|(i, (e, v))| fits(e, v, &sensitive[i]))
        }
        (Json::Null, _) => true,
        _ => masked(value) == *expected,
    }
}

/// Leaves only the places that are `true`; null if there are none.
fn true_places(value: &Json) -> Json {
    match value {
        Json::Bool(true) => Json::Bool(true),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(name, part)| (name.clone(), true_places(part)));
            let entries: Map<String, Json> = entries.filter(|(_, part)| !part.is_null()).collect();
            if entries.is_empty() { Json::Null } else { entries.into() }
        }
        Json::Array(items) => {
            let items: Vec<Json> = items.iter().map(true_places).collect();
            if items.iter().all(Json::is_null) {
                Json::Null
            } else {
                items.into()
            }
        }
        _ => Json::Null,
    }
}

fn true_places_of_each(values: &Json) -> Json {
    let places = object(values)
        .into_iter()
        .map(|(name, part)| (name, true_places(&part)));
    Json::Object(places.filter(|(_, part)| !part.is_null()).collect())
}

/// Returns a value whose random ids are written as `<id>`.
pub(crate) fn masked(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(mask_text(text)),
        Json::Array(items) => items.iter().map(masked).collect(),
        Json::Object(entries) => entries.iter().map(|(k, v)| (mask_text(k), masked(v))).collect(),
        other => other.clone(),
    }
}

fn mask_text(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_uuid = |part: &[char]| {
        part.iter().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => *c == '-',
            _ => c.is_ascii_hexdigit(),
        })
    };
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        if chars.get(at..at + 36).is_some_and(is_uuid) {
            out.push_str("<id>");
            at += 36;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}
