//! Writing numbers with a given number of digits.

use crate::Number;

impl Number {
    /// Writes the number with exactly `places` digits behind the point.
    pub fn format_fixed(&self, places: usize) -> String {
        if self.is_infinite() {
            return self.to_string();
        }
        let (digits, place) = self.digits(None);
        let keep = place + i64::try_from(places).unwrap_or(i64::MAX / 2);
        let (digits, place) = round(digits, place, keep);
        let mut out = self.sign_text();
        write_fixed(&digits, place, places, &mut out);
        out
    }

    /// Writes the number as `d.ddde+dd`: with `places` digits behind the point,
    /// or as few as identify it.
    pub fn format_exponent(&self, places: Option<usize>) -> String {
        if self.is_infinite() {
            return self.to_string();
        }
        let (digits, place) = match places {
            Some(n) => self.digits(Some(n + 1)),
            None => self.shortest_digits(),
        };
        let mut out = self.sign_text();
        let places = places.unwrap_or(digits.len().saturating_sub(1));
        write_exponent(&digits, place, places, &mut out);
        out
    }

    /// Writes at most `significant` digits, with an exponent where the number is
    /// very large or small.
    pub fn format_general(&self, significant: usize) -> String {
        if self.is_infinite() {
            return self.to_string();
        }
        let significant = significant.max(1);
        let (digits, place) = self.digits(Some(significant));
        general(self.sign_text(), &digits, place, significant, false)
    }

    /// Writes as few digits as identify the number, with an exponent where it is
    /// very large (from 10^21) or small.
    pub fn format_general_shortest(&self) -> String {
        if self.is_infinite() {
            return self.to_string();
        }
        let (digits, place) = self.shortest_digits();
        general(self.sign_text(), &digits, place, digits.len(), true)
    }

    fn sign_text(&self) -> String {
        if self.is_negative() || self.is_negative_zero() {
            "-".into()
        } else {
            String::new()
        }
    }
}

fn general(mut out: String, digits: &[u8], place: i64, significant: usize, shortest: bool) -> String {
    let have = digits.len() as i64;
    let mut limit = significant as i64;
    if limit > have && have >= place {
        limit = have;
    }
    if shortest {
        limit = 21;
    }
    let exponent = place - 1;
    if exponent < -4 || exponent >= limit {
        write_exponent(digits, place, digits.len().saturating_sub(1), &mut out);
    } else {
        write_fixed(digits, place, (have - place).max(0) as usize, &mut out);
    }
    out
}

/// Rounds `0.DIGITS * 10^place` to `keep` digits, halves to even.
fn round(mut digits: Vec<u8>, mut place: i64, keep: i64) -> (Vec<u8>, i64) {
    if keep < 0 {
        return (Vec::new(), 0);
    }
    let keep = keep as usize;
    if keep >= digits.len() {
        return (digits, place);
    }
    let up = match digits[keep] {
        b'5' if keep + 1 == digits.len() => keep > 0 && (digits[keep - 1] - b'0') % 2 == 1,
        d => d >= b'5',
    };
    digits.truncate(keep);
    if up {
        while digits.last() == Some(&b'9') {
            digits.pop();
        }
        match digits.last_mut() {
            Some(d) => *d += 1,
            None => {
                digits.push(b'1');
                place += 1;
            }
        }
    }
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        place = 0;
    }
    (digits, place)
}

impl Number {
    /// Returns all digits, or so many, as `0.DIGITS * 10^place`.
    fn digits(&self, keep: Option<usize>) -> (Vec<u8>, i64) {
        let (digits, place) = self.exact_digits();
        match keep {
            Some(keep) => round(digits, place, keep as i64),
            None => (digits, place),
        }
    }
}

fn write_fixed(digits: &[u8], place: i64, places: usize, out: &mut String) {
    let digit = |i: i64| {
        let index = usize::try_from(i).ok();
        index.and_then(|i| digits.get(i)).map_or('0', |d| char::from(*d))
    };
    if place > 0 {
        out.extend((0..place).map(digit));
    } else {
        out.push('0');
    }
    if places > 0 {
        out.push('.');
        out.extend((0..places as i64).map(|i| digit(place + i)));
    }
}

fn write_exponent(digits: &[u8], place: i64, places: usize, out: &mut String) {
    let exponent = if digits.is_empty() { 0 } else { place - 1 };
    out.push(digits.first().map_or('0', |d| char::from(*d)));
    if places > 0 {
        out.push('.');
        out.extend((1..=places).map(|i| digits.get(i).map_or('0', |d| char::from(*d))));
    }
    out.push('e');
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.unsigned_abs()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn fixed() {
        let check = |text: &str, places, expect: &str| assert_eq!(n(text).format_fixed(places), expect);
        check("3.14159", 2, "3.14");
        check("2.5", 0, "2");
        check("3.5", 0, "4");
        check("0.05", 1, "0.1");
        check("0.04", 1, "0.0");
        check("-0.001", 2, "-0.00");
        check("999.999", 2, "1000.00");
        check("12", 3, "12.000");
        check("0", 2, "0.00");
        check("0.6", 0, "1");
        check("0.0001", 2, "0.00");
    }

    #[test]
    fn exponent() {
        let check = |text: &str, places, expect: &str| assert_eq!(n(text).format_exponent(places), expect);
        check("12345", Some(2), "1.23e+04");
        check("12345", None, "1.2345e+04");
        check("0", Some(1), "0.0e+00");
        check("0.00012", None, "1.2e-04");
        check("1e100", None, "1e+100");
    }

    #[test]
    fn general() {
        let check = |text: &str, expect: &str| assert_eq!(n(text).format_general(10), expect);
        check("123", "123");
        check("100", "100");
        check("1e9", "1000000000");
        check("1e10", "1e+10");
        check("12345678901", "1.23456789e+10");
        check("0.1", "0.1");
        check("0.00001", "1e-05");
        check("0", "0");
        check("-1.5", "-1.5");
        assert_eq!(n("1e20").format_general_shortest(), "100000000000000000000");
        assert_eq!(n("1e21").format_general_shortest(), "1e+21");
    }
}
