//! Binary floating point with a chosen precision, rounded to nearest even.
//!
//! Follows Go's `big.Float`, which is what Terraform computes with: each value
//! has its own precision, a result has the larger one of its operands.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_traits::{One, ToPrimitive, Zero};

/// Bits of the mantissa of a parsed number.
pub(crate) const PARSED: u32 = 512;

/// Bound of binary exponents: beyond it a value is infinite or zero.
///
/// Leaves more than a million decimal digits, and keeps any one operation cheap.
const MAX_EXP: i64 = 1 << 22;

/// Digits that are kept when a value is written out: more than any mantissa in use can tell apart.
const KEPT_DIGITS: u64 = 240;

/// A finite value other than zero: `mant * 2^exp`, with an odd mantissa.
#[derive(Clone, Debug)]
pub(crate) struct Float {
    /// Whether it is below zero.
    pub(crate) neg: bool,
    /// The mantissa; odd.
    pub(crate) mant: BigUint,
    /// The exponent of its lowest bit.
    pub(crate) exp: i64,
    /// How many bits the mantissa may have.
    pub(crate) prec: u32,
}

/// What an operation gives.
#[derive(Clone, Debug)]
pub(crate) enum Rounded {
    /// A zero with its sign.
    Zero(bool),
    /// An infinity with its sign.
    Inf(bool),
    /// Anything else.
    Finite(Float),
}

/// Rounds `mant * 2^exp` (plus something smaller than its lowest bit, if `sticky`).
///
/// With `sticky`, `mant` must have more bits than `prec`.
pub(crate) fn round(neg: bool, mut mant: BigUint, mut exp: i64, sticky: bool, prec: u32) -> Rounded {
    if mant.is_zero() {
        return Rounded::Zero(neg);
    }
    let bits = mant.bits();
    if bits > u64::from(prec) {
        let drop = bits - u64::from(prec);
        let half = mant.bit(drop - 1);
        let below = sticky || mant.trailing_zeros().is_some_and(|z| z < drop - 1);
        mant >>= drop;
        exp += drop as i64;
        if half && (below || mant.bit(0)) {
            mant += 1u8;
        }
    }
    if let Some(zeros) = mant.trailing_zeros().filter(|z| *z > 0) {
        mant >>= zeros;
        exp += zeros as i64;
    }
    let top = exp + mant.bits() as i64;
    if top > MAX_EXP {
        Rounded::Inf(neg)
    } else if top < -MAX_EXP {
        Rounded::Zero(neg)
    } else {
        Rounded::Finite(Float { neg, mant, exp, prec })
    }
}

impl Float {
    /// Returns the exponent of the bit above the highest one.
    fn top(&self) -> i64 {
        self.exp + self.mant.bits() as i64
    }

    /// Orders by magnitude.
    pub(crate) fn cmp_abs(&self, other: &Float) -> Ordering {
        self.top()
            .cmp(&other.top())
            .then_with(|| match self.exp.cmp(&other.exp) {
                Ordering::Equal => self.mant.cmp(&other.mant),
                Ordering::Greater => (&self.mant << (self.exp - other.exp) as u64).cmp(&other.mant),
                Ordering::Less => self.mant.cmp(&(&other.mant << (other.exp - self.exp) as u64)),
            })
    }

    /// Adds; `flip` takes the other one with the opposite sign.
    pub(crate) fn add(&self, other: &Float, flip: bool, prec: u32) -> Rounded {
        let exp = self.exp.min(other.exp);
        let a = &self.mant << (self.exp - exp) as u64;
        let b = &other.mant << (other.exp - exp) as u64;
        let other_neg = other.neg != flip;
        if self.neg == other_neg {
            return round(self.neg, a + b, exp, false, prec);
        }
        match a.cmp(&b) {
            Ordering::Equal => Rounded::Zero(false),
            Ordering::Greater => round(self.neg, a - b, exp, false, prec),
            Ordering::Less => round(other_neg, b - a, exp, false, prec),
        }
    }

    /// Multiplies.
    pub(crate) fn mul(&self, other: &Float, prec: u32) -> Rounded {
        let mant = &self.mant * &other.mant;
        round(self.neg != other.neg, mant, self.exp + other.exp, false, prec)
    }

    /// Divides.
    pub(crate) fn div(&self, other: &Float, prec: u32) -> Rounded {
        let wanted = u64::from(prec) + 2 + other.mant.bits();
        let shift = wanted.saturating_sub(self.mant.bits());
        let dividend = &self.mant << shift;
        let quotient = &dividend / &other.mant;
        let sticky = &quotient * &other.mant != dividend;
        let exp = self.exp - other.exp - shift as i64;
        round(self.neg != other.neg, quotient, exp, sticky, prec)
    }

    /// Returns the integer part (towards zero) of the magnitude, and whether something was cut off.
    pub(crate) fn trunc_abs(&self) -> (BigUint, bool) {
        if self.exp >= 0 {
            (&self.mant << self.exp as u64, false)
        } else {
            (&self.mant >> self.exp.unsigned_abs(), true)
        }
    }

    /// Returns the nearest double.
    pub(crate) fn to_f64(&self) -> f64 {
        let sign = if self.neg { -1.0 } else { 1.0 };
        let top = self.top();
        if top > 1024 {
            return sign * f64::INFINITY;
        }
        // Below 2^-1022 fewer bits are left.
        let prec = (top + 1074).min(53);
        if prec < 0 {
            return sign * 0.0;
        }
        if prec == 0 {
            // Between half the smallest double and that double.
            return if self.mant.is_one() {
                sign * 0.0
            } else {
                sign * f64::from_bits(1)
            };
        }
        match round(false, self.mant.clone(), self.exp, false, prec as u32) {
            Rounded::Finite(f) => {
                let mant = f.mant.to_u64().unwrap_or(u64::MAX) as f64;
                // The product is exact at each step: halving the exponent keeps factors in range.
                let half = f.exp / 2;
                sign * mant * pow2(half) * pow2(f.exp - half)
            }
            Rounded::Inf(_) => sign * f64::INFINITY,
            Rounded::Zero(_) => sign * 0.0,
        }
    }

    /// Returns all decimal digits of the magnitude and the place of the point:
    /// `0.DIGITS * 10^place`.
    pub(crate) fn exact(&self) -> (Vec<u8>, i64) {
        let exact = Decimal::new(&self.mant, self.exp, u64::MAX);
        (exact.digits, exact.place)
    }

    /// Returns the fewest decimal digits that identify the magnitude at its
    /// precision, and the place of the point: `0.DIGITS * 10^place`.
    pub(crate) fn shortest(&self) -> (Vec<u8>, i64) {
        let exact = Decimal::new(&self.mant, self.exp, KEPT_DIGITS);
        // The lowest bit of `mant` is half a unit in the last place.
        let shift = i64::from(self.prec) + 1 - self.mant.bits() as i64;
        let mant = &self.mant << shift.max(0) as u64;
        let exp = self.exp - shift.max(0);
        let lower = Decimal::new(&(&mant - 1u8), exp, KEPT_DIGITS);
        let upper = Decimal::new(&(&mant + 1u8), exp, KEPT_DIGITS);
        let inclusive = !mant.bit(1);
        for (i, &m) in exact.digits.iter().enumerate() {
            let l = lower.at(i);
            let u = upper.at(i);
            let ok_down = l != m || inclusive && i + 1 == lower.digits.len();
            let ok_up = m != u && (inclusive || m + 1 < u || i + 1 < upper.digits.len());
            match (ok_down, ok_up) {
                (true, true) => return exact.rounded(i + 1),
                (true, false) => return exact.rounded_down(i + 1),
                (false, true) => return exact.rounded_up(i + 1),
                (false, false) => {}
            }
        }
        (exact.digits, exact.place)
    }
}

fn pow2(exp: i64) -> f64 {
    if (-1022..=1023).contains(&exp) {
        f64::from_bits(((exp + 1023) as u64) << 52)
    } else {
        2f64.powi(exp as i32)
    }
}

/// Decimal digits without zeros at the end: `0.DIGITS * 10^place`.
struct Decimal {
    digits: Vec<u8>,
    place: i64,
}

impl Decimal {
    /// Writes `mant * 2^exp` in decimal: exactly, or cut off behind more digits than
    /// count, with a last digit that says that something was there.
    fn new(mant: &BigUint, exp: i64, keep: u64) -> Decimal {
        let (mut n, mut place) = if exp >= 0 {
            (mant << exp as u64, 0)
        } else {
            let k = exp.unsigned_abs();
            (mant * pow(5, k), exp)
        };
        let at_least = (n.bits().saturating_sub(1) as f64 * std::f64::consts::LOG10_2) as u64;
        let mut sticky = false;
        if at_least > keep.saturating_add(20) {
            let cut = at_least - keep;
            let factor = pow(10, cut);
            let quotient = &n / &factor;
            sticky = &quotient * &factor != n;
            n = quotient;
            place += cut as i64;
        }
        let mut digits = n.to_str_radix(10).into_bytes();
        place += digits.len() as i64;
        if sticky {
            digits.push(b'1');
        }
        let mut decimal = Decimal { digits, place };
        decimal.trim();
        decimal
    }

    fn at(&self, i: usize) -> u8 {
        self.digits.get(i).copied().unwrap_or(b'0')
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.place = 0;
        }
    }

    fn rounded(self, n: usize) -> (Vec<u8>, i64) {
        let up = match self.digits.get(n) {
            Some(b'5') if n + 1 == self.digits.len() => n > 0 && (self.digits[n - 1] - b'0') % 2 == 1,
            Some(d) => *d >= b'5',
            None => false,
        };
        if up { self.rounded_up(n) } else { self.rounded_down(n) }
    }

    fn rounded_up(mut self, n: usize) -> (Vec<u8>, i64) {
        if n >= self.digits.len() {
            return (self.digits, self.place);
        }
        self.digits.truncate(n);
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        match self.digits.last_mut() {
            Some(d) => *d += 1,
            None => {
                self.digits.push(b'1');
                self.place += 1;
            }
        }
        (self.digits, self.place)
    }

    fn rounded_down(mut self, n: usize) -> (Vec<u8>, i64) {
        self.digits.truncate(n);
        self.trim();
        (self.digits, self.place)
    }
}

fn pow(base: u32, exp: u64) -> BigUint {
    BigUint::from(base).pow(u32::try_from(exp).unwrap_or(u32::MAX))
}

/// Parses a decimal number: digits with at most one point among or around them,
/// then maybe an exponent of ten (`e`) or two (`p`).
pub(crate) fn parse(text: &str) -> Option<Rounded> {
    let (neg, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if text == "Inf" || text == "inf" {
        return Some(Rounded::Inf(neg));
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(end);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let (base, exponent) = match exponent.as_bytes().first() {
        None => (10, 0),
        Some(b'e' | b'E') => (10, parse_exponent(&exponent[1..])?),
        Some(b'p' | b'P') => (2, parse_exponent(&exponent[1..])?),
        Some(_) => return None,
    };
    let mut digits = String::with_capacity(mantissa.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    let mant = BigUint::parse_bytes(digits.as_bytes(), 10)?;
    if mant.is_zero() {
        return Some(Rounded::Zero(neg));
    }
    let mut exp5 = -(fraction.len() as i64);
    let mut exp2 = exp5;
    if base == 10 {
        exp5 += exponent;
    }
    exp2 += exponent;
    if exp5.abs() > MAX_EXP || exp2.abs() > MAX_EXP {
        return None;
    }
    if exp5 == 0 {
        return Some(round(neg, mant, exp2, false, PARSED));
    }
    let value = Float {
        neg,
        mant,
        exp: exp2,
        prec: PARSED,
    };
    let factor = pow5(exp5.unsigned_abs());
    Some(if exp5 < 0 {
        value.div(&factor, PARSED)
    } else {
        value.mul(&factor, PARSED)
    })
}

/// Parses the digits of an exponent; far too large ones stay far too large.
fn parse_exponent(text: &str) -> Option<i64> {
    let (neg, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if neg { -n } else { n })
}

/// Returns a power of five with 64 more bits than parsed numbers have.
///
/// Large powers are rounded along the way just as Go does it.
fn pow5(n: u64) -> Float {
    const WORK: u32 = PARSED + 64;
    const TABLE: u64 = 27;
    let small = |n: u64| Float {
        neg: false,
        mant: pow(5, n),
        exp: 0,
        prec: WORK,
    };
    if n <= 240 {
        // Exact: fewer than 576 bits.
        return small(n);
    }
    let finite = |r: Rounded| match r {
        Rounded::Finite(f) => f,
        Rounded::Zero(_) | Rounded::Inf(_) => small(0),
    };
    let mut result = small(TABLE);
    let mut factor = small(1);
    let mut n = n - TABLE;
    while n > 0 {
        if n & 1 != 0 {
            result = finite(unbounded(result.mul_exact(&factor), WORK));
        }
        n >>= 1;
        if n > 0 {
            factor = finite(unbounded(factor.mul_exact(&factor), WORK + 64));
        }
    }
    result
}

impl Float {
    fn mul_exact(&self, other: &Float) -> (BigUint, i64) {
        (&self.mant * &other.mant, self.exp + other.exp)
    }
}

/// Rounds without the bounds of the exponent.
fn unbounded((mant, exp): (BigUint, i64), prec: u32) -> Rounded {
    match round(false, mant, 0, false, prec) {
        Rounded::Finite(f) => Rounded::Finite(Float { exp: f.exp + exp, ..f }),
        other => other,
    }
}
