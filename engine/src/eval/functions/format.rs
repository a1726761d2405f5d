//! `format` and `formatlist`: text from a pattern with verbs.
//!
//! The verbs are those of Go's `printf`, over exact numbers. Widths and
//! precisions of strings count characters as users see them.

use infra_types::{Number, Type, Value, ValueKind};
use num_bigint::BigInt;

use super::string::{MAX_WIDTH, graphemes};
use super::{FnError, Param, Spec, convert, json, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    let args = || Param::any("args").null().unknown();
    vec![
        Spec::new(
            "format",
            "Makes a string from a pattern and values.",
            vec![Param::string("format")],
            returns::string,
            format,
        )
        .variadic(args()),
        Spec::new(
            "formatlist",
            "Makes a list of strings from a pattern and lists of values.",
            vec![Param::string("format")],
            returns::strings,
            formatlist,
        )
        .variadic(args()),
    ]
}

fn format(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let pattern = text(args, 0);
    if !args[1..].iter().all(Value::is_wholly_known) {
        return Ok(unknown_after(pattern));
    }
    render(pattern, &args[1..]).map(Value::from)
}

/// Returns the unknown result, which starts with what stands before the first verb.
fn unknown_after(pattern: &str) -> Value {
    let end = pattern.find('%').unwrap_or(pattern.len());
    let refinement = infra_types::Refinement {
        not_null: true,
        prefix: (end > 0).then(|| pattern[..end].into()),
        ..Default::default()
    };
    ValueKind::Unknown(Type::String, Some(refinement.into())).into()
}

fn formatlist(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let pattern = text(args, 0);
    let args = &args[1..];
    // The argument that says how long the result is.
    let mut length: Option<(usize, usize)> = None;
    let mut unknown = false;
    for (i, arg) in args.iter().enumerate() {
        let own = match &arg.kind {
            ValueKind::List(s) => s.items.len(),
            ValueKind::Set(s) => {
                unknown |= !arg.is_wholly_known();
                s.items.len()
            }
            ValueKind::Tuple(items) => items.len(),
            ValueKind::Unknown(ty, _) => {
                unknown |= matches!(ty, Type::List(_) | Type::Set(_) | Type::Tuple(_) | Type::Dynamic);
                match ty {
                    Type::Tuple(types) => types.len(),
                    _ => continue,
                }
            }
            _ => continue,
        };
        match length {
            None => length = Some((i, own)),
            Some((_, other)) if other == own => {}
            Some((first, other)) => {
                return Err(FnError::at(
                    i + 1,
                    format!(
                        "argument {} has length {own}, but argument {} has length {other}",
                        i + 1,
                        first + 1
                    ),
                ));
            }
        }
    }
    if unknown {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    let length = length.map_or(1, |(_, n)| n);
    let mut out = Vec::with_capacity(length);
    for at in 0..length {
        let row: Vec<Value> = args
            .iter()
            .map(|a| a.as_items().map_or_else(|| a.clone(), |items| items[at].clone()))
            .collect();
        out.push(if row.iter().all(Value::is_wholly_known) {
            render(pattern, &row)
                .map_err(|e| FnError::new(format!("at element {at}: {}", e.message)))?
                .into()
        } else {
            unknown_after(pattern)
        });
    }
    Ok(Value::list(Type::String, out))
}

/// One verb of a pattern with its flags.
#[derive(Debug, Default)]
struct Verb<'a> {
    raw: &'a str,
    mode: char,
    zero: bool,
    sharp: bool,
    plus: bool,
    minus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

fn render(pattern: &str, args: &[Value]) -> Result<String, FnError> {
    let mut out = String::with_capacity(pattern.len() + 16 * args.len());
    let (mut next, mut highest) = (0, 0);
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let offset = pattern.len() - rest.len() + at;
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("%%") {
            out.push('%');
            rest = after;
            continue;
        }
        let (verb, index, after) = parse_verb(rest, offset)?;
        rest = after;
        let index = index.unwrap_or(next);
        next = index + 1;
        highest = highest.max(next);
        let arg = args.get(index).ok_or_else(|| {
            FnError::new(format!(
                "not enough arguments for `{}`: it needs number {next}, but there are {}",
                verb.raw,
                args.len()
            ))
        })?;
        append(&mut out, &verb, arg)?;
    }
    out.push_str(rest);
    if highest < args.len() {
        return Err(FnError::at(
            highest + 1,
            format!("too many arguments: the format string uses {highest} of {}", args.len()),
        ));
    }
    Ok(out)
}

/// Reads `%`, flags, width, precision, argument number and the verb's letter.
///
/// Returns also the chosen argument, counted from zero, and what follows.
fn parse_verb(rest: &str, offset: usize) -> Result<(Verb<'_>, Option<usize>, &str), FnError> {
    let bytes = rest.as_bytes();
    let mut verb = Verb::default();
    let mut i = 1;
    while let Some(flag) = bytes.get(i) {
        match flag {
            b'0' => verb.zero = true,
            b'#' => verb.sharp = true,
            b'+' => verb.plus = true,
            b'-' => verb.minus = true,
            b' ' => verb.space = true,
            _ => break,
        }
        i += 1;
    }
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let number = |from: usize, count: usize| -> Result<usize, FnError> {
        let n = rest[from..from + count].parse::<usize>().ok();
        n.filter(|n| *n <= MAX_WIDTH as usize)
            .ok_or_else(|| FnError::at(0, format!("a width or precision must not be greater than {MAX_WIDTH}")))
    };
    let count = digits(i);
    if count > 0 {
        verb.width = Some(number(i, count)?);
        i += count;
    }
    if bytes.get(i) == Some(&b'.') {
        let count = digits(i + 1);
        verb.precision = Some(if count > 0 { number(i + 1, count)? } else { 0 });
        i += 1 + count;
    }
    let mut index = None;
    if bytes.get(i) == Some(&b'[') && matches!(bytes.get(i + 1), Some(b'1'..=b'9')) {
        let count = digits(i + 1);
        if bytes.get(i + 1 + count) == Some(&b']') {
            index = Some(number(i + 1, count)? - 1);
            i += count + 2;
        }
    }
    match rest[i..].chars().next() {
        None => Err(FnError::at(0, format!("the verb at offset {offset} is not complete"))),
        Some(mode) if mode.is_ascii_alphabetic() => {
            verb.raw = &rest[..i + 1];
            verb.mode = mode;
            Ok((verb, index, &rest[i + 1..]))
        }
        Some(other) => Err(FnError::at(
            0,
            format!(
                "the character `{other}` at offset {} does not belong in a verb",
                offset + i
            ),
        )),
    }
}

fn append(out: &mut String, verb: &Verb<'_>, arg: &Value) -> Result<(), FnError> {
    let wrong = |why: &str| FnError::new(format!("unsupported value for `{}`: {why}", verb.raw));
    if verb.mode != 'v' && arg.is_null() {
        return Err(wrong("null cannot be formatted"));
    }
    let as_type = |ty: Type| {
        let word = ty.friendly();
        convert::to(arg, &ty).map_err(|_| wrong(&format!("a {word} is required")))
    };
    match verb.mode {
        'v' => {
            let shown = match &arg.kind {
                ValueKind::String(s) if !verb.sharp => s.to_string(),
                ValueKind::Number(n) if !verb.sharp => float(n, 'g', None),
                _ => json::encode(arg).map_err(|e| wrong(&e))?,
            };
            pad(out, verb, &shown);
        }
        't' => {
            let b = as_type(Type::Bool)?.as_bool().unwrap_or_default();
            out.push_str(if b { "true" } else { "false" });
        }
        'b' | 'd' | 'o' | 'x' | 'X' => {
            let n = as_type(Type::Number)?;
            let n = n.as_number().and_then(Number::to_bigint);
            append_integer(out, verb, &n.ok_or_else(|| wrong("a whole number is required"))?);
        }
        'e' | 'E' | 'f' | 'g' | 'G' => {
            let n = as_type(Type::Number)?;
            append_float(out, verb, n.as_number().unwrap_or(&Number::ZERO));
        }
        's' | 'q' => {
            let s = as_type(Type::String)?;
            let mut s = s.as_str().unwrap_or_default().to_owned();
            if let Some(n) = verb.precision.filter(|n| *n > 0) {
                s.truncate(graphemes(&s).iter().take(n).map(|g| g.len()).sum());
            }
            if verb.mode == 'q' {
                s = json::encode(&s.into()).map_err(|e| wrong(&e))?;
            }
            pad(out, verb, &s);
        }
        other => {
            return Err(FnError::at(
                0,
                format!("there is no verb `{other}` (in `{}`)", verb.raw),
            ));
        }
    }
    Ok(())
}

fn pad(out: &mut String, verb: &Verb<'_>, s: &str) {
    let missing = match verb.width {
        Some(width) => width.saturating_sub(graphemes(s).len()),
        None => 0,
    };
    let fill = if verb.zero { "0" } else { " " }.repeat(missing);
    if verb.minus {
        out.extend([s, &fill]);
    } else {
        out.extend([&fill, s]);
    }
}

fn append_integer(out: &mut String, verb: &Verb<'_>, n: &BigInt) {
    let (radix, prefix) = match verb.mode {
        'b' => (2, "0b"),
        'o' => (8, "0"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        _ => (10, ""),
    };
    let mut digits = n.magnitude().to_str_radix(radix);
    if verb.mode == 'X' {
        digits.make_ascii_uppercase();
    }
    let prefix = if verb.sharp { prefix } else { "" };
    let sign = match n.sign() {
        num_bigint::Sign::Minus => "-",
        _ if verb.plus => "+",
        _ if verb.space => " ",
        _ => "",
    };
    let mut zeros = match verb.precision {
        Some(0) if digits == "0" => return,
        Some(least) => least.saturating_sub(digits.len()),
        None => 0,
    };
    let length = sign.len() + prefix.len() + zeros + digits.len();
    let missing = verb.width.map_or(0, |w| w.saturating_sub(length));
    let (mut left, mut right) = (0, 0);
    if verb.minus {
        right = missing;
    } else if verb.zero && verb.precision.is_none() {
        zeros = missing;
    } else {
        left = missing;
    }
    out.extend([
        &*" ".repeat(left),
        sign,
        prefix,
        &"0".repeat(zeros),
        &digits,
        &" ".repeat(right),
    ]);
}

fn append_float(out: &mut String, verb: &Verb<'_>, n: &Number) {
    let precision = match verb.mode {
        'g' | 'G' => verb.precision,
        _ => Some(verb.precision.unwrap_or(6)),
    };
    let shown = float(n, verb.mode, precision);
    let (sign, digits) = match shown.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None if verb.space && n.is_infinite() => (" ", &shown[1..]),
        None if n.is_infinite() => ("+", &shown[1..]),
        None if verb.plus => ("+", &shown[..]),
        None if verb.space => (" ", &shown[..]),
        None => ("", &shown[..]),
    };
    let missing = verb.width.map_or(0, |w| w.saturating_sub(sign.len() + digits.len()));
    if verb.zero && !n.is_infinite() {
        out.extend([sign, &"0".repeat(missing), digits]);
    } else if verb.minus {
        out.extend([sign, digits, &" ".repeat(missing)]);
    } else {
        out.extend([&" ".repeat(missing), sign, digits]);
    }
}

/// Writes a number as Go's `big.Float.Text` does; the shortest form without a precision.
fn float(n: &Number, mode: char, precision: Option<usize>) -> String {
    if n.is_infinite() {
        return if n.is_negative() { "-Inf" } else { "+Inf" }.into();
    }
    match mode {
        'f' => n.format_fixed(precision.unwrap_or(6)),
        'e' => n.format_exponent(precision),
        'E' => n.format_exponent(precision).to_ascii_uppercase(),
        'G' => general(n, precision).to_ascii_uppercase(),
        _ => general(n, precision),
    }
}

/// Writes so many digits, or as few as identify the number; with an exponent
/// unless it is from -4 to below the number of digits (below 6 for the shortest form).
fn general(n: &Number, precision: Option<usize>) -> String {
    let shown = n.format_exponent(precision.map(|p| p.saturating_sub(1)));
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let (count, point) = (digits.len() as i64, exponent + 1);
    let limit = match precision.map(|p| p.max(1) as i64) {
        None => 6,
        Some(p) if p > count && count >= point => count,
        Some(p) => p,
    };
    if digits.is_empty() {
        return format!("{sign}0");
    }
    if exponent < -4 || exponent >= limit {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let minus = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{dot}{rest}e{minus}{:02}", exponent.abs());
    }
    if point <= 0 {
        let zeros = "0".repeat(point.unsigned_abs() as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    if point >= count {
        let zeros = "0".repeat((point - count) as usize);
        return format!("{sign}{digits}{zeros}");
    }
    let (whole, part) = digits.split_at(point as usize);
    format!("{sign}{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    fn num(s: &str) -> Value {
        Number::parse(s).unwrap().into()
    }

    #[track_caller]
    fn shows<const N: usize>(pattern: &str, args: [Value; N], expect: &str) {
        let args: Vec<Value> = [pattern.into()].into_iter().chain(args).collect();
        check("format", args, expect);
    }

    #[test]
    fn integers() {
        shows(
            "%3d|%-3d|%03d|% d|%+d",
            [1, 2, 3, 4, 5].map(Value::from),
            "  1|2  |003| 4|+5",
        );
        shows(
            "%x %X %#x %#o %#b",
            [255, 255, 12, 8, 5].map(Value::from),
            "ff FF 0xc 010 0b101",
        );
        shows(
            "%8.5d|%08.5d|%-05d|%.0d|",
            [42, 42, 42, 0].map(Value::from),
            "   00042|   00042|42   ||",
        );
        shows("%d", ["7".into()], "7");
        refused("format", ["%d".into(), num("7.5")]);
    }

    #[test]
    fn floats_are_exact() {
        shows("%.2f", [num("1.005")], "1.00");
        shows("%.0f %.0f", [num("0.5"), num("2.5")], "0 2");
        shows("%08.3f|%-08.2f|", [num("3.14159"), num("1.5")], "0003.142|00001.50|");
        shows("%.20f", [num("0.1")], "0.10000000000000000000");
        shows(
            "%e %.0e %+.1e",
            [num("0.000001"), 15.into(), 12.into()],
            "1.000000e-06 2e+01 +1.2e+01",
        );
        shows(
            "%g %g %g %G",
            [num("0.000001"), num("1e21"), 100000.into(), num("1e-10")],
            "1e-06 1e+21 100000 1E-10",
        );
        shows("%.3g %.10g", [123456.into(), 100000.into()], "1.23e+05 100000");
        shows("%v", [num("12345678901234567890")], "1.234567890123456789e+19");
        shows(
            "%010f|% f",
            [Number::infinity(false).into(), Number::infinity(false).into()],
            "      +Inf| Inf",
        );
    }

    #[test]
    fn strings_count_characters() {
        shows(
            "%5s|%-5s|%05s|%.3s",
            ["🎉".into(), "a".into(), "a".into(), "hello".into()],
            "    🎉|a    |0000a|hel",
        );
        shows(
            "%q %.2q",
            ["<a>".into(), "日本語".into()],
            "\"\\u003ca\\u003e\" \"日本\"",
        );
        shows("%v %#v", [Value::tuple(vec![1.into()]), "s".into()], "[1] \"s\"");
    }

    #[test]
    fn arguments_are_chosen() {
        shows("%[2]s %[1]s", ["a".into(), "b".into()], "b a");
        shows("%5[2]d", [1.into(), 2.into()], "    2");
        for pattern in ["%", "%5", "%[3]s", "%[0]s", "%*d", "%z", "%5%", "%s %s %s"] {
            refused("format", [pattern.into(), "a".into(), "b".into()]);
        }
        refused("format", ["%s".into(), "a".into(), "b".into()]);
        refused("format", ["%9999999s".into(), "a".into()]);
    }

    #[test]
    fn lists_are_formatted_together() {
        let list = Value::strings(["a", "b"]);
        check(
            "formatlist",
            ["%s-%s".into(), list.clone(), "x".into()],
            Value::strings(["a-x", "b-x"]),
        );
        check("formatlist", ["a".into()], Value::strings(["a"]));
        refused("formatlist", ["%s%s".into(), list, Value::strings(["c"])]);
    }

    #[test]
    fn unknown_results_keep_their_beginning() {
        let result = super::super::testing::run("format", ["ab-%s".into(), Value::unknown(Type::String)]).unwrap();
        let ValueKind::Unknown(Type::String, Some(r)) = result.kind else {
            panic!("{result:?}")
        };
        assert_eq!(r.prefix.as_deref(), Some("ab-"));
    }
}
