//! Policy documents, which compare by what they mean.

use std::collections::{BTreeMap, BTreeSet};

use infra_types::Value;
use serde_json::Value as Json;

/// Says whether two texts are equivalent policy documents.
pub(crate) fn same_policy(prior: &Value, configured: &Value) -> bool {
    matches!((prior.as_str(), configured.as_str()), (Some(a), Some(b)) if equivalent(a, b))
}

/// Says whether two policy documents mean the same.
///
/// One-element arrays equal their element, arrays are sets, the order of
/// statements does not matter, an absent `Version` is `2008-10-17`, `"*"` and
/// `{"AWS": "*"}` are the same principal, as are an account id and its root.
pub(crate) fn equivalent(a: &str, b: &str) -> bool {
    if a.trim().is_empty() && b.trim().is_empty() {
        return true;
    }
    let parse = |s: &str| serde_json::from_str::<Json>(s).ok().map(|j| policy(&j));
    matches!((parse(a), parse(b)), (Some(a), Some(b)) if a == b)
}

/// Says what is wrong with a configured JSON text.
pub(crate) fn check_json(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    serde_json::from_str::<Json>(text)
        .err()
        .map(|e| format!("not valid JSON: {e}"))
}

/// Decodes the percent-encoding that IAM returns documents in.
pub(crate) fn url_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let code = (bytes[i] == b'%')
            .then(|| text.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Returns JSON with sorted keys, as text.
fn canonical(json: &Json) -> String {
    match json {
        Json::Object(entries) => {
            let sorted: BTreeMap<&String, String> = entries.iter().map(|(k, v)| (k, canonical(v))).collect();
            let parts: Vec<String> = sorted
                .into_iter()
                .map(|(k, v)| format!("{}:{v}", Json::from(k.as_str())))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// A policy in a form that is equal for equivalent documents.
#[derive(Debug, PartialEq)]
struct Policy {
    version: String,
    id: String,
    statements: Vec<String>,
}

fn policy(json: &Json) -> Policy {
    let mut statements: Vec<String> = match json.get("Statement") {
        Some(Json::Array(items)) => items.iter().map(statement).collect(),
        Some(one) => vec![statement(one)],
        None => Vec::new(),
    };
    statements.sort();
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let version = text("Version");
    Policy {
        version: if version.is_empty() {
            "2008-10-17".to_owned()
        } else {
            version
        },
        id: text("Id"),
        statements,
    }
}

fn statement(json: &Json) -> String {
    let Some(entries) = json.as_object() else {
        return canonical(json);
    };
    let mut parts: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in entries {
        let part = match name.as_str() {
            "Sid" if value.as_str() == Some("") => continue,
            "Action" | "NotAction" | "Resource" | "NotResource" => format!("{:?}", texts(value)),
            "Principal" | "NotPrincipal" => principals(value),
            "Condition" => conditions(value),
            _ => canonical(value),
        };
        parts.insert(name, part);
    }
    format!("{parts:?}")
}

/// Returns a text or an array of texts as a set; numbers and booleans become texts.
fn texts(json: &Json) -> BTreeSet<String> {
    match json {
        Json::Array(items) => items.iter().map(scalar).collect(),
        one => BTreeSet::from([scalar(one)]),
    }
}

fn scalar(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn principals(json: &Json) -> String {
    let mut by_kind: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    match json {
        Json::Object(entries) => {
            for (kind, value) in entries {
                let values = texts(value)
                    .into_iter()
                    .map(|v| if kind == "AWS" { account_root(v) } else { v });
                by_kind.entry(kind).or_default().extend(values);
            }
        }
        other => {
            by_kind.insert("AWS", texts(other));
        }
    }
    format!("{by_kind:?}")
}

/// Returns the account id for `arn:aws:iam::<id>:root`, other principals as they are.
fn account_root(principal: String) -> String {
    let parts: Vec<&str> = principal.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, "root"] => (*account).to_owned(),
        _ => principal,
    }
}

fn conditions(json: &Json) -> String {
    let mut out: BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (operator, keys) in json.as_object().into_iter().flatten() {
        let keys = keys.as_object().into_iter().flatten();
        // Condition keys are not case-sensitive.
        let keys = keys.map(|(key, values)| (key.to_ascii_lowercase(), texts(values)));
        out.insert(operator, keys.collect());
    }
    format!("{out:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_policies() {
        let a = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":["b","a"],
            "Principal":{"AWS":"arn:aws:iam::123456789012:root"},
            "Condition":{"Bool":{"aws:SecureTransport":true}}}}"#;
        let b = r#"{"Statement":[{"Sid":"","Condition":{"Bool":{"aws:securetransport":["true"]}},
            "Principal":{"AWS":["123456789012"]},
            "Resource":["a","b"],"Action":["s3:*"],"Effect":"Allow"}],"Version":"2012-10-17"}"#;
        assert!(equivalent(a, b));
    }

    #[test]
    fn statement_order_does_not_matter_but_sids_do() {
        let one = r#"{"Sid":"1","Effect":"Allow","Action":"a:b","Resource":"*"}"#;
        let two = r#"{"Sid":"2","Effect":"Deny","Action":"c:d","Resource":"*"}"#;
        let doc = |s: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{s}]}}"#);
        assert!(equivalent(&doc(&format!("{one},{two}")), &doc(&format!("{two},{one}"))));
        assert!(!equivalent(&doc(one), &doc(&one.replace("\"1\"", "\"3\""))));
    }

    #[test]
    fn versions_and_everyone() {
        let star = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*"}]}"#;
        let aws = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"a:b","Resource":"*"}]}"#;
        assert!(equivalent(star, aws));
        assert!(!equivalent(star, &aws.replace("2008-10-17", "2012-10-17")));
    }

    #[test]
    fn broken_texts_are_found() {
        assert!(check_json(&"{".into()).is_some());
        assert!(check_json(&"{}".into()).is_none());
    }

    #[test]
    fn documents_are_decoded() {
        assert_eq!(url_decode("%7B%22a%22%3A%20%22%C3%A9%22%7D"), "{\"a\": \"é\"}");
        assert_eq!(url_decode("100%"), "100%");
    }
}
