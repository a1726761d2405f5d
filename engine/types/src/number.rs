//! Exact numbers with Terraform's precision.
//!
//! A number is a binary floating point value whose mantissa has a precision of
//! its own: 512 bits when it was written down or converted from text, 64 bits
//! when it counts something, 53 bits when it came from a double. A result has
//! the larger precision of its operands. Small integers take a fast path.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::ToPrimitive;

use crate::float::{self, Float, Rounded};

/// A number: exact, or rounded to the nearest with a mantissa of 512 bits; may be infinite.
#[derive(Clone)]
pub struct Number(Repr);

/// Canonical: an integer that fits is always `Small`, except for the negative zero.
#[derive(Clone)]
enum Repr {
    Small(i64, u32),
    NegZero(u32),
    Inf(bool, u32),
    Big(Arc<Float>),
}

/// Bits of the mantissa of a number made from an integer.
const COUNTED: u32 = 64;

/// Bits of the mantissa of a number made from a double.
const DOUBLE: u32 = 53;

impl Number {
    /// Zero.
    pub const ZERO: Number = Number(Repr::Small(0, COUNTED));

    /// One.
    pub const ONE: Number = Number(Repr::Small(1, COUNTED));

    /// Parses a decimal number.
    ///
    /// Takes what conversion from a string takes: literals of the language
    /// (`12`, `1.5`, `2e10`), and also a sign, `.5`, `5.`, `1p3`, `Inf`.
    pub fn parse(text: &str) -> Option<Number> {
        if text.len() <= 18
            && text.bytes().all(|b| b.is_ascii_digit())
            && let Ok(n) = text.parse()
        {
            return Some(Number(Repr::Small(n, float::PARSED)));
        }
        Some(Number::rounded(float::parse(text)?, float::PARSED))
    }

    /// Parses a number literal of the language: digits, then maybe a fraction
    /// (`.` and digits), then maybe an exponent (`e`, sign, digits).
    pub fn parse_literal(text: &str) -> Option<Number> {
        let bytes = text.as_bytes();
        let well_formed = bytes.first().is_some_and(u8::is_ascii_digit)
            && bytes.last().is_some_and(u8::is_ascii_digit)
            && !text.contains(['p', 'P', '_'])
            && text
                .split_once('.')
                .is_none_or(|(_, f)| f.starts_with(|c: char| c.is_ascii_digit()));
        if well_formed { Number::parse(text) } else { None }
    }

    /// Creates a number from a double; nothing for NaN.
    pub fn from_f64(f: f64) -> Option<Number> {
        if f.is_nan() {
            return None;
        }
        if f.is_infinite() {
            return Some(Number(Repr::Inf(f < 0.0, DOUBLE)));
        }
        let bits = f.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i64;
        let fraction = bits & ((1 << 52) - 1);
        let (mant, exp) = if exponent == 0 {
            (fraction, -1074)
        } else {
            (fraction | 1 << 52, exponent - 1075)
        };
        let rounded = float::round(f.is_sign_negative(), mant.into(), exp, false, DOUBLE);
        Some(Number::rounded(rounded, DOUBLE))
    }

    /// Creates a number from a count.
    pub fn from_usize(n: usize) -> Number {
        Number::from(n as u64)
    }

    /// An infinity.
    pub fn infinity(negative: bool) -> Number {
        Number(Repr::Inf(negative, float::PARSED))
    }

    fn rounded(r: Rounded, prec: u32) -> Number {
        Number(match r {
            Rounded::Zero(false) => Repr::Small(0, prec),
            Rounded::Zero(true) => Repr::NegZero(prec),
            Rounded::Inf(neg) => Repr::Inf(neg, prec),
            Rounded::Finite(f) => match small(&f) {
                Some(n) => Repr::Small(n, prec),
                None => Repr::Big(Arc::new(f)),
            },
        })
    }

    fn prec(&self) -> u32 {
        match &self.0 {
            Repr::Small(_, p) | Repr::NegZero(p) | Repr::Inf(_, p) => *p,
            Repr::Big(f) => f.prec,
        }
    }

    /// Returns the value in its general form; nothing for zeros and infinities.
    fn float(&self) -> Option<std::borrow::Cow<'_, Float>> {
        use std::borrow::Cow;
        match &self.0 {
            Repr::Small(0, _) | Repr::NegZero(_) | Repr::Inf(..) => None,
            Repr::Small(n, prec) => {
                let zeros = n.trailing_zeros();
                Some(Cow::Owned(Float {
                    neg: *n < 0,
                    mant: (n.unsigned_abs() >> zeros).into(),
                    exp: i64::from(zeros),
                    prec: *prec,
                }))
            }
            Repr::Big(f) => Some(Cow::Borrowed(f)),
        }
    }

    /// Says whether the sign is minus; so for the negative zero too.
    fn sign_bit(&self) -> bool {
        match &self.0 {
            Repr::Small(n, _) => *n < 0,
            Repr::NegZero(_) => true,
            Repr::Inf(neg, _) => *neg,
            Repr::Big(f) => f.neg,
        }
    }

    /// Returns the nearest double.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Small(n, _) => *n as f64,
            Repr::NegZero(_) => -0.0,
            Repr::Inf(false, _) => f64::INFINITY,
            Repr::Inf(true, _) => f64::NEG_INFINITY,
            Repr::Big(f) => f.to_f64(),
        }
    }

    /// Returns the number as an integer, if it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(n, _) => Some(*n),
            Repr::NegZero(_) => Some(0),
            Repr::Inf(..) | Repr::Big(_) => None,
        }
    }

    /// Returns the number as an integer, if it is one that fits.
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Small(n, _) => u64::try_from(*n).ok(),
            Repr::NegZero(_) => Some(0),
            Repr::Inf(..) => None,
            Repr::Big(_) => self.to_bigint()?.to_u64(),
        }
    }

    /// Returns the number as an integer, if it is one that fits.
    pub fn to_usize(&self) -> Option<usize> {
        self.to_u64().and_then(|n| usize::try_from(n).ok())
    }

    /// Returns the number as an integer, if it is one.
    pub fn to_bigint(&self) -> Option<BigInt> {
        if !self.is_integer() {
            return None;
        }
        self.to_bigint_trunc()
    }

    /// Returns the integer part, towards zero; nothing for infinities.
    pub fn to_bigint_trunc(&self) -> Option<BigInt> {
        match &self.0 {
            Repr::Small(n, _) => Some((*n).into()),
            Repr::NegZero(_) => Some(0.into()),
            Repr::Inf(..) => None,
            Repr::Big(f) => {
                let sign = if f.neg { Sign::Minus } else { Sign::Plus };
                Some(BigInt::from_biguint(sign, f.trunc_abs().0))
            }
        }
    }

    /// Says whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Small(..) | Repr::NegZero(_) => true,
            Repr::Inf(..) => false,
            Repr::Big(f) => f.exp >= 0,
        }
    }

    /// Says whether it is an infinity.
    pub fn is_infinite(&self) -> bool {
        matches!(self.0, Repr::Inf(..))
    }

    /// Says whether it is less than zero.
    pub fn is_negative(&self) -> bool {
        self.sign_bit() && !self.is_zero()
    }

    /// Says whether it is zero, of either sign.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small(0, _) | Repr::NegZero(_))
    }

    /// Says whether it is the negative zero, which is written `-0`.
    pub fn is_negative_zero(&self) -> bool {
        matches!(self.0, Repr::NegZero(_))
    }

    /// Returns the number with the opposite sign.
    pub fn neg(&self) -> Number {
        Number(match &self.0 {
            Repr::Small(0, p) => Repr::NegZero(*p),
            Repr::NegZero(p) => Repr::Small(0, *p),
            Repr::Inf(neg, p) => Repr::Inf(!neg, *p),
            Repr::Small(n, p) if *n != i64::MIN => Repr::Small(-n, *p),
            Repr::Small(..) | Repr::Big(_) => {
                let Some(f) = self.float() else {
                    return self.clone();
                };
                let mut f = f.into_owned();
                f.neg = !f.neg;
                let prec = f.prec;
                return Number::rounded(Rounded::Finite(f), prec);
            }
        })
    }

    /// Returns the magnitude.
    pub fn abs(&self) -> Number {
        if self.sign_bit() { self.neg() } else { self.clone() }
    }

    /// Returns the largest integer that is not larger.
    pub fn floor(&self) -> Number {
        self.round_to(|neg| neg)
    }

    /// Returns the smallest integer that is not smaller.
    pub fn ceil(&self) -> Number {
        self.round_to(|neg| !neg)
    }

    /// Returns the integer part, towards zero.
    pub fn trunc(&self) -> Number {
        self.round_to(|_| false)
    }

    /// Rounds to an integer; `away` says from the sign whether a fraction counts as one more.
    fn round_to(&self, away: impl Fn(bool) -> bool) -> Number {
        match &self.0 {
            Repr::Small(..) | Repr::Inf(..) => self.clone(),
            Repr::NegZero(p) => Number(Repr::Small(0, *p)),
            Repr::Big(f) => {
                let (mut n, cut) = f.trunc_abs();
                if cut && away(f.neg) {
                    n += 1u8;
                }
                let neg = f.neg && n != BigUint::ZERO;
                Number::rounded(float::round(neg, n, 0, false, f.prec), f.prec)
            }
        }
    }

    /// Adds; nothing for opposite infinities.
    pub fn add(&self, other: &Number) -> Option<Number> {
        self.add_or_sub(other, false)
    }

    /// Subtracts; nothing for equal infinities.
    pub fn sub(&self, other: &Number) -> Option<Number> {
        self.add_or_sub(other, true)
    }

    fn add_or_sub(&self, other: &Number, flip: bool) -> Option<Number> {
        let prec = self.prec().max(other.prec());
        if let (Repr::Small(a, _), Repr::Small(b, _)) = (&self.0, &other.0)
            && prec >= COUNTED
        {
            let sum = if flip { a.checked_sub(*b) } else { a.checked_add(*b) };
            if let Some(sum) = sum {
                return Some(Number(Repr::Small(sum, prec)));
            }
        }
        let other_neg = other.sign_bit() != flip;
        match (&self.0, &other.0) {
            (Repr::Inf(neg, _), Repr::Inf(..)) => {
                return (*neg == other_neg).then_some(Number(Repr::Inf(*neg, prec)));
            }
            (Repr::Inf(neg, _), _) => return Some(Number(Repr::Inf(*neg, prec))),
            (_, Repr::Inf(..)) => return Some(Number(Repr::Inf(other_neg, prec))),
            _ => {}
        }
        let rounded = match (self.float(), other.float()) {
            (Some(a), Some(b)) => a.add(&b, flip, prec),
            (None, None) => Rounded::Zero(self.sign_bit() && other_neg),
            (Some(a), None) => float::round(a.neg, a.mant.clone(), a.exp, false, prec),
            (None, Some(b)) => float::round(other_neg, b.mant.clone(), b.exp, false, prec),
        };
        Some(Number::rounded(rounded, prec))
    }

    /// Multiplies; nothing for zero times infinity.
    pub fn mul(&self, other: &Number) -> Option<Number> {
        let prec = self.prec().max(other.prec());
        if let (Repr::Small(a, _), Repr::Small(b, _)) = (&self.0, &other.0)
            && *a != 0
            && *b != 0
            && let Some(product) = a.checked_mul(*b)
        {
            return Some(Number(Repr::Small(product, prec.max(bits(product)))));
        }
        let neg = self.sign_bit() != other.sign_bit();
        if self.is_infinite() || other.is_infinite() {
            let nan = self.is_zero() || other.is_zero();
            return (!nan).then_some(Number(Repr::Inf(neg, prec)));
        }
        let (Some(a), Some(b)) = (self.float(), other.float()) else {
            return Some(Number::rounded(Rounded::Zero(neg), prec));
        };
        // The product may need more bits than its factors; up to 512 are granted.
        Some(match a.mul(&b, float::PARSED) {
            Rounded::Finite(f) => {
                let prec = prec.max(u32::try_from(f.mant.bits()).unwrap_or(u32::MAX));
                Number::rounded(Rounded::Finite(Float { prec, ..f }), prec)
            }
            other => Number::rounded(other, prec),
        })
    }

    /// Divides; nothing for zero by zero and infinity by infinity.
    ///
    /// Anything else by zero is an infinity.
    pub fn div(&self, other: &Number) -> Option<Number> {
        let prec = self.prec().max(other.prec());
        if let (Repr::Small(a, _), Repr::Small(b, _)) = (&self.0, &other.0)
            && *a != 0
            && *b != 0
            && a.checked_rem(*b) == Some(0)
        {
            return Some(Number(Repr::Small(a / b, prec)));
        }
        let neg = self.sign_bit() != other.sign_bit();
        if self.is_zero() && other.is_zero() || self.is_infinite() && other.is_infinite() {
            return None;
        }
        if other.is_zero() || self.is_infinite() {
            return Some(Number(Repr::Inf(neg, prec)));
        }
        let (Some(a), Some(b)) = (self.float(), other.float()) else {
            return Some(Number::rounded(Rounded::Zero(neg), prec));
        };
        Some(Number::rounded(a.div(&b, prec), prec))
    }

    /// Returns the remainder of the division, with the sign of `self`;
    /// `self` when dividing by zero; nothing with infinities.
    pub fn rem(&self, other: &Number) -> Option<Number> {
        if other.is_zero() {
            return Some(self.clone());
        }
        if self.is_infinite() || other.is_infinite() {
            return None;
        }
        if let (Repr::Small(a, p), Repr::Small(b, q)) = (&self.0, &other.0)
            && p.min(q) >= &COUNTED
            && let Some(rest) = a.checked_rem(*b)
        {
            return Some(Number(Repr::Small(rest, *p)));
        }
        // Computed as Terraform does, with the rounding that brings.
        let prec = self.prec();
        let quotient = self.div(other)?.to_bigint_trunc()?;
        let quotient = Number::from_bigint(&quotient, prec);
        let product = match (quotient.float(), other.float()) {
            (Some(a), Some(b)) => a.mul(&b, prec),
            _ => Rounded::Zero(other.sign_bit()),
        };
        let product = Number::rounded(product, prec);
        let result = self.sub(&product)?;
        Some(result)
    }

    /// Returns the digits of the magnitude as `0.DIGITS * 10^place`, without zeros at the end.
    pub(crate) fn exact_digits(&self) -> (Vec<u8>, i64) {
        self.float().map_or_else(Default::default, |f| f.exact())
    }

    /// Returns the fewest digits that identify the magnitude, as `0.DIGITS * 10^place`.
    pub(crate) fn shortest_digits(&self) -> (Vec<u8>, i64) {
        self.float().map_or_else(Default::default, |f| f.shortest())
    }

    fn from_bigint(n: &BigInt, prec: u32) -> Number {
        let neg = n.sign() == Sign::Minus;
        Number::rounded(float::round(neg, n.magnitude().clone(), 0, false, prec), prec)
    }
}

/// Returns the value if it is an integer that fits.
fn small(f: &Float) -> Option<i64> {
    if f.exp < 0 || f.exp >= 64 || f.mant.bits() + f.exp as u64 > 64 {
        return None;
    }
    let magnitude = f.mant.to_u64()? << f.exp;
    if f.neg {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Returns how many bits the odd part has.
fn bits(n: i64) -> u32 {
    let n = n.unsigned_abs();
    64 - n.leading_zeros() - n.trailing_zeros().min(63)
}

impl From<i64> for Number {
    fn from(n: i64) -> Self {
        Number(Repr::Small(n, COUNTED))
    }
}

impl From<i32> for Number {
    fn from(n: i32) -> Self {
        Number::from(i64::from(n))
    }
}

impl From<u32> for Number {
    fn from(n: u32) -> Self {
        Number::from(i64::from(n))
    }
}

impl From<u64> for Number {
    fn from(n: u64) -> Self {
        match i64::try_from(n) {
            Ok(n) => Number::from(n),
            Err(_) => Number::rounded(float::round(false, n.into(), 0, false, COUNTED), COUNTED),
        }
    }
}

impl From<usize> for Number {
    fn from(n: usize) -> Self {
        Number::from_usize(n)
    }
}

impl From<BigInt> for Number {
    /// Takes as many bits as the integer has, but no fewer than 64.
    fn from(n: BigInt) -> Self {
        let prec = u32::try_from(n.bits()).unwrap_or(u32::MAX).max(COUNTED);
        Number::from_bigint(&n, prec)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Small(a, _), Repr::Small(b, _)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        /// From minus infinity (-2) to infinity (2).
        fn class(n: &Number) -> i8 {
            let class = match &n.0 {
                Repr::Inf(..) => 2,
                _ if n.is_zero() => return 0,
                _ => 1,
            };
            if n.sign_bit() { -class } else { class }
        }
        class(self)
            .cmp(&class(other))
            .then_with(|| match (self.float(), other.float()) {
                (Some(a), Some(b)) if a.neg => b.cmp_abs(&a),
                (Some(a), Some(b)) => a.cmp_abs(&b),
                _ => Ordering::Equal,
            })
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Small(n, _) => n.hash(state),
            Repr::NegZero(_) => 0i64.hash(state),
            Repr::Inf(neg, _) => (u8::MAX, neg).hash(state),
            Repr::Big(f) => (f.neg, &f.mant, f.exp).hash(state),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes all digits, never an exponent: as few as tell the number from its neighbours.
impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let float = match &self.0 {
            // A 53-bit number has neighbours further than one apart when it is large.
            Repr::Small(n, prec) if *prec >= COUNTED || n.unsigned_abs() < 1 << DOUBLE => {
                return fmt::Display::fmt(n, out);
            }
            Repr::NegZero(_) => return out.write_str("-0"),
            Repr::Inf(false, _) => return out.write_str("+Inf"),
            Repr::Inf(true, _) => return out.write_str("-Inf"),
            Repr::Small(..) | Repr::Big(_) => self.float(),
        };
        let Some(float) = float else {
            return out.write_str("0");
        };
        let (digits, place) = float.shortest();
        let mut text = String::with_capacity(digits.len() + 4);
        if float.neg {
            text.push('-');
        }
        let (whole, zeros) = match usize::try_from(place) {
            Ok(place) if place > 0 => (place, 0),
            _ => {
                text.push('0');
                (0, place.unsigned_abs() as usize)
            }
        };
        text.extend(digits.iter().take(whole).map(|d| char::from(*d)));
        text.extend(std::iter::repeat_n('0', whole.saturating_sub(digits.len())));
        if digits.len() > whole {
            text.push('.');
            text.extend(std::iter::repeat_n('0', zeros));
            text.extend(digits.iter().skip(whole).map(|d| char::from(*d)));
        }
        out.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(n(text).to_string(), expect);
    }

    #[test]
    fn numbers_are_written_with_the_fewest_digits() {
        check("0", "0");
        check("-0", "-0");
        check("007", "7");
        check("1.50", "1.5");
        check("-1.5e3", "-1500");
        check("1e-30", "0.000000000000000000000000000001");
        check(".5", "0.5");
        check("5.", "5");
        check("1p3", "8");
        check("9223372036854775808", "9223372036854775808");
        check("-9223372036854775808", "-9223372036854775808");
        check("0.1", "0.1");
        check("Inf", "+Inf");
        check("1e200", &format!("1{}", "0".repeat(200)));
        check("1e-400", &format!("0.{}1", "0".repeat(399)));
        check("1e5000", &format!("1{}", "0".repeat(5000)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "-",
            ".",
            "1e",
            "1e+",
            "1_0",
            "0x1",
            " 1",
            "1 ",
            "--1",
            "1.2.3",
            "INF",
            "１",
            "1e99999999999",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
        for text in ["+1", "-1", ".5", "5.", "1p3", "Inf", "5.e3"] {
            assert!(Number::parse_literal(text).is_none(), "{text}");
        }
        assert!(Number::parse_literal("1.5e-3").is_some());
    }

    #[test]
    fn arithmetic_rounds_to_512_bits() {
        assert_eq!(n("0.1").add(&n("0.2")).unwrap(), n("0.3"));
        assert_ne!(n("1").sub(&n("0.9")).unwrap(), n("0.1"));
        let third = n("1").div(&n("3")).unwrap();
        assert_eq!(third.to_string(), format!("0.{}5", "3".repeat(154)));
        assert_eq!(third.mul(&n("3")).unwrap(), n("1"));
        assert_eq!(n("12345678901234567890").rem(&n("97")).unwrap(), n("3"));
        assert_eq!(n("-5.5").rem(&n("2")).unwrap(), n("-1.5"));
        assert_eq!(n("0").mul(&n("-1")).unwrap().to_string(), "-0");
        assert_eq!(n("0").rem(&n("-1")).unwrap().to_string(), "0");
    }

    #[test]
    fn doubles_keep_their_precision() {
        let power = Number::from_f64(3f64.powi(40)).unwrap();
        assert_eq!(power.to_string(), "12157665459056929000");
        assert_eq!(power.add(&n("1")).unwrap().to_string(), "12157665459056928769");
        assert_eq!(power.mul(&n("2")).unwrap().to_string(), "24315330918113857536");
        assert_eq!(Number::from_f64(0.1).unwrap().to_string(), "0.1");
        let third = Number::from_f64(10f64.log2())
            .unwrap()
            .div(&Number::from(3i64))
            .unwrap();
        assert!(third.to_string().len() < 25, "{third}");
    }

    #[test]
    fn doubles_round_trip() {
        for f in [
            0.1,
            1e300,
            5e-324,
            2.2250738585072014e-308,
            1.7976931348623157e308,
            -2.5,
            123456789.0,
        ] {
            assert_eq!(Number::from_f64(f).unwrap().to_f64(), f);
            assert_eq!(n(&format!("{f}")).to_f64(), f);
        }
        assert_eq!(n("1e400").to_f64(), f64::INFINITY);
        assert_eq!(n("1e-400").to_f64(), 0.0);
    }

    #[test]
    fn infinities_compare_and_may_have_no_result() {
        let inf = n("1").div(&n("0")).unwrap();
        assert!(inf > n("1e400") && inf.neg() < n("-1e400") && inf == inf.clone());
        assert!(inf.sub(&inf).is_none());
        assert!(n("0").mul(&inf).is_none());
        assert!(n("0").div(&n("0")).is_none());
        assert!(n("5").rem(&inf).is_none());
        assert_eq!(n("2").rem(&n("0")).unwrap(), n("2"));
    }

    #[test]
    fn integers_convert() {
        assert_eq!(n("18446744073709551615").to_u64(), Some(u64::MAX));
        assert_eq!(Number::from(u64::MAX).to_string(), "18446744073709551615");
        assert_eq!(n("18446744073709551616").to_u64(), None);
        assert_eq!(n("1.5").to_i64(), None);
        assert_eq!(
            n("1e30").to_bigint().unwrap().to_string(),
            format!("1{}", "0".repeat(30))
        );
        assert_eq!(n("-1e-20").floor().to_string(), "-1");
        assert_eq!(n("-0.5").ceil().to_string(), "0");
        assert_eq!(n("-2.5").trunc().to_string(), "-2");
        assert_eq!(Number::from(i64::MIN).neg().to_string(), "9223372036854775808");
        assert_eq!(n("9223372036854775808").neg().to_i64(), Some(i64::MIN));
    }

    #[test]
    fn equal_numbers_have_equal_hashes() {
        use std::collections::hash_map::DefaultHasher;
        let hash = |n: &Number| {
            let mut h = DefaultHasher::new();
            n.hash(&mut h);
            h.finish()
        };
        assert_eq!(hash(&n("-0")), hash(&n("0")));
        assert_eq!(hash(&n("0.5")), hash(&Number::from_f64(0.5).unwrap()));
        assert_eq!(hash(&n("1e3")), hash(&Number::from(1000i64)));
    }
}
