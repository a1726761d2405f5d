//! Functions on numbers.
//!
//! Exact wherever Terraform is; `log` and `pow` compute with doubles, by the
//! methods Go's library uses, so that the last digit is the same.

use infra_types::{Number, Value};
use num_bigint::BigInt;

use super::{FnError, Param, Spec, integer, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    let one = || vec![Param::number("num")];
    vec![
        Spec::new(
            "abs",
            "Returns the magnitude of a number.",
            one(),
            returns::number,
            |args, _| Ok(number(args, 0).abs().into()),
        ),
        Spec::new(
            "ceil",
            "Rounds up to a whole number.",
            one(),
            returns::number,
            |args, _| Ok(positive_zero(number(args, 0).ceil()).into()),
        ),
        Spec::new(
            "floor",
            "Rounds down to a whole number.",
            one(),
            returns::number,
            |args, _| Ok(positive_zero(number(args, 0).floor()).into()),
        ),
        Spec::new(
            "log",
            "Returns the logarithm of a number to a base.",
            vec![Param::number("num"), Param::number("base")],
            returns::number,
            |args, _| from_double(ln(double(args, 0)?) / ln(double(args, 1)?)),
        ),
        Spec::new(
            "max",
            "Returns the largest of the numbers.",
            vec![],
            returns::number,
            |args, _| extreme(args, |new, old| new > old),
        )
        .variadic(Param::number("numbers").dynamic()),
        Spec::new(
            "min",
            "Returns the smallest of the numbers.",
            vec![],
            returns::number,
            |args, _| extreme(args, |new, old| new < old),
        )
        .variadic(Param::number("numbers").dynamic()),
        Spec::new(
            "parseint",
            "Reads a whole number written in a base.",
            vec![Param::any("number"), Param::number("base")],
            returns::number,
            parseint,
        ),
        Spec::new(
            "pow",
            "Raises a number to a power.",
            vec![Param::number("num"), Param::number("power")],
            returns::number,
            |args, _| from_double(pow(double(args, 0)?, double(args, 1)?)),
        ),
        Spec::new(
            "signum",
            "Returns the sign of a whole number: -1, 0 or 1.",
            one(),
            returns::number,
            |args, _| Ok(integer(args, 0)?.signum().into()),
        ),
    ]
}

fn number(args: &[Value], index: usize) -> &Number {
    args[index].as_number().unwrap_or(&Number::ZERO)
}

/// Adds two numbers.
pub(super) fn add(a: &Number, b: &Number) -> Result<Number, FnError> {
    a.add(b).ok_or_else(|| FnError::new("opposite infinities have no sum"))
}

fn positive_zero(n: Number) -> Number {
    if n.is_zero() { Number::ZERO } else { n }
}

fn double(args: &[Value], index: usize) -> Result<f64, FnError> {
    let n = number(args, index);
    let f = n.to_f64();
    if f.is_infinite() && !n.is_infinite() {
        return Err(FnError::at(index, "the number is too large for this function"));
    }
    Ok(f)
}

fn from_double(f: f64) -> Result<Value, FnError> {
    Number::from_f64(f)
        .map(Value::from)
        .ok_or_else(|| FnError::new("the result is not a real number"))
}

fn extreme(args: &[Value], better: fn(&Number, &Number) -> bool) -> Result<Value, FnError> {
    let mut best: Option<&Number> = None;
    for i in 0..args.len() {
        let n = number(args, i);
        if best.is_none_or(|b| better(n, b)) {
            best = Some(n);
        }
    }
    best.map(|n| n.clone().into())
        .ok_or_else(|| FnError::new("at least one number is required"))
}

fn parseint(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let Some(digits) = args[0].as_str() else {
        return Err(FnError::at(
            0,
            format!("must be a string, not {}", args[0].ty().friendly()),
        ));
    };
    let base = integer(args, 1)?;
    let base = u32::try_from(base)
        .ok()
        .filter(|b| (2..=62).contains(b))
        .ok_or_else(|| FnError::at(1, "the base must be a whole number between 2 and 62"))?;
    parse_in_base(digits, base)
        .map(|n| Number::from(n).into())
        .ok_or_else(|| FnError::at(0, format!("\"{}\" is not a whole number in base {base}", text(args, 0))))
}

/// Reads digits `0`-`9`, `a`-`z` and `A`-`Z`; up to base 36 case does not matter.
pub(super) fn parse_in_base(digits: &str, base: u32) -> Option<BigInt> {
    let (negative, digits) = match digits.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() {
        return None;
    }
    let digits: Option<Vec<u8>> = digits
        .iter()
        .map(|c| {
            let digit = match c {
                b'0'..=b'9' => c - b'0',
                b'a'..=b'z' => c - b'a' + 10,
                b'A'..=b'Z' if base <= 36 => c - b'A' + 10,
                b'A'..=b'Z' => c - b'A' + 36,
                _ => return None,
            };
            (u32::from(digit) < base).then_some(digit)
        })
        .collect();
    let sign = if negative {
        num_bigint::Sign::Minus
    } else {
        num_bigint::Sign::Plus
    };
    BigInt::from_radix_be(sign, &digits?, base)
}

/// Splits a positive double into a fraction from a half to one and a power of two.
fn frexp(x: f64) -> (f64, i64) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE {
        (x * 2f64.powi(52), -52)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let exp = ((bits >> 52) & 0x7ff) as i64 - 1022;
    (f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52)), exp + shift)
}

/// Multiplies by a power of two.
fn ldexp(x: f64, exp: i64) -> f64 {
    let (fraction, own) = frexp(x);
    let exp = exp.saturating_add(own);
    match exp {
        _ if x == 0.0 || !x.is_finite() => x,
        ..-1075 => 0f64.copysign(x),
        1025.. => f64::INFINITY.copysign(x),
        // In two steps, so that the power itself is a normal double.
        _ => fraction * 2f64.powi((exp / 2) as i32) * 2f64.powi((exp - exp / 2) as i32),
    }
}

/// The natural logarithm by the method of FreeBSD's library: reduce to
/// `2^k * (1+f)`, then a polynomial in `f / (2+f)`.
fn ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.6931471803691238;
    const LN2_LOW: f64 = 1.9082149292705877e-10;
    const L: [f64; 7] = [
        0.6666666666666735,
        0.3999999999940942,
        0.2857142874366239,
        0.22222198432149784,
        0.1818357216161805,
        0.15313837699209373,
        0.14798198605116586,
    ];
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    // Doubles below the normal ones are taken as if they were normal, as Go does on x86-64.
    let bits = x.to_bits();
    let mut exp = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let mut fraction = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exp -= 1;
    }
    let f = fraction - 1.0;
    let k = exp as f64;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let even = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let r = odd + even;
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f)
}

/// The exponential function by the method of Go's library on x86-64: with
/// `x = k * ln 2 + r`, the series of `r / 16`, squared four times.
fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_147_180_559_663;
    const LN2_LOW: f64 = 2.823_529_056_303_157_7e-13;
    /// The inverse factorials from 1/8! to 1/3!, then 1/2 and 1.
    const SERIES: [f64; 8] = [
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
        1.0,
    ];
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x == f64::NEG_INFINITY {
        return 0.0;
    }
    if x > 709.782_712_893_384 {
        return f64::INFINITY;
    }
    let k = (x * std::f64::consts::LOG2_E).round_ties_even();
    let r = (-k).mul_add(LN2_LOW, (-k).mul_add(LN2_HIGH, x)) * 0.0625;
    let (first, rest) = (SERIES[0], &SERIES[1..]);
    let mut y = r * rest.iter().fold(first, |sum, term| sum.mul_add(r, *term));
    // `y` is the value less one; `(1 + y)^2 - 1 = y * (y + 2)`.
    for _ in 0..3 {
        y *= y + 2.0;
    }
    ldexp(y.mul_add(y + 2.0, 1.0), k as i64)
}

/// Raises by repeated squaring of the fraction, with the exponent of two kept apart.
fn pow(x: f64, y: f64) -> f64 {
    let odd = y.fract() == 0.0 && y.abs() < 9_007_199_254_740_992.0 && (y as i64) & 1 == 1;
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if y == 1.0 {
        return x;
    }
    if x == 0.0 || y.is_infinite() || x.is_infinite() {
        let grows = if x == 0.0 {
            y < 0.0
        } else if x.is_infinite() {
            y > 0.0
        } else {
            (x.abs() > 1.0) == (y > 0.0)
        };
        let sign = if odd && x.is_sign_negative() { -1.0 } else { 1.0 };
        return match grows {
            _ if x == -1.0 => 1.0,
            true => f64::INFINITY.copysign(sign),
            false => 0f64.copysign(sign),
        };
    }
    if y == 0.5 {
        return x.sqrt();
    }
    if y == -0.5 {
        return 1.0 / x.sqrt();
    }
    let (mut whole, mut part) = (y.abs().trunc(), y.abs().fract());
    if part != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 9.223_372_036_854_776e18 {
        return match (x.abs() < 1.0) == (y > 0.0) {
            _ if x == -1.0 => 1.0,
            true => 0.0,
            false => f64::INFINITY,
        };
    }
    let mut result = 1.0;
    let mut result_exp = 0;
    if part != 0.0 {
        if part > 0.5 {
            part -= 1.0;
            whole += 1.0;
        }
        result = exp(part * ln(x));
    }
    let (mut square, mut square_exp) = frexp(x);
    let mut left = whole as i64;
    while left != 0 {
        if square_exp.abs() > 1 << 12 {
            // Far beyond the range of doubles, whatever follows.
            result_exp += square_exp;
            break;
        }
        if left & 1 == 1 {
            result *= square;
            result_exp += square_exp;
        }
        square *= square;
        square_exp <<= 1;
        if square < 0.5 {
            square += square;
            square_exp -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 {
        result = 1.0 / result;
        result_exp = -result_exp;
    }
    ldexp(result, result_exp)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    #[track_caller]
    fn shows(name: &str, args: &[&str], expect: &str) {
        let args = args.iter().map(|a| Value::from(Number::parse(a).unwrap()));
        let result = super::super::testing::run(name, args).unwrap();
        assert_eq!(result.as_number().unwrap().to_string(), expect, "{name}");
    }

    #[test]
    fn rounding_is_exact() {
        shows("floor", &["12345678901234567890.5"], "12345678901234567890");
        shows("ceil", &["1.0000000000000000000001"], "2");
        shows("ceil", &["-0.5"], "0");
        shows("floor", &["-1e-20"], "-1");
        shows("max", &["1e20", "3", "1e19"], "100000000000000000000");
    }

    #[test]
    fn doubles_are_those_of_go() {
        shows("log", &["16", "10"], "1.2041199826559246");
        shows("log", &["1000", "10"], "2.9999999999999996");
        shows("log", &["125", "5"], "3.0000000000000004");
        shows("log", &["7", "3"], "1.7712437491614224");
        shows("log", &["100", "0"], "-0");
        shows("log", &["2", "1e-320"], "-0.0009775171065493653");
        shows("pow", &["3", "40"], "12157665459056929000");
        shows("pow", &["1.1", "10"], "2.593742460100002");
        shows("pow", &["1.1", "0.3"], "1.029005759421095");
        shows("pow", &["320", "0.3333333333333333"], "6.8399037867067864");
        shows("pow", &["7.9877", "-1.5"], "0.0442962928724219");
        shows("pow", &["10", "8.503376131355"], "318695646.840088");
        shows("pow", &["10", "-5"], "0.00001");
        shows("pow", &["-2", "-1"], "-0.5");
        refused("pow", [Value::from(-8), Value::from(Number::parse("0.5").unwrap())]);
    }

    #[test]
    fn whole_numbers_in_bases() {
        check("parseint", ["BEEF".into(), 16.into()], 48879);
        check("parseint", ["Zz".into(), 62.into()], 3817);
        check("parseint", ["-7".into(), 8.into()], -7);
        refused("parseint", ["8".into(), 8.into()]);
        refused("parseint", ["".into(), 10.into()]);
        refused("parseint", ["1".into(), 63.into()]);
        refused("parseint", [1.into(), 10.into()]);
    }
}
