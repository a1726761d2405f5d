//! `yamldecode` and `yamlencode`.
//!
//! Plain scalars get their types as in Terraform: numbers by YAML 1.2's core
//! schema, truth values by YAML 1.1 (`yes`, `off`, …), dates as RFC 3339.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_types::{Number, Str, Type, Value, ValueKind};
use libyaml_safer::{EventData, Parser, ScalarStyle};
use num_bigint::BigInt;

use super::datetime::Time;
use super::numeric::parse_in_base;
use super::{FnError, Param, Spec, convert, returns, text, yaml_encode};
use crate::eval::scope::Scope;

/// How deeply texts may nest.
const MAX_DEPTH: usize = 200;

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "yamldecode",
            "Reads a value from a YAML text.",
            vec![Param::string("src")],
            returns::any,
            yamldecode,
        )
        .nullable(),
        Spec::new(
            "yamlencode",
            "Writes a value as YAML text.",
            vec![Param::any("value").null().unknown().dynamic()],
            returns::string,
            |args, _| {
                Ok(if args[0].is_wholly_known() {
                    yaml_encode::encode(&args[0]).into()
                } else {
                    Value::unknown(Type::String)
                })
            },
        ),
    ]
}

fn yamldecode(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let source = text(args, 0);
    decode(source.strip_prefix('\u{feff}').unwrap_or(source))
        .map_err(|why| FnError::at(0, format!("this is not YAML: {why}")))
}

fn decode(source: &str) -> Result<Value, String> {
    let forbidden = |c: &char| matches!(*c as u32, 0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f..=0x84 | 0x86..=0x9f | 0xfffe | 0xffff);
    if let Some(c) = source.chars().find(forbidden) {
        return Err(format!("the control character U+{:04X} is not allowed", c as u32));
    }
    let ends = source.ends_with(is_break);
    let whole = if ends { source.to_owned() } else { format!("{source}\n") };
    let mut bytes = whole.as_bytes();
    let mut events = Parser::new();
    events.set_input_string(&mut bytes);
    let mut decoder = Decoder {
        events,
        added_break: !ends,
        blank_end: source
            .rsplit(is_break)
            .next()
            .is_some_and(|line| line.trim_matches(' ').is_empty()),
        length: whole.chars().count() as u64,
        anchors: BTreeMap::new(),
        pending: BTreeSet::new(),
        depth: 0,
    };
    decoder.next()?;
    match decoder.next()? {
        EventData::DocumentStart { version_directive, .. } => {
            // As in Terraform, texts say that they are YAML 1.1 or say nothing.
            if version_directive.is_some_and(|v| (v.major, v.minor) != (1, 1)) {
                return Err("only `%YAML 1.1` may stand at the beginning".into());
            }
        }
        _ => return Err("there is no document".into()),
    }
    let first = decoder.next()?;
    let value = decoder.node(first)?;
    decoder.next()?;
    match decoder.next()? {
        EventData::StreamEnd => Ok(value),
        _ => Err("there is something after the document".into()),
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

struct Decoder<'s> {
    events: Parser<&'s mut &'s [u8]>,
    /// Whether a line break was added at the end, without which the parser fails.
    added_break: bool,
    /// Whether the last line has nothing but blanks.
    blank_end: bool,
    /// The length of the text in characters.
    length: u64,
    /// The values of anchors.
    anchors: BTreeMap<String, Value>,
    /// The anchors of what is being read.
    pending: BTreeSet<String>,
    depth: usize,
}

impl Decoder<'_> {
    fn next(&mut self) -> Result<EventData, String> {
        // The parser panics at a few wrong texts, such as `[!a,b]`.
        let parsed = catch_unwind(AssertUnwindSafe(|| self.events.parse())).map_err(|_| "there is a wrong tag")?;
        let mut event = parsed.map_err(|e| match e.problem_mark() {
            Some(mark) => format!("{}, at line {}", e.problem(), mark.line),
            None => e.problem().to_owned(),
        })?;
        if let EventData::Scalar { value, style, .. } = &mut event.data
            && self.added_break
            && matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
            && event.end_mark.index >= self.length
            && let Some(kept) = value.strip_suffix('\n')
        {
            // A last line with blanks only may be indentation, whose end counts for nothing.
            let last = kept.rsplit('\n').next().unwrap_or_default();
            if !self.blank_end || last.trim_matches(' ').is_empty() {
                value.pop();
            }
        }
        Ok(event.data)
    }

    fn node(&mut self, event: EventData) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it nests more than {MAX_DEPTH} deep"));
        }
        let value = match event {
            EventData::Scalar {
                anchor,
                tag,
                value,
                style,
                ..
            } => {
                let value = scalar(&value, style, tag.as_deref())?;
                self.keep(anchor, &value);
                value
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                only_tag(tag.as_deref(), "seq")?;
                self.pending.extend(anchor.clone());
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        EventData::SequenceEnd => break,
                        event => items.push(self.node(event)?),
                    }
                }
                let value = Value::tuple(items);
                self.keep(anchor, &value);
                value
            }
            EventData::MappingStart { anchor, tag, .. } => {
                only_tag(tag.as_deref(), "map")?;
                self.pending.extend(anchor.clone());
                let value = Value::object(self.mapping()?);
                self.keep(anchor, &value);
                value
            }
            EventData::Alias { anchor } if self.pending.contains(&anchor) => {
                return Err(format!("the anchor `{anchor}` is used inside its own value"));
            }
            EventData::Alias { anchor } => match self.anchors.get(&anchor) {
                Some(value) => value.clone(),
                None => return Err(format!("there is no anchor `{anchor}`")),
            },
            _ => return Err("it ends too early".into()),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn keep(&mut self, anchor: Option<String>, value: &Value) {
        if let Some(anchor) = anchor {
            self.pending.remove(&anchor);
            self.anchors.insert(anchor, value.clone());
        }
    }

    fn mapping(&mut self) -> Result<BTreeMap<Str, Value>, String> {
        let mut entries = BTreeMap::new();
        loop {
            let key = match self.next()? {
                EventData::MappingEnd => return Ok(entries),
                EventData::Scalar { tag, value, style, .. } => {
                    convert::to(&scalar(&value, style, tag.as_deref())?, &Type::String)?
                }
                _ => return Err("only strings can be keys of mappings".into()),
            };
            let ValueKind::String(key) = key.kind else {
                return Err("a key of a mapping must not be null".into());
            };
            let event = self.next()?;
            let value = self.node(event)?;
            if &*key != "<<" {
                entries.insert(key, value);
                continue;
            }
            let ValueKind::Object(merged) = &value.kind else {
                return Err(format!("{} cannot be merged into a mapping", value.ty().friendly()));
            };
            entries.extend(merged.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
}

/// Returns the tag if it is one of YAML's own, or refuses it.
fn core_tag(tag: Option<&str>) -> Result<Option<&str>, String> {
    match tag {
        None | Some("") => Ok(None),
        Some(tag) => match tag.strip_prefix("tag:yaml.org,2002:") {
            Some(name) => Ok(Some(name)),
            None => Err(format!("the tag `{tag}` is not supported")),
        },
    }
}

fn only_tag(tag: Option<&str>, allowed: &str) -> Result<(), String> {
    match core_tag(tag)? {
        Some(other) if other != allowed => Err(format!("a {allowed} cannot have the tag `!!{other}`")),
        _ => Ok(()),
    }
}

fn scalar(source: &str, style: ScalarStyle, tag: Option<&str>) -> Result<Value, String> {
    let tag = core_tag(tag)?;
    let known = ["str", "bool", "int", "float", "null", "timestamp", "binary"];
    if let Some(other) = tag.filter(|t| !known.contains(t)) {
        return Err(format!("the tag `!!{other}` is not supported"));
    }
    match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Ok(source.into()),
        // As in Terraform, a block that reads `5.0` is the string `5`.
        ScalarStyle::Literal | ScalarStyle::Folded if tag.is_none() => {
            convert::to(&resolve(source, tag)?, &Type::String)
        }
        _ => resolve(source, tag),
    }
}

/// Gives a scalar without quotes its type.
fn resolve(source: &str, tag: Option<&str>) -> Result<Value, String> {
    if tag == Some("str") {
        return Ok(source.into());
    }
    let wrong = || format!("\"{source}\" cannot be read as `!!{}`", tag.unwrap_or_default());
    if tag == Some("binary") {
        return STANDARD.decode(source).map(|_| source.into()).map_err(|_| wrong());
    }
    if let Some(value) = word(source) {
        return Ok(value);
    }
    if matches!(source, ".nan" | ".NaN" | ".NAN") {
        return Err("a number must not be NaN".into());
    }
    if matches!(tag, None | Some("timestamp"))
        && let Some(time) = timestamp(source)
    {
        return Ok(time.into());
    }
    if let Some(number) = number(source) {
        return Ok(number.into());
    }
    match tag {
        Some("int" | "float") => go_integer(source).map(|n| Number::from(n).into()).ok_or_else(wrong),
        Some("bool" | "timestamp") => Err(wrong()),
        Some("null") => Ok(Value::null()),
        _ => Ok(source.into()),
    }
}

/// Returns the value of a word with a meaning of its own.
fn word(source: &str) -> Option<Value> {
    Some(match source {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        "" | "~" | "null" | "Null" | "NULL" => Value::null(),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Number::infinity(false).into(),
        "-.inf" | "-.Inf" | "-.INF" => Number::infinity(true).into(),
        _ => return None,
    })
}

/// Reads a number by YAML 1.2's core schema.
fn number(source: &str) -> Option<Number> {
    if let Some(digits) = source.strip_prefix("0x") {
        return unsigned(digits, 16).map(Number::from);
    }
    if let Some(digits) = source.strip_prefix("0o") {
        return unsigned(digits, 8).map(Number::from);
    }
    let unsigned = source.strip_prefix(['+', '-']).unwrap_or(source);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let valid = digits(whole) && digits(part) && (!whole.is_empty() || !part.is_empty());
    let valid = valid && exponent.is_none_or(|e| !e.is_empty() && digits(e));
    if valid { Number::parse(source) } else { None }
}

fn unsigned(digits: &str, base: u32) -> Option<BigInt> {
    parse_in_base(digits, base).filter(|_| !digits.starts_with(['+', '-']))
}

/// Reads an integer with a prefix for its base, as Go does.
fn go_integer(source: &str) -> Option<BigInt> {
    let (negative, digits) = match source.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, source.strip_prefix('+').unwrap_or(source)),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, base) = match lower.split_at_checked(2) {
        Some(("0x", digits)) => (digits, 16),
        Some(("0o", digits)) => (digits, 8),
        Some(("0b", digits)) => (digits, 2),
        _ => (&*lower, 10),
    };
    let n = unsigned(&digits.replace('_', ""), base)?;
    Some(if negative { -n } else { n })
}

/// Reads a date, or a date and a time; fields may have single digits.
fn timestamp(source: &str) -> Option<String> {
    let (date, time) = match source.find(['T', 't', ' ']) {
        Some(at) => (&source[..at], Some((&source[at..=at], &source[at + 1..]))),
        None => (source, None),
    };
    let mut fields = date.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    let short = |s: &str| matches!(s.len(), 1 | 2) && s.bytes().all(|b| b.is_ascii_digit());
    if fields.next().is_some() || year.len() != 4 || !short(month) || !short(day) {
        return None;
    }
    let time = match time {
        None => "00:00:00Z".to_owned(),
        Some((separator, time)) => {
            let end = time.find(['Z', '+', '-']).unwrap_or(time.len());
            let (clock, zone) = time.split_at(end);
            // With a blank there is no time zone; with a letter there must be one.
            if (separator == " ") != zone.is_empty() {
                return None;
            }
            let mut fields = clock.split(':');
            let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
            let (whole, fraction) = second.split_once('.').unwrap_or((second, ""));
            if fields.next().is_some() || !short(hour) || !short(minute) || !short(whole) {
                return None;
            }
            if !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let zone = if zone.is_empty() { "Z" } else { zone };
            format!("{hour:0>2}:{minute:0>2}:{whole:0>2}{zone}")
        }
    };
    Time::parse(&format!("{year}-{month:0>2}-{day:0>2}T{time}"))
        .ok()
        .map(|t| t.show())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    #[track_caller]
    fn reads(source: &str, expect: impl Into<Value>) {
        check("yamldecode", [source.into()], expect);
    }

    #[test]
    fn plain_scalars_have_types() {
        reads("-5", -5);
        reads("0o17", 15);
        reads("0x1F", 31);
        reads("017", 17);
        reads("1e3", 1000);
        reads("5.", 5);
        reads("off", false);
        reads("y", true);
        reads("~", Value::null());
        reads("2024-1-1", "2024-01-01T00:00:00Z");
        reads("2024-01-01 10:00:00", "2024-01-01T10:00:00Z");
        reads("2024-01-01t10:00:00.5+02:00", "2024-01-01T10:00:00+02:00");
        for text in [
            "0b11",
            "1_000",
            "-0x1F",
            "1:2",
            "2024-13-01",
            "2024-01-01 10:00:00 +2",
            "oFF",
            "1e",
            ".",
        ] {
            reads(text, text);
        }
        reads("'5'", "5");
        refused("yamldecode", [".nan".into()]);
        reads("%YAML 1.1\n---\na", "a");
        refused("yamldecode", ["%YAML 1.2\n---\na".into()]);
    }

    #[test]
    fn tags_choose_types() {
        reads("!!str 5", "5");
        reads("!!int 0b11", 3);
        reads("!!null abc", Value::null());
        reads("!!bool \"true\"", "true");
        reads("!<tag:yaml.org,2002:str> 5", "5");
        for text in ["!foo bar", "!!bool abc", "!!int abc", "!!binary a", "!!set {a, b}"] {
            refused("yamldecode", [text.into()]);
        }
    }

    #[test]
    fn mappings_are_merged() {
        let ab = Value::object([("a", Value::from(1)), ("b", 2.into())]);
        reads("a: 1\nb: 2", ab.clone());
        reads("b: 4\n<<: {a: 1, b: 2}", ab.clone());
        reads(
            "x: &x {a: 1, b: 2}\nz: *x",
            Value::object([("x", ab.clone()), ("z", ab)]),
        );
        reads("1: y", Value::object([("1", Value::from(true))]));
        for text in [
            "<<: 5",
            "~: 1",
            "[a]: 1",
            "a: *x",
            "a: &x [*x]",
            "--- a\n--- b",
            "",
            "# c",
        ] {
            refused("yamldecode", [text.into()]);
        }
    }

    #[test]
    fn blocks_may_end_without_a_line_break() {
        let a = |s: &str| Value::object([("a", Value::from(s))]);
        reads("a: |\n  x", a("x"));
        reads("a: |\n  x\n", a("x\n"));
        reads("a: |\n  x\n ", a("x\n"));
        reads("a: |+\n  x\n\n", a("x\n\n"));
        reads("a: >-\n  x\n  y", a("x y"));
        reads("a:\tb", a("b"));
        reads("a: |-\n  5.0", a("5"));
        reads("a: |", Value::object([("a", Value::null_of(Type::String))]));
        refused("yamldecode", ["[!a,b]".into()]);
    }

    #[test]
    fn deep_nesting_is_refused() {
        refused("yamldecode", ["[".repeat(5000).into()]);
        refused("yamldecode", [format!("{}{}", "[".repeat(300), "]".repeat(300)).into()]);
    }
}
