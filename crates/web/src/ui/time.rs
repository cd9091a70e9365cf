//! Formats times and durations.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::{Timestamp, tz::TimeZone};
use stoa_model::limits::Bytes;

/// A relative time ("3 minutes ago"), with the exact time for machines and on hover.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    at: Timestamp,
    now: Timestamp,
}

/// `at`, seen from `now`.
pub const fn moment(at: Timestamp, now: Timestamp) -> Moment {
    Moment { at, now }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = date_time(self.at);
        let words = relative(self.now.as_second() - self.at.as_second());
        write!(f, "<time datetime=\"{:.0}\" title=\"{exact}\">{words}</time>", self.at)
    }
}

impl HtmlSafe for Moment {}

/// `2026-11-21 02:43 UTC`.
pub fn date_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `02:43 UTC`.
pub fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M UTC").to_string()
}

/// `Friday, 28 November 2026`.
pub fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%A, %-d %B %Y").to_string()
}

/// `28 November 2026`.
pub fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

fn relative(seconds: i64) -> String {
    let (ago, seconds) = (seconds >= 0, seconds.abs());
    let (count, unit) = match seconds {
        0..10 if ago => return "just now".into(),
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..2_592_000 => (seconds / 86_400, "day"),
        2_592_000..31_536_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if ago { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
}

/// The same as `duration` in `assets/stoa.js`: `31 ms`, `0.4 s`, `12.3 s`, `2 min 5 s`, `1 h 3 min`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 if milliseconds < 100 => format!("{milliseconds} ms"),
        0..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// As [`Bytes::rounded`].
pub fn bytes(count: u64) -> String {
    Bytes(count).rounded()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_times_are_formatted() {
        assert_eq!(relative(3), "just now");
        assert_eq!(relative(60), "1 minute ago");
        assert_eq!(relative(7_300), "2 hours ago");
        assert_eq!(relative(-7 * 86_400), "in 7 days");
        assert_eq!(relative(400 * 86_400), "1 year ago");
    }

    #[test]
    fn durations_and_sizes_are_formatted() {
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(4), "4 ms");
        assert_eq!(duration(99), "99 ms");
        assert_eq!(duration(100), "0.1 s");
        assert_eq!(duration(340), "0.3 s");
        assert_eq!(duration(9_999), "9.9 s");
        assert_eq!(duration(1_900), "1.9 s");
        assert_eq!(duration(125_000), "2 min 5 s");
        assert_eq!(duration(3_780_000), "1 h 3 min");
        assert_eq!(bytes(512 << 20), "512 MB");
        assert_eq!(bytes(3 << 29), "1.5 GB");
    }

    #[test]
    fn a_relative_time_is_exact_for_machines() {
        let at: Timestamp = "2026-11-21T02:43:37Z".parse().unwrap();
        let text = moment(at, at).to_string();
        assert_eq!(text, "<time datetime=\"2026-11-21T02:43:37Z\" title=\"2026-11-21 02:43 UTC\">just now</time>");
        assert_eq!(date(at), "Saturday, 21 November 2026");
    }
}
