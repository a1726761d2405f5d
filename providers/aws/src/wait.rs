//! Waiting for a state: polls that start fast and slow down.

use std::time::Duration;

/// What one look at an object says.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// The state is reached.
    Done(T),
    /// Not yet; the state it is in.
    Pending(String),
}

/// How to wait. The first look is at once, the next after 100 ms; delays grow
/// to the interval that the service's own waiters use.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// What is waited for: `NAT gateway nat-1 to be available`.
    pub(crate) what: String,
    /// The longest delay between looks.
    pub(crate) every: Duration,
    /// When to give up.
    pub(crate) timeout: Duration,
    /// How many good looks in a row are needed (answers flap). One is enough on a local endpoint.
    pub(crate) times: u32,
}

impl Wait {
    /// Describes a wait of at most `timeout`.
    pub(crate) fn new(what: impl Into<String>, timeout: Duration) -> Self {
        Self {
            what: what.into(),
            every: Duration::from_secs(10),
            timeout,
            times: 1,
        }
    }

    /// Sets the longest delay between looks.
    pub(crate) fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets how many good looks in a row are needed.
    pub(crate) fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// Returns a number of minutes.
pub(crate) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// Returns a number of seconds.
pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Parses `90s`, `20m`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit_len = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        total += number
            * match &after[..unit_len] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &after[unit_len..];
    }
    Duration::try_from_secs_f64(total).ok()
}

/// Writes a duration as users do: `90s`, `20m`, `1h30m`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let s = duration.as_secs();
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_does() {
        assert_eq!(parse_duration("90s"), Some(seconds(90)));
        assert_eq!(parse_duration("1h30m"), Some(minutes(90)));
        assert_eq!(parse_duration("1.5m"), Some(seconds(90)));
        assert_eq!(parse_duration("20"), None);
        assert_eq!(parse_duration("20x"), None);
        assert_eq!(parse_duration(""), None);
    }

    #[test]
    fn durations_are_shown_short() {
        assert_eq!(show_duration(seconds(45)), "45s");
        assert_eq!(show_duration(minutes(20)), "20m");
        assert_eq!(show_duration(minutes(90)), "1h30m");
    }
}
