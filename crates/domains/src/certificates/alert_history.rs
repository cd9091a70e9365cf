//! The alerts that were sent to staff, so that each name is reported once a day and not every minute.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Minimum time between two e-mails. Related problems usually occur within minutes and share one.
const EMAIL_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// The alerts that this process has sent. The deduplication key of an e-mail only works while the e-mail is
/// queued, which is not long enough.
#[derive(Default)]
pub(super) struct AlertHistory(Mutex<State>);

#[derive(Default)]
struct State {
    /// The day of `names`, in days of Unix time.
    day: i64,
    /// Names that were reported on that day.
    names: HashSet<String>,
    /// When the last e-mail was queued.
    last_email_at: Timestamp,
}

impl AlertHistory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an e-mail may be sent now.
    pub fn may_send(&self, now: Timestamp) -> bool {
        now.duration_since(self.state().last_email_at).abs() >= EMAIL_INTERVAL
    }

    /// Whether this name was reported today.
    pub fn has_reported(&self, name: &str, now: Timestamp) -> bool {
        let state = self.state();
        state.day == day(now) && state.names.contains(name)
    }

    /// Records an e-mail about these names.
    pub fn record(&self, names: impl Iterator<Item = String>, now: Timestamp) {
        let mut state = self.state();
        if state.day != day(now) {
            *state = State { day: day(now), ..State::default() };
        }
        state.names.extend(names);
        state.last_email_at = now;
    }
}

/// The day of a timestamp, in days of Unix time.
pub(super) fn day(now: Timestamp) -> i64 {
    now.as_second() / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_reported_once_a_day() {
        let history = AlertHistory::default();
        let at = |hours: i64| Timestamp::from_second(1_000_000 * 86_400 + hours * 3600).unwrap();
        let report = |names: &[&'static str], now| {
            let new: Vec<_> = names
                .iter()
                .copied()
                .filter(|name| history.may_send(now) && !history.has_reported(name, now))
                .collect();
            if !new.is_empty() {
                history.record(new.iter().map(|&name| name.to_owned()), now);
            }
            new
        };
        assert_eq!(report(&["a", "b"], at(1)), ["a", "b"]);
        let soon = at(1) + SignedDuration::from_mins(1);
        assert!(report(&["a", "b", "c"], soon).is_empty(), "new names wait for the next e-mail");
        assert_eq!(report(&["a", "b", "c"], at(3)), ["c"]);
        assert!(report(&["a", "b", "c"], at(20)).is_empty());
        assert_eq!(report(&["a"], at(25)), ["a"], "still failing the next day");
        assert_eq!(report(&["a"], at(-1000)), ["a"], "the clock was ahead");
    }
}
