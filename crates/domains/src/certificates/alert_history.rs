//! What staff were told of, so that a name in danger is in one letter a day and not in one a minute.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Letters are at least so far apart: where much goes wrong, it does so within minutes of each other.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// What this process told staff of. A letter that waits is not queued twice, but it does not wait
/// for long, and the next look is a minute away.
#[derive(Default)]
pub(super) struct AlertHistory(Mutex<Names>);

#[derive(Default)]
struct Names {
    /// The names of this day.
    day: i64,
    names: HashSet<String>,
    /// When the last letter was written.
    last: Timestamp,
}

impl AlertHistory {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a letter may be written now.
    pub fn may_write(&self, now: Timestamp) -> bool {
        now.duration_since(self.names().last).abs() >= APART
    }

    /// Whether a letter of this day has this name.
    pub fn has(&self, name: &str, now: Timestamp) -> bool {
        let told = self.names();
        told.day == day(now) && told.names.contains(name)
    }

    /// A letter was written about these.
    pub fn note(&self, names: impl Iterator<Item = String>, now: Timestamp) {
        let mut told = self.names();
        if told.day != day(now) {
            *told = Names { day: day(now), ..Names::default() };
        }
        told.names.extend(names);
        told.last = now;
    }
}

/// The day of a moment, in days of Unix time.
pub(super) fn day(now: Timestamp) -> i64 {
    now.as_second() / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_of_once_a_day() {
        let told = AlertHistory::default();
        let at = |hours: i64| Timestamp::from_second(1_000_000 * 86_400 + hours * 3600).unwrap();
        let tell = |names: &[&'static str], now| {
            let new: Vec<_> =
                names.iter().copied().filter(|name| told.may_write(now) && !told.has(name, now)).collect();
            if !new.is_empty() {
                told.note(new.iter().map(|&name| name.to_owned()), now);
            }
            new
        };
        assert_eq!(tell(&["a", "b"], at(1)), ["a", "b"]);
        let soon = at(1) + SignedDuration::from_mins(1);
        assert!(tell(&["a", "b", "c"], soon).is_empty(), "more of them wait for the next letter");
        assert_eq!(tell(&["a", "b", "c"], at(3)), ["c"]);
        assert!(tell(&["a", "b", "c"], at(20)).is_empty());
        assert_eq!(tell(&["a"], at(25)), ["a"], "it still is in danger");
        assert_eq!(tell(&["a"], at(-1000)), ["a"], "the clock was ahead");
    }
}
