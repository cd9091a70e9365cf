//! Periods of the traffic page, and how hours are grouped into bars.
//!
//! The last 24 hours are shown by hour and end now; a week and a month are whole UTC days, today included, so that
//! the bars of today and yesterday are comparable.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use stoa_model::traffic::Traffic;
use stoa_sites::view::TrafficHour;

/// A period that ends now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Range {
    /// 24 hours.
    #[default]
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

/// Traffic of one bar.
#[derive(Debug, Clone)]
pub struct Bin {
    /// Start.
    pub from: Timestamp,
    /// Traffic.
    pub traffic: Traffic,
}

impl Range {
    /// All periods.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Parses the query value; anything unknown is [`Range::Day`].
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|range| range.as_str() == text).unwrap_or_default()
    }

    /// The query value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// The label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    /// The unit of one bar.
    pub const fn each(self) -> &'static str {
        match self {
            Self::Day => "hour",
            Self::Week => "6 hours",
            Self::Month => "day",
        }
    }

    /// Hours per bar.
    const fn step(self) -> usize {
        match self {
            Self::Day => 1,
            Self::Week => 6,
            Self::Month => 24,
        }
    }

    /// Number of bars.
    pub const fn bars(self) -> usize {
        match self {
            Self::Day => 24,
            Self::Week => 28,
            Self::Month => 30,
        }
    }

    /// Bars per label of the axis.
    pub const fn label_every(self) -> usize {
        match self {
            Self::Day | Self::Month => 6,
            Self::Week => 4,
        }
    }

    /// Hours to query, the current one included.
    pub fn hours(self, now: Timestamp) -> u32 {
        let of_day = u32::try_from(now.as_second().div_euclid(3600).rem_euclid(24)).unwrap_or(0);
        match self {
            Self::Day => 24,
            Self::Week => 6 * 24 + of_day + 1,
            Self::Month => 29 * 24 + of_day + 1,
        }
    }

    /// Groups hours into bars, without future ones.
    pub fn bins(self, hours: &[TrafficHour]) -> Vec<Bin> {
        let bin = |chunk: &[TrafficHour]| {
            let mut traffic = Traffic::default();
            chunk.iter().for_each(|hour| traffic.add(&hour.traffic));
            chunk.first().map(|first| Bin { from: first.from, traffic })
        };
        hours.chunks(self.step()).filter_map(bin).collect()
    }

    /// The axis label of a time.
    pub fn tick(self, at: Timestamp) -> String {
        let format = match self {
            Self::Day => "%H:%M",
            Self::Week => "%a",
            Self::Month => "%-d %b",
        };
        at.to_zoned(TimeZone::UTC).strftime(format).to_string()
    }

    /// A bar's period: `14:00 to 15:00`, `Sat 21 Nov, 06:00 to 12:00`, `Sat 21 Nov`.
    pub fn period(self, from: Timestamp) -> String {
        let to = from + SignedDuration::from_hours(i64::try_from(self.step()).unwrap_or(1));
        let show = |at: Timestamp, format: &str| at.to_zoned(TimeZone::UTC).strftime(format).to_string();
        match self {
            Self::Day => format!("{} to {}", show(from, "%H:%M"), show(to, "%H:%M")),
            Self::Week => format!("{}, {} to {}", show(from, "%a %-d %b"), show(from, "%H:%M"), show(to, "%H:%M")),
            Self::Month => show(from, "%a %-d %b"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(n: u32, now: Timestamp) -> Vec<TrafficHour> {
        let hour = now.as_second().div_euclid(3600);
        let at = |h: i64| Timestamp::from_second(h * 3600).unwrap();
        let traffic = Traffic { requests: 1, ..Traffic::default() };
        (hour - i64::from(n) + 1..=hour).map(|h| TrafficHour { from: at(h), traffic: traffic.clone() }).collect()
    }

    #[test]
    fn weeks_and_months_are_whole_days() {
        let now: Timestamp = "2026-11-21T14:30:00Z".parse().unwrap();
        for (range, bars, first, last) in [
            (Range::Day, 24, "2026-11-20T15:00:00Z", 1),
            (Range::Week, 27, "2026-11-15T00:00:00Z", 3),
            (Range::Month, 30, "2026-10-23T00:00:00Z", 15),
        ] {
            let bins = range.bins(&hours(range.hours(now), now));
            assert_eq!((bins.len(), bins[0].from.to_string().as_str()), (bars, first), "{range:?}");
            assert_eq!(bins.last().unwrap().traffic.requests, last, "{range:?}");
            assert!(bins.len() <= range.bars() && range.bars().is_multiple_of(range.label_every()));
        }
    }

    #[test]
    fn periods_are_formatted() {
        let at: Timestamp = "2026-11-21T18:00:00Z".parse().unwrap();
        assert_eq!(Range::Day.period(at), "18:00 to 19:00");
        assert_eq!(Range::Week.period(at), "Sat 21 Nov, 18:00 to 00:00");
        assert_eq!(Range::Month.period(at), "Sat 21 Nov");
        assert_eq!(Range::parse("7d"), Range::Week);
        assert_eq!(Range::parse("<script>"), Range::Day);
    }
}
