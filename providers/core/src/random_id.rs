//! `random_id`: random bytes in several writings.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use infra_providers::{Attribute, Block, ProviderError, Schema, Validator};
use infra_types::{Type, Value};

use crate::local::{LocalType, Surroundings, bad_import_id, fill, imported};
use crate::random_uuid::keepers;

/// The type `random_id`.
pub(crate) struct RandomId;

impl LocalType for RandomId {
    fn name(&self) -> &'static str {
        "random_id"
    }

    fn schema(&self) -> Schema {
        let writing = |doc| Attribute::computed(Type::String).doc(doc);
        Schema::new(
            Block::new("Random bytes, for unique names.")
                .attr("id", writing("The bytes in URL-safe base64, without the prefix."))
                .attr("keepers", keepers())
                .attr(
                    "byte_length",
                    Attribute::required(Type::Number)
                        .force_new()
                        .check(Validator::Range(1, 1_000_000))
                        .doc("How many bytes."),
                )
                .attr(
                    "prefix",
                    Attribute::optional(Type::String)
                        .force_new()
                        .doc("Stands before each writing."),
                )
                .attr("b64_std", writing("The bytes in base64."))
                .attr("b64_url", writing("The bytes in URL-safe base64 without padding."))
                .attr("dec", writing("The bytes as one decimal number."))
                .attr("hex", writing("The bytes in lower-case hexadecimal.")),
        )
    }

    fn complete(&self, planned: &Value, around: &Surroundings) -> Result<Value, ProviderError> {
        let length = planned.get("byte_length").and_then(Value::as_i64).unwrap_or(0);
        let mut bytes = vec![0; length.max(0) as usize];
        around.random.fill(&mut bytes);
        let prefix = planned.get_str("prefix").unwrap_or("");
        Ok(fill(planned, |name| written(name, prefix, &bytes).into()))
    }

    fn import(&self, schema: &Schema, id: &str) -> Result<Value, ProviderError> {
        let (prefix, text) = id.rsplit_once(',').map_or((None, id), |(p, t)| (Some(p), t));
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| bad_import_id("random_id", id, "[PREFIX,]BASE64URL"))?;
        let mut given: Vec<(&'static str, Value)> = ["id", "b64_std", "b64_url", "dec", "hex"]
            .into_iter()
            .map(|name| (name, written(name, prefix.unwrap_or(""), &bytes).into()))
            .collect();
        given.push(("byte_length", (bytes.len() as i64).into()));
        if let Some(prefix) = prefix {
            given.push(("prefix", prefix.into()));
        }
        Ok(imported(schema, &given))
    }
}

fn written(attribute: &str, prefix: &str, bytes: &[u8]) -> String {
    match attribute {
        "b64_std" => format!("{prefix}{}", STANDARD.encode(bytes)),
        "b64_url" => format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)),
        "dec" => format!("{prefix}{}", decimal(bytes)),
        "hex" => format!("{prefix}{}", hex::encode(bytes)),
        _ => URL_SAFE_NO_PAD.encode(bytes),
    }
}

/// Writes big-endian bytes as one decimal number.
fn decimal(bytes: &[u8]) -> String {
    // Little-endian groups of nine digits.
    let mut groups: Vec<u64> = vec![0];
    for byte in bytes {
        let mut carry = u64::from(*byte);
        for group in &mut groups {
            let n = *group * 256 + carry;
            *group = n % 1_000_000_000;
            carry = n / 1_000_000_000;
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    let mut text = groups.last().map_or_else(String::new, u64::to_string);
    for group in groups.iter().rev().skip(1) {
        text.push_str(&format!("{group:09}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::create;

    #[test]
    fn decimals() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0, 255]), "255");
        assert_eq!(decimal(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), "18446744073709551616");
        assert_eq!(decimal(&[0x3b, 0x9a, 0xca, 0x00]), "1000000000");
    }

    #[test]
    fn writings_agree() {
        let object = create(&RandomId, vec![("byte_length", 4.into()), ("prefix", "x-".into())]);
        let hex = object.get_str("hex").unwrap().strip_prefix("x-").unwrap();
        let bytes = hex::decode(hex).unwrap();
        assert_eq!(bytes.len(), 4);
        let id = object.get_str("id").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(id).unwrap(), bytes);
        assert_eq!(object.get_str("b64_url"), Some(format!("x-{id}").as_str()));
        assert!(object.get_str("b64_std").unwrap().ends_with("=="));
        let number = u32::from_be_bytes(bytes.try_into().unwrap());
        assert_eq!(object.get_str("dec"), Some(format!("x-{number}").as_str()));
    }

    #[test]
    fn import_takes_a_prefix() {
        let object = RandomId.import(&RandomId.schema(), "web-,AQID").unwrap();
        assert_eq!(object.get_str("hex"), Some("web-010203"));
        assert_eq!(object.get("byte_length").unwrap().as_i64(), Some(3));
        assert!(RandomId.import(&RandomId.schema(), "?").is_err());
    }
}
