//! Base64, URL encoding and character encodings.

use std::io::Write;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use encoding_rs::Encoding;
use infra_types::Value;

use super::{FnError, Param, Spec, codepage, returns, text};
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

/// A character encoding.
#[derive(Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    /// UTF-16; big-endian unless said otherwise.
    Utf16 {
        little: bool,
        mark: bool,
    },
    /// One byte per character.
    Table(&'static str),
    /// Several bytes per character.
    Multi(&'static Encoding),
    /// GB 2312 in seven bits.
    Hz,
}

/// Returns the encoding of an IANA name or alias, in any case.
fn charset(args: &[Value]) -> Result<Charset, FnError> {
    let name = text(args, 1).to_ascii_lowercase();
    Ok(match name.as_str() {
        "us-ascii" | "ascii-us" | "us" | "iso646-us" | "iso_646.irv:1991" | "ansi_x3.4-1968" | "ansi_x3.4-1986"
        | "ibm367" | "cp367" | "iso-ir-6" | "csascii" => Charset::Ascii,
        "iso-8859-1" | "iso_8859-1:1987" | "iso-ir-100" | "iso_8859-1" | "latin1" | "l1" | "ibm819" | "cp819"
        | "csisolatin1" => Charset::Latin1,
        "utf-8" | "csutf8" => Charset::Utf8,
        "utf-16" | "csutf16" => Charset::Utf16 {
            little: false,
            mark: true,
        },
        "utf-16be" | "csutf16be" => Charset::Utf16 {
            little: false,
            mark: false,
        },
        "utf-16le" | "csutf16le" => Charset::Utf16 {
            little: true,
            mark: false,
        },
        "big5" | "csbig5" => Charset::Multi(encoding_rs::BIG5),
        "gbk" | "cp936" | "ms936" | "windows-936" | "csgbk" => Charset::Multi(encoding_rs::GBK),
        "gb18030" | "csgb18030" => Charset::Multi(encoding_rs::GB18030),
        "hz-gb-2312" => Charset::Hz,
        "euc-jp" | "cseucpkdfmtjapanese" | "extended_unix_code_packed_format_for_japanese" => {
            Charset::Multi(encoding_rs::EUC_JP)
        }
        "iso-2022-jp" | "csiso2022jp" => Charset::Multi(encoding_rs::ISO_2022_JP),
        "shift_jis" | "ms_kanji" | "csshiftjis" => Charset::Multi(encoding_rs::SHIFT_JIS),
        "euc-kr" | "cseuckr" => Charset::Multi(encoding_rs::EUC_KR),
        other => match codepage::table(other) {
            Some(table) => Charset::Table(table),
            None => {
                return Err(FnError::at(
                    1,
                    format!(
                        "\"{}\" is not the IANA name of a supported character encoding",
                        text(args, 1)
                    ),
                ));
            }
        },
    })
}

fn textencodebase64(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let bytes = encode(charset(args)?, text(args, 0)).ok_or_else(|| {
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
    decode(charset, &bytes)
        .filter(|s| !s.contains(char::REPLACEMENT_CHARACTER))
        .map(Value::from)
        .ok_or_else(|| FnError::at(0, format!("the bytes are not text in {}", text(args, 1))))
}

fn encode(charset: Charset, s: &str) -> Option<Vec<u8>> {
    match charset {
        Charset::Ascii => s.is_ascii().then(|| s.as_bytes().to_vec()),
        Charset::Latin1 => s.chars().map(|c| u8::try_from(c as u32).ok()).collect(),
        Charset::Utf8 => Some(s.as_bytes().to_vec()),
        Charset::Utf16 { little, mark } => {
            let mark = (mark && !s.is_empty()).then_some(0xfeff);
            let units = mark.into_iter().chain(s.encode_utf16());
            Some(
                units
                    .flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() })
                    .collect(),
            )
        }
        Charset::Table(table) => {
            let offset = if table.chars().count() == 256 { 0 } else { 128 };
            s.chars()
                .map(|c| match c {
                    char::REPLACEMENT_CHARACTER => None,
                    c if offset == 128 && c.is_ascii() => Some(c as u8),
                    c => table
                        .chars()
                        .position(|d| d == c)
                        .and_then(|i| u8::try_from(i + offset).ok()),
                })
                .collect()
        }
        Charset::Multi(encoding) => {
            let (bytes, _, lost) = encoding.encode(s);
            (!lost).then(|| bytes.into_owned())
        }
        Charset::Hz => encode_hz(s),
    }
}

fn decode(charset: Charset, bytes: &[u8]) -> Option<String> {
    match charset {
        Charset::Ascii => bytes.is_ascii().then(|| bytes.iter().map(|b| char::from(*b)).collect()),
        Charset::Latin1 => Some(bytes.iter().map(|b| char::from(*b)).collect()),
        Charset::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
        Charset::Utf16 { little, mark } => {
            let (little, bytes) = match bytes {
                [0xff, 0xfe, rest @ ..] if mark => (true, rest),
                [0xfe, 0xff, rest @ ..] if mark => (false, rest),
                all => (little, all),
            };
            let chunks = bytes.chunks_exact(2);
            if !chunks.remainder().is_empty() {
                return None;
            }
            let unit = if little { u16::from_le_bytes } else { u16::from_be_bytes };
            let units: Vec<u16> = chunks.map(|c| unit([c[0], c[1]])).collect();
            String::from_utf16(&units).ok()
        }
        Charset::Table(table) => {
            let table: Vec<char> = table.chars().collect();
            let offset = 256 - table.len();
            let char = |b: &u8| match usize::from(*b).checked_sub(offset) {
                Some(i) => table[i],
                None => char::from(*b),
            };
            Some(bytes.iter().map(char).collect())
        }
        Charset::Multi(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(|s| s.into_owned()),
        Charset::Hz => decode_hz(bytes),
    }
}

/// Writes HZ: `~{` starts pairs of seven-bit bytes, `~}` ends them, `~~` is a tilde.
fn encode_hz(s: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut pairs = false;
    for c in s.chars() {
        if c.is_ascii() {
            if std::mem::take(&mut pairs) {
                out.extend(b"~}");
            }
            out.push(c as u8);
            if c == '~' {
                out.push(b'~');
            }
            continue;
        }
        let mut buffer = [0; 4];
        let (bytes, _, lost) = encoding_rs::GBK.encode(c.encode_utf8(&mut buffer));
        let [a @ 0xa1..=0xfe, b @ 0xa1..=0xfe] = *bytes else {
            return None;
        };
        if lost {
            return None;
        }
        if !std::mem::replace(&mut pairs, true) {
            out.extend(b"~{");
        }
        out.extend([a & 0x7f, b & 0x7f]);
    }
    Some(out)
}

fn decode_hz(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    let mut pairs = false;
    let mut rest = bytes;
    loop {
        match rest {
            [] => break,
            [b'~', b'{', after @ ..] => (pairs, rest) = (true, after),
            [b'~', b'}', after @ ..] => (pairs, rest) = (false, after),
            [b'~', b'~', after @ ..] => {
                out.push(b'~');
                rest = after;
            }
            [b'~', b'\n', after @ ..] => rest = after,
            [b'~' | 0x80.., ..] => return None,
            [a, b, after @ ..] if pairs => {
                out.extend([a | 0x80, b | 0x80]);
                rest = after;
            }
            [_] if pairs => return None,
            [a, after @ ..] => {
                out.push(*a);
                rest = after;
            }
        }
    }
    decode(Charset::Multi(encoding_rs::GBK), &out)
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
