//! Base64 and URL encoding; base64 of texts in other character encodings.

use std::io::Write;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use infra_types::Value;

use super::charset::Charset;
use super::{FnError, Param, Spec, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    let one = || vec![Param::string("str")];
    vec![
        Spec::new(
            "base64decode",
            "Decodes base64 to text in UTF-8.",
            one(),
            returns::string,
            |args, _| {
                let bytes = from_base64(text(args, 0)).ok_or_else(|| FnError::at(0, "this is not base64"))?;
                String::from_utf8(bytes)
                    .map(Value::from)
                    .map_err(|_| FnError::at(0, "the decoded bytes are not text in UTF-8"))
            },
        ),
        Spec::new(
            "base64encode",
            "Encodes the bytes of a string in base64.",
            one(),
            returns::string,
            |args, _| Ok(STANDARD.encode(text(args, 0)).into()),
        ),
        Spec::new(
            "base64gzip",
            "Compresses a string with gzip and encodes the result in base64.",
            one(),
            returns::string,
            base64gzip,
        ),
        Spec::new(
            "textdecodebase64",
            "Decodes base64 to text in a character encoding.",
            vec![Param::string("source"), Param::string("encoding")],
            returns::string,
            textdecodebase64,
        ),
        Spec::new(
            "textencodebase64",
            "Encodes text in a character encoding, and the result in base64.",
            vec![Param::string("string"), Param::string("encoding")],
            returns::string,
            textencodebase64,
        ),
        Spec::new(
            "urlencode",
            "Encodes a string for the query of a URL.",
            one(),
            returns::string,
            |args, _| Ok(urlencode(text(args, 0)).into()),
        ),
    ]
}

/// Decodes as Go does: padding is required, line breaks are skipped, spare bits don't matter.
fn from_base64(s: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    LENIENT.decode(s.replace(['\r', '\n'], "")).ok()
}

fn base64gzip(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let failed = |e: std::io::Error| FnError::new(format!("the text cannot be compressed: {e}"));
    let mut gzip = flate2::GzBuilder::new()
        .operating_system(255)
        .write(Vec::new(), flate2::Compression::default());
    gzip.write_all(text(args, 0).as_bytes()).map_err(failed)?;
    Ok(STANDARD.encode(gzip.finish().map_err(failed)?).into())
}

fn urlencode(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for b in s.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Returns the encoding that the second argument names.
fn charset(args: &[Value]) -> Result<Charset, FnError> {
    Charset::named(text(args, 1)).ok_or_else(|| {
        FnError::at(
            1,
            format!(
                "\"{}\" is not the IANA name of a supported character encoding",
                text(args, 1)
            ),
        )
    })
}

fn textencodebase64(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let bytes = charset(args)?.encode(text(args, 0)).ok_or_else(|| {
        FnError::at(
            0,
            format!("the string has characters that do not exist in {}", text(args, 1)),
        )
    })?;
    Ok(STANDARD.encode(bytes).into())
}

fn textdecodebase64(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let charset = charset(args)?;
    let bytes = from_base64(text(args, 0)).ok_or_else(|| FnError::at(0, "this is not base64"))?;
    charset
        .decode(&bytes)
        .filter(|s| !s.contains(char::REPLACEMENT_CHARACTER))
        .map(Value::from)
        .ok_or_else(|| FnError::at(0, format!("the bytes are not text in {}", text(args, 1))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused, run};
    use super::*;

    #[test]
    fn base64_is_read_as_strictly_as_by_go() {
        check("base64decode", ["YWJj\r\nZGVm".into()], "abcdef");
        check("base64decode", ["YX==".into()], "a");
        for s in ["a", "====", "YWJ j", "YWJ", "_-__", "7aCA"] {
            refused("base64decode", [s.into()]);
        }
    }

    #[test]
    fn texts_in_other_encodings() {
        let both = |s: &str, name: &str, coded: &str| {
            check("textencodebase64", [s.into(), name.into()], coded);
            check("textdecodebase64", [coded.into(), name.into()], s);
        };
        both("é€", "windows-1252", "6YA=");
        both("🎉", "UTF-16LE", "PNiJ3w==");
        both("🎉", "UTF-16", "/v/YPN+J");
        both("Ж", "koi8-r", "9g==");
        both("Ж", "Shift_JIS", "hEc=");
        both("日", "EUC-JP", "xvw=");
        both("日", "HZ-GB-2312", "fntIVQ==");
        both("é", "macintosh", "jg==");
        both("a", "IBM037", "gQ==");
        both("\u{80}", "ISO-8859-1", "gA==");
        check("textdecodebase64", ["//5hAA==".into(), "UTF-16".into()], "a");
    }

    #[test]
    fn what_an_encoding_lacks_is_refused() {
        refused("textencodebase64", ["日本".into(), "koi8-r".into()]);
        refused("textencodebase64", ["a".into(), "nope".into()]);
        refused("textdecodebase64", ["gYE=".into(), "windows-1252".into()]);
        refused("textdecodebase64", ["gA==".into(), "US-ASCII".into()]);
        refused("textdecodebase64", ["YQ".into(), "UTF-16".into()]);
    }

    #[test]
    fn queries_and_gzip() {
        check("urlencode", ["a b&c=d/é~-_.*".into()], "a+b%26c%3Dd%2F%C3%A9~-_.%2A");
        let packed = run("base64gzip", ["hello".into()]).unwrap();
        let packed = STANDARD.decode(packed.as_str().unwrap()).unwrap();
        let mut plain = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain).unwrap();
        assert_eq!(plain, "hello");
    }
}
