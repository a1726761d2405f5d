//! Functions on strings.
//!
//! Characters are grapheme clusters, as users see them. Case is mapped letter
//! by letter, so that a string never grows by it (`upper("ß")` is `ß`).

use infra_types::{Type, Value, ValueKind};
use unicode_segmentation::UnicodeSegmentation;

use super::{FnError, Param, Spec, integer, returns, text};
use crate::eval::budget::check_text;
use crate::eval::scope::Scope;

/// The longest padding or indentation that is produced.
pub(super) const MAX_WIDTH: i64 = if cfg!(fuzzing) { 1000 } else { 1_000_000 };

pub(super) fn specs() -> Vec<Spec> {
    let strings = Type::list(Type::String);
    let one = || vec![Param::string("str")];
    vec![
        Spec::new(
            "chomp",
            "Removes newline characters at the end of a string.",
            one(),
            returns::string,
            chomp,
        ),
        Spec::new(
            "endswith",
            "Says whether a string ends with the given suffix.",
            vec![Param::string("str"), Param::string("suffix")],
            returns::bool,
            |args, _| Ok(text(args, 0).ends_with(text(args, 1)).into()),
        ),
        Spec::new(
            "indent",
            "Adds spaces to the beginnings of all but the first line of a string.",
            vec![Param::number("spaces"), Param::string("string")],
            returns::string,
            indent,
        ),
        Spec::new(
            "join",
            "Concatenates the elements of lists of strings with a separator between them.",
            vec![Param::string("separator")],
            returns::string,
            join,
        )
        .variadic(Param::new("lists", strings)),
        Spec::new(
            "lower",
            "Turns all letters of a string to lower case.",
            one(),
            returns::string,
            |args, _| Ok(text(args, 0).chars().map(lower_char).collect::<String>().into()),
        ),
        Spec::new(
            "split",
            "Divides a string at each occurrence of a separator.",
            vec![Param::string("separator"), Param::string("str")],
            returns::strings,
            |args, _| Ok(split(text(args, 0), text(args, 1))),
        ),
        Spec::new(
            "startswith",
            "Says whether a string starts with the given prefix.",
            vec![Param::string("str").unknown(), Param::string("prefix")],
            returns::bool,
            startswith,
        ),
        Spec::new(
            "strcontains",
            "Says whether a string contains another one.",
            vec![Param::string("str"), Param::string("substr")],
            returns::bool,
            |args, _| Ok(text(args, 0).contains(text(args, 1)).into()),
        ),
        Spec::new(
            "strrev",
            "Reverses the characters of a string.",
            one(),
            returns::string,
            |args, _| Ok(graphemes(text(args, 0)).into_iter().rev().collect::<String>().into()),
        ),
        Spec::new(
            "substr",
            "Extracts a part of a string by offset and length, counted in characters.",
            vec![Param::string("str"), Param::number("offset"), Param::number("length")],
            returns::string,
            substr,
        ),
        Spec::new(
            "title",
            "Turns the first letter of each word to upper case.",
            one(),
            returns::string,
            title,
        ),
        Spec::new(
            "trim",
            "Removes characters of a set from both ends of a string.",
            vec![Param::string("str"), Param::string("cutset")],
            returns::string,
            |args, _| {
                let cut = text(args, 1);
                Ok(text(args, 0).trim_matches(|c| cut.contains(c)).into())
            },
        ),
        Spec::new(
            "trimprefix",
            "Removes a prefix from a string.",
            vec![Param::string("str"), Param::string("prefix")],
            returns::string,
            |args, _| {
                let s = text(args, 0);
                Ok(s.strip_prefix(text(args, 1)).unwrap_or(s).into())
            },
        ),
        Spec::new(
            "trimspace",
            "Removes white space from both ends of a string.",
            one(),
            returns::string,
            |args, _| Ok(text(args, 0).trim().into()),
        ),
        Spec::new(
            "trimsuffix",
            "Removes a suffix from a string.",
            vec![Param::string("str"), Param::string("suffix")],
            returns::string,
            |args, _| {
                let s = text(args, 0);
                Ok(s.strip_suffix(text(args, 1)).unwrap_or(s).into())
            },
        ),
        Spec::new(
            "upper",
            "Turns all letters of a string to upper case.",
            one(),
            returns::string,
            |args, _| Ok(text(args, 0).chars().map(upper_char).collect::<String>().into()),
        ),
    ]
}

/// Divides a text into the characters a reader sees.
///
/// Consonants joined by a virama count one by one, as in Terraform.
pub(super) fn graphemes(s: &str) -> Vec<&str> {
    let mut out = Vec::with_capacity(s.len().min(64));
    if s.is_ascii() && !s.contains('\r') {
        out.extend((0..s.len()).map(|i| &s[i..i + 1]));
        return out;
    }
    for cluster in s.graphemes(true) {
        let mut from = 0;
        let mut before: Option<char> = None;
        for (at, c) in cluster.char_indices() {
            if before.is_some_and(|b| c.is_alphabetic() && stand_apart(b, c)) {
                out.push(&cluster[from..at]);
                from = at;
            }
            before = Some(c);
        }
        out.push(&cluster[from..]);
    }
    out
}

/// Says whether two characters would not be one cluster by themselves.
fn stand_apart(a: char, b: char) -> bool {
    let pair: String = [a, b].into_iter().collect();
    pair.graphemes(true).count() == 2
}

/// Returns the upper case of a letter if that is a single letter.
pub(super) fn upper_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(u), None) => u,
        // Greek letters with iota subscript have a single letter for titles.
        _ => match c as u32 {
            0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => shift(c, 8),
            0x1fb3 | 0x1fc3 | 0x1ff3 => shift(c, 9),
            _ => c,
        },
    }
}

fn shift(c: char, by: u32) -> char {
    char::from_u32(c as u32 + by).unwrap_or(c)
}

pub(super) fn lower_char(c: char) -> char {
    // For `İ` this drops the dot that the full mapping keeps as a second character.
    c.to_lowercase().next().unwrap_or(c)
}

fn title_char(c: char) -> char {
    match c as u32 {
        0x01c4..=0x01c6 => '\u{1c5}',
        0x01c7..=0x01c9 => '\u{1c8}',
        0x01ca..=0x01cc => '\u{1cb}',
        0x01f1..=0x01f3 => '\u{1f2}',
        0x10d0..=0x10ff => c,
        _ => upper_char(c),
    }
}

fn title(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let mut starts = true;
    let out: String = text(args, 0)
        .chars()
        .map(|c| {
            let here = std::mem::replace(
                &mut starts,
                if c.is_ascii() {
                    !c.is_ascii_alphanumeric() && c != '_'
                } else {
                    c.is_whitespace()
                },
            );
            if here { title_char(c) } else { c }
        })
        .collect();
    Ok(out.into())
}

fn chomp(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    Ok(text(args, 0).trim_end_matches(['\r', '\n']).into())
}

fn indent(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let spaces = integer(args, 0)?;
    if !(0..=MAX_WIDTH).contains(&spaces) {
        return Err(FnError::at(
            0,
            format!("the number of spaces must be between 0 and {MAX_WIDTH}"),
        ));
    }
    let pad = format!("\n{}", " ".repeat(spaces as usize));
    replace_text(text(args, 1), "\n", &pad)
}

fn join(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    if args.len() < 2 {
        return Err(FnError::new("at least one list is required"));
    }
    let sep = text(args, 0);
    if !args.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(Type::String));
    }
    let mut out = String::new();
    let mut first = true;
    for (i, list) in args.iter().enumerate().skip(1) {
        for (at, item) in list.as_items().unwrap_or_default().iter().enumerate() {
            let Some(s) = item.as_str() else {
                return Err(FnError::at(
                    i,
                    format!("element {at} is null; null values cannot be joined"),
                ));
            };
            if !std::mem::take(&mut first) {
                out.push_str(sep);
            }
            out.push_str(s);
            check_text(out.len()).map_err(FnError::new)?;
        }
    }
    Ok(out.into())
}

/// Replaces each occurrence of a text by another one.
pub(super) fn replace_text(s: &str, from: &str, to: &str) -> Result<Value, FnError> {
    if to.len() > from.len() {
        let more = s.matches(from).count().saturating_mul(to.len() - from.len());
        check_text(s.len().saturating_add(more)).map_err(FnError::new)?;
    }
    Ok(s.replace(from, to).into())
}

fn split(sep: &str, s: &str) -> Value {
    if sep.is_empty() {
        return Value::strings(s.chars().map(|c| c.to_string()));
    }
    Value::strings(s.split(sep))
}

fn startswith(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let prefix = text(args, 1);
    let ValueKind::Unknown(_, refinement) = &args[0].kind else {
        return Ok(text(args, 0).starts_with(prefix).into());
    };
    let known = refinement
        .as_ref()
        .and_then(|r| r.prefix.as_deref())
        .unwrap_or_default();
    if known.starts_with(prefix) {
        return Ok(true.into());
    }
    if !prefix.starts_with(known) {
        return Ok(false.into());
    }
    Ok(Value::unknown(Type::Bool))
}

fn substr(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let s = text(args, 0);
    let (offset, length) = (integer(args, 1)?, integer(args, 2)?);
    if offset >= 0 && length == 0 {
        return Ok("".into());
    }
    let all = graphemes(s);
    let from = if offset < 0 {
        all.len().saturating_sub(offset.unsigned_abs() as usize)
    } else {
        (offset as usize).min(all.len())
    };
    let rest = &all[from..];
    // A length of zero gets here only with a negative offset, and then means all.
    let count = if length <= 0 {
        rest.len()
    } else {
        rest.len().min(length as usize)
    };
    Ok(rest[..count].concat().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};

    #[test]
    fn case_is_mapped_letter_by_letter() {
        check("upper", ["straße ŉ ﬁ".into()], "STRAßE ŉ ﬁ");
        check("lower", ["İ ΑΣ".into()], "i ασ");
        check("title", ["don't won’t ǆ".into()], "Don'T Won’t ǅ");
    }

    #[test]
    fn characters_are_grapheme_clusters() {
        check("strrev", ["🇫🇷🇩🇪👍🏽e\u{301}".into()], "é👍🏽🇩🇪🇫🇷");
        check("substr", ["👨‍👩‍👧‍👦x".into(), 1.into(), 1.into()], "x");
        assert_eq!(super::graphemes("हिन्दी").len(), 3);
        assert_eq!(super::graphemes("a\r\nb").len(), 3);
    }

    #[test]
    fn substr_counts_from_the_end() {
        check("substr", ["abcdef".into(), (-2).into(), 0.into()], "ef");
        check("substr", ["abcdef".into(), (-10).into(), 3.into()], "abc");
        check("substr", ["abcdef".into(), 2.into(), 0.into()], "");
        check("substr", ["abcdef".into(), 7.into(), 3.into()], "");
    }

    #[test]
    fn pieces_are_joined_and_split() {
        let parts = infra_types::Value::strings(["a", "", "b"]);
        check("split", [",".into(), "a,,b".into()], parts.clone());
        check("join", ["-".into(), parts.clone(), parts], "a--b-a--b");
        refused("join", [",".into()]);
        check("indent", [2.into(), "a\nb".into()], "a\n  b");
        refused("indent", [(-1).into(), "a\nb".into()]);
    }
}
