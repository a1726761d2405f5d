//! Functions on points in time, which are strings as in RFC 3339.

use infra_types::{Type, Value};
use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::{FnError, Param, Spec, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    vec![
        Spec::new(
            "formatdate",
            "Writes a point in time by a pattern.",
            vec![Param::string("format"), Param::string("time")],
            returns::string,
            |args, _| formatdate(text(args, 0), &time(args, 1)?).map(Value::from),
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
            |args, _| Ok((time(args, 0)?.instant(0)?.cmp(&time(args, 1)?.instant(1)?) as i64).into()),
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

/// A local time with its distance from UTC in minutes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    local: DateTime,
    offset: i32,
}

impl Time {
    /// Reads a time as in RFC 3339: all fields with two digits, `T` and `Z` in upper case.
    pub(super) fn parse(s: &str) -> Result<Time, &'static str> {
        let mut rest = s;
        let year = field(&mut rest, 4, "there must be a year of four digits")?;
        expect(&mut rest, '-')?;
        let month = field(&mut rest, 2, "there must be a month of two digits")?;
        expect(&mut rest, '-')?;
        let day = field(&mut rest, 2, "there must be a day of two digits")?;
        expect(&mut rest, 'T')?;
        let hour = field(&mut rest, 2, "there must be an hour of two digits")?;
        expect(&mut rest, ':')?;
        let minute = field(&mut rest, 2, "there must be a minute of two digits")?;
        expect(&mut rest, ':')?;
        let second = field(&mut rest, 2, "there must be a second of two digits")?;
        let nanos = fraction(&mut rest);
        let offset = zone(rest)?;
        DateTime::new(
            year as i16,
            month as i8,
            day as i8,
            hour as i8,
            minute as i8,
            second as i8,
            nanos,
        )
        .map(|local| Time { local, offset })
        .map_err(|_| "a part of it is out of range")
    }

    fn instant(&self, arg: usize) -> Result<Timestamp, FnError> {
        Offset::from_seconds(self.offset * 60)
            .and_then(|o| o.to_timestamp(self.local))
            .map_err(|_| FnError::at(arg, "the time is out of range"))
    }

    /// Writes it as in RFC 3339, without a fraction.
    pub(super) fn show(&self) -> String {
        let t = self.local;
        let sign = if t.year() < 0 { "-" } else { "" };
        format!(
            "{sign}{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}",
            t.year().abs(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            self.zone(":", "Z")
        )
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
fn fraction(rest: &mut &str) -> i32 {
    let Some(after) = rest.strip_prefix('.') else {
        return 0;
    };
    let count = after.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return 0;
    }
    let (digits, after) = after.split_at(count);
    *rest = after;
    let digits = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.fold(0, |n, b| n * 10 + i32::from(b - b'0'))
}

/// Reads `Z` or `+hh:mm`.
fn zone(rest: &str) -> Result<i32, &'static str> {
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
    if hours > 23 || minutes > 59 || !rest.is_empty() {
        return Err(WRONG);
    }
    Ok(sign * (hours * 60 + minutes))
}

fn time(args: &[Value], index: usize) -> Result<Time, FnError> {
    Time::parse(text(args, index)).map_err(|why| {
        FnError::at(
            index,
            format!("this is not a time as in RFC 3339 (2006-01-02T15:04:05Z): {why}"),
        )
    })
}

fn timeadd(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let time = time(args, 0)?;
    let duration = text(args, 1);
    let nanos = parse_duration(duration).ok_or_else(|| {
        FnError::at(
            1,
            format!("\"{duration}\" is not a duration such as 1h30m; units are h, m, s, ms, us, ns"),
        )
    })?;
    let local = time
        .local
        .checked_add(SignedDuration::from_nanos(nanos))
        .map_err(|_| FnError::new("the resulting time is out of range"))?;
    Ok(Time { local, ..time }.show().into())
}

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

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

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
            }
            None => return Ok(rest),
        }
    }
}

fn verb_text(verb: &str, time: &Time) -> Result<String, &'static str> {
    let t = time.local;
    let hour_12 = (t.hour() + 11) % 12 + 1;
    Ok(match verb {
        "YYYY" => format!("{:04}", t.year()),
        "YY" => format!("{:02}", t.year() % 100),
        "MMMM" => MONTHS[t.month() as usize - 1].into(),
        "MMM" => MONTHS[t.month() as usize - 1][..3].into(),
        "MM" => format!("{:02}", t.month()),
        "M" => t.month().to_string(),
        "DD" => format!("{:02}", t.day()),
        "D" => t.day().to_string(),
        "EEEE" => weekday(t.weekday()).into(),
        "EEE" => weekday(t.weekday())[..3].into(),
        "hh" => format!("{:02}", t.hour()),
        "h" => t.hour().to_string(),
        "HH" => format!("{hour_12:02}"),
        "H" => hour_12.to_string(),
        "AA" => if t.hour() < 12 { "AM" } else { "PM" }.into(),
        "aa" => if t.hour() < 12 { "am" } else { "pm" }.into(),
        "mm" => format!("{:02}", t.minute()),
        "m" => t.minute().to_string(),
        "ss" => format!("{:02}", t.second()),
        "s" => t.second().to_string(),
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
        for pattern in ["Y", "YYYY'", "S", "ZZ", "x"] {
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
