//! Functions on points in time, which are strings as in RFC 3339.

use infra_types::{Type, Value};

use super::{FnError, Param, Spec, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "formatdate",
            "Writes a point in time by a pattern.",
            vec![Param::string("format"), Param::string("time")],
            returns::string,
            |args, _| formatdate(text(args, 0), &time(args, 1, Form::Strict)?).map(Value::from),
        ),
        Spec::new(
            "plantimestamp",
            "Returns the time of the plan.",
            vec![],
            returns::string,
            |_, scope| Ok(clock(scope.host().plan_timestamp())),
        ),
        Spec::new(
            "timeadd",
            "Adds a duration such as `1h30m` to a point in time.",
            vec![Param::string("timestamp"), Param::string("duration")],
            returns::string,
            timeadd,
        ),
        Spec::new(
            "timecmp",
            "Says whether a point in time is before (-1), at (0) or after (1) another.",
            vec![Param::string("timestamp_a"), Param::string("timestamp_b")],
            returns::number,
            |args, _| {
                let (a, b) = (time(args, 0, Form::Lenient)?, time(args, 1, Form::Lenient)?);
                Ok((a.instant().cmp(&b.instant()) as i64).into())
            },
        ),
        Spec::new(
            "timestamp",
            "Returns the current time.",
            vec![],
            returns::string,
            |_, scope| Ok(clock(scope.host().timestamp())),
        ),
    ]
}

fn clock(time: Option<String>) -> Value {
    time.map_or_else(|| Value::unknown(Type::String), Value::from)
}

/// How strictly times are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As RFC 3339 says, with hours of a day and minutes of an hour in the offset.
    Strict,
    /// As Go's library reads: one digit is enough for the hour, a comma begins a
    /// fraction too, and an offset has up to 24 hours and 60 minutes.
    Lenient,
}

/// A local time with its distance from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Seconds since the beginning of 1970, local time.
    seconds: i64,
    nanos: u32,
    /// In minutes.
    offset: i32,
}

const DAY: i64 = 24 * 60 * 60;

impl Time {
    /// Reads a time as in RFC 3339: all fields with two digits, `T` and `Z` in upper case.
    pub(super) fn parse(s: &str) -> Result<Time, &'static str> {
        Self::parse_as(s, Form::Strict)
    }

    fn parse_as(s: &str, form: Form) -> Result<Time, &'static str> {
        let mut rest = s;
        let year = field(&mut rest, 4, "there must be a year of four digits")?;
        expect(&mut rest, '-')?;
        let month = field(&mut rest, 2, "there must be a month of two digits")?;
        expect(&mut rest, '-')?;
        let day = field(&mut rest, 2, "there must be a day of two digits")?;
        expect(&mut rest, 'T')?;
        let wrong_hour = "there must be an hour of two digits";
        let hour = match field(&mut rest, 2, wrong_hour) {
            Err(_) if form == Form::Lenient => field(&mut rest, 1, wrong_hour)?,
            other => other?,
        };
        expect(&mut rest, ':')?;
        let minute = field(&mut rest, 2, "there must be a minute of two digits")?;
        expect(&mut rest, ':')?;
        let second = field(&mut rest, 2, "there must be a second of two digits")?;
        let nanos = fraction(&mut rest, form);
        let offset = zone(rest, form)?;
        let month_known = (1..=12).contains(&month);
        if !month_known || !(1..=days_of(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return Err("a part of it is out of range");
        }
        let days = days_before(year, month) + i64::from(day) - 1;
        let seconds = days * DAY + i64::from(hour * 3600 + minute * 60 + second);
        Ok(Time { seconds, nanos, offset })
    }

    /// Orders points in time.
    fn instant(&self) -> (i64, u32) {
        (self.seconds - i64::from(self.offset) * 60, self.nanos)
    }

    /// Adds nanoseconds.
    fn add(self, nanos: i64) -> Time {
        let rest = i64::from(self.nanos) + nanos % NANOS;
        Time {
            seconds: self.seconds + nanos / NANOS + rest.div_euclid(NANOS),
            nanos: rest.rem_euclid(NANOS) as u32,
            ..self
        }
    }

    /// Returns the year, month and day.
    fn date(&self) -> (i64, usize, i64) {
        // Counted in years that begin with March, so that the leap day comes last.
        let days = self.seconds.div_euclid(DAY) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        (year, month as usize, day)
    }

    /// Returns the hour, minute and second.
    fn clock(&self) -> (i64, i64, i64) {
        let seconds = self.seconds.rem_euclid(DAY);
        (seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// Writes it as in RFC 3339, without a fraction.
    pub(super) fn show(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.clock());
        let sign = if year < 0 { "-" } else { "" };
        let year = year.abs();
        let zone = self.zone(":", "Z");
        format!("{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
    }

    fn zone(&self, colon: &str, utc: &str) -> String {
        if self.offset == 0 && !utc.is_empty() {
            return utc.into();
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.abs();
        format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
    }
}

/// Returns how many days a month has.
fn days_of(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from the beginning of 1970 to that of a month.
fn days_before(year: i32, month: i32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 - 719_468
}

/// Takes so many digits from the beginning.
fn field(rest: &mut &str, digits: usize, what: &'static str) -> Result<i32, &'static str> {
    let head = rest.get(..digits).filter(|h| h.bytes().all(|b| b.is_ascii_digit()));
    let head = head.ok_or(what)?;
    *rest = &rest[digits..];
    Ok(head.bytes().fold(0, |n, b| n * 10 + i32::from(b - b'0')))
}

fn expect(rest: &mut &str, c: char) -> Result<(), &'static str> {
    *rest = rest.strip_prefix(c).ok_or(match c {
        'T' => "there must be a `T` between date and time",
        ':' => "there must be a `:` between hours, minutes and seconds",
        _ => "there must be a `-` between year, month and day",
    })?;
    Ok(())
}

/// Takes a fraction of a second, down to nanoseconds.
fn fraction(rest: &mut &str, form: Form) -> u32 {
    let comma = if form == Form::Lenient { ',' } else { '.' };
    let Some(after) = rest.strip_prefix(['.', comma]) else {
        return 0;
    };
    let count = after.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return 0;
    }
    let (digits, after) = after.split_at(count);
    *rest = after;
    let digits = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.fold(0, |n, b| n * 10 + u32::from(b - b'0'))
}

/// Reads `Z` or `+hh:mm`.
fn zone(rest: &str, form: Form) -> Result<i32, &'static str> {
    const WRONG: &str = "it must end with `Z` or an offset from UTC such as `+01:00`";
    if rest == "Z" {
        return Ok(0);
    }
    let (sign, mut rest) = match rest.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(WRONG),
    };
    let hours = field(&mut rest, 2, "").map_err(|_| WRONG)?;
    expect(&mut rest, ':').map_err(|_| WRONG)?;
    let minutes = field(&mut rest, 2, "").map_err(|_| WRONG)?;
    let more = i32::from(form == Form::Lenient);
    if hours > 23 + more || minutes > 59 + more || !rest.is_empty() {
        return Err(WRONG);
    }
    Ok(sign * (hours * 60 + minutes))
}

fn time(args: &[Value], index: usize, form: Form) -> Result<Time, FnError> {
    Time::parse_as(text(args, index), form).map_err(|why| {
        FnError::at(
            index,
            format!("this is not a time as in RFC 3339 (2006-01-02T15:04:05Z): {why}"),
        )
    })
}

fn timeadd(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let time = time(args, 0, Form::Strict)?;
    let duration = text(args, 1);
    let nanos = parse_duration(duration).ok_or_else(|| {
        FnError::at(
            1,
            format!("\"{duration}\" is not a duration such as 1h30m; units are h, m, s, ms, us, ns"),
        )
    })?;
    Ok(time.add(nanos).show().into())
}

const NANOS: i64 = 1_000_000_000;

/// Reads a duration as Go does, to nanoseconds.
fn parse_duration(s: &str) -> Option<i64> {
    let (negative, mut rest) = match s.split_at_checked(1) {
        Some(("-", rest)) => (true, rest),
        Some(("+", rest)) => (false, rest),
        _ => (false, s),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(digits(rest));
        let (part, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let unit_end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        rest = after;
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let mut nanos = whole.checked_mul(unit)?;
        if !part.is_empty() {
            // More digits than these make no difference to a nanosecond.
            let part = &part[..part.len().min(18)];
            let scale = 10f64.powi(part.len() as i32);
            nanos = nanos.checked_add((part.parse::<u64>().ok()? as f64 * (unit as f64 / scale)) as u64)?;
        }
        total = total.checked_add(nanos).filter(|t| *t <= 1 << 63)?;
    }
    if negative {
        0i64.checked_sub_unsigned(total)
    } else {
        i64::try_from(total).ok()
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The days of the week; the first of 1970 was a Thursday.
const DAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

fn formatdate(pattern: &str, time: &Time) -> Result<String, FnError> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("''") {
            out.push('\'');
            rest = after;
        } else if c == '\'' {
            rest = quoted(&rest[1..], &mut out)?;
        } else if c.is_ascii_alphabetic() {
            let count = rest.chars().take_while(|d| *d == c).count();
            let (verb, after) = rest.split_at(count);
            out.push_str(
                &verb_text(verb, time)
                    .map_err(|why| FnError::at(0, format!("the date verb \"{verb}\" does not exist: {why}")))?,
            );
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(out)
}

/// Copies literal text after its opening quote; returns what follows it.
fn quoted<'a>(mut rest: &'a str, out: &mut String) -> Result<&'a str, FnError> {
    loop {
        let Some(end) = rest.find('\'') else {
            return Err(FnError::at(0, "a literal `'` is not closed"));
        };
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
                // At the very end, the second of the two quotes closes the text too.
                if rest.is_empty() {
                    return Ok(rest);
                }
            }
            None => return Ok(rest),
        }
    }
}

fn verb_text(verb: &str, time: &Time) -> Result<String, &'static str> {
    let ((year, month, day), (hour, minute, second)) = (time.date(), time.clock());
    let month_name = MONTHS[month - 1];
    let day_name = DAYS[time.seconds.div_euclid(DAY).rem_euclid(7) as usize];
    let hour_12 = (hour + 11) % 12 + 1;
    Ok(match verb {
        "YYYY" => format!("{year:04}"),
        "YY" => format!("{:02}", year % 100),
        "MMMM" => month_name.into(),
        "MMM" => month_name[..3].into(),
        "MM" => format!("{month:02}"),
        "M" => month.to_string(),
        "DD" => format!("{day:02}"),
        "D" => day.to_string(),
        "EEEE" => day_name.into(),
        "EEE" => day_name[..3].into(),
        "hh" => format!("{hour:02}"),
        "h" => hour.to_string(),
        "HH" => format!("{hour_12:02}"),
        "H" => hour_12.to_string(),
        "AA" => if hour < 12 { "AM" } else { "PM" }.into(),
        "aa" => if hour < 12 { "am" } else { "pm" }.into(),
        "mm" => format!("{minute:02}"),
        "m" => minute.to_string(),
        "ss" => format!("{second:02}"),
        "s" => second.to_string(),
        "ZZZZZ" => time.zone(":", ""),
        "ZZZZ" => time.zone("", ""),
        "ZZZ" => time.zone("", "UTC"),
        "Z" => time.zone(":", "Z"),
        _ => {
            return Err(match verb.as_bytes()[0] {
                b'Y' => "the year is YY or YYYY",
                b'M' => "the month is M, MM, MMM or MMMM",
                b'D' => "the day of the month is D or DD",
                b'E' => "the day of the week is EEE or EEEE",
                b'h' => "the hour of 24 is h or hh",
                b'H' => "the hour of 12 is H or HH",
                b'A' => "the half of the day is AA",
                b'a' => "the half of the day is aa",
                b'm' => "the minute is m or mm",
                b's' => "the second is s or ss",
                b'Z' => "the time zone is Z, ZZZ, ZZZZ or ZZZZZ",
                _ => "put literal letters between single quotes",
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};

    #[track_caller]
    fn shows(pattern: &str, time: &str, expect: &str) {
        check("formatdate", [pattern.into(), time.into()], expect);
    }

    #[test]
    fn dates_are_written_by_pattern() {
        shows(
            "EEEE, DD-MMM-YY hh:mm:ss ZZZ",
            "2017-06-11T12:34:56Z",
            "Sunday, 11-Jun-17 12:34:56 UTC",
        );
        shows("H HH h hh aa AA", "2020-03-08T16:07:08Z", "4 04 16 16 pm PM");
        shows("hh 'o''clock' ''", "1999-12-31T23:59:59+05:30", "23 o'clock '");
        shows("ZZZZZ ZZZZ Z", "2021-01-01T00:00:00-08:00", "-08:00 -0800 -08:00");
        shows("é [YYYY]", "0012-01-01T00:01:02+00:00", "é [0012]");
        shows("D'a''", "2024-01-02T00:00:00Z", "2a'");
        for pattern in ["Y", "YYYY'", ", ab", "S", "ZZ", "x"] {
            refused("formatdate", [pattern.into(), "2017-06-11T12:34:56Z".into()]);
        }
    }

    #[test]
    fn durations_are_added() {
        let add = |time: &str, d: &str, expect: &str| check("timeadd", [time.into(), d.into()], expect);
        add("2024-02-28T23:30:00Z", "1.5h", "2024-02-29T01:00:00Z");
        add("2024-01-01T00:00:00.5Z", "500ms", "2024-01-01T00:00:01Z");
        add("2024-01-01T00:00:00Z", "-0.5s", "2023-12-31T23:59:59Z");
        add("2024-01-01T00:00:00+05:30", "30m", "2024-01-01T00:30:00+05:30");
        add("0001-01-01T00:00:00Z", "-1h", "0000-12-31T23:00:00Z");
        add("0000-01-01T00:00:00Z", "-1h", "-0001-12-31T23:00:00Z");
        add(
            "9999-12-31T23:59:59.999999999+01:00",
            "1ns",
            "10000-01-01T00:00:00+01:00",
        );
        add(
            "9999-12-31T23:59:59.5Z",
            "9223372036854775807ns",
            "10292-04-10T23:47:16Z",
        );
        for d in ["", "5", "1h ", "1H", "1h-30m", "2562048h", ".h"] {
            refused("timeadd", ["2024-01-01T00:00:00Z".into(), d.into()]);
        }
    }

    #[test]
    fn times_are_compared_as_instants() {
        check(
            "timecmp",
            ["2024-01-01T00:00:00Z".into(), "2023-12-31T19:00:00-05:00".into()],
            0,
        );
        check(
            "timecmp",
            ["2024-01-01T00:00:00.000000001Z".into(), "2024-01-01T00:00:00Z".into()],
            1,
        );
    }

    #[test]
    fn times_that_are_compared_may_be_of_other_forms() {
        let compare = |a: &str, b: &str, expect: i64| check("timecmp", [a.into(), b.into()], expect);
        compare("2024-01-02T1:00:00,5+24:00", "2024-01-01T01:00:00.5Z", 0);
        compare("2024-01-01T01:00:00+00:60", "2024-01-01T00:00:00Z", 0);
        compare("9999-12-31T23:59:59-23:00", "9999-12-31T23:59:59Z", 1);
        for time in [
            "2024-01-01T00:00:00+25:00",
            "2024-01-01T00:00:00,Z",
            "2024-01-01T24:00:00Z",
        ] {
            refused("timecmp", [time.into(), time.into()]);
        }
        for time in [
            "2024-01-01T1:00:00Z",
            "2024-01-01T00:00:00,5Z",
            "2024-01-01T00:00:00+24:00",
        ] {
            refused("timeadd", [time.into(), "1h".into()]);
        }
    }

    #[test]
    fn wrong_times_are_refused() {
        for time in [
            "2024-01-01",
            "2024-01-01t00:00:00z",
            "2024-1-01T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
        ] {
            refused("formatdate", ["YYYY".into(), time.into()]);
        }
    }
}
