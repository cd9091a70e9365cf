//! What a subscription entitles to at a moment: a pure function, so that money and running sites can't drift apart. Blocked
//! changes, stopped service and the end of collecting are three separate facts.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::subscription::{Provider, SubscriptionStatus};
use crate::site::words;

words! {
    /// What the owner of a site may do, by its subscription.
    Access, "access" {
        /// Not yet anything: the first payment is under way.
        None = "none",
        /// Everything of the plan.
        Full = "full",
        /// Everything, while a payment is late.
        Grace = "grace",
        /// The site runs; nothing about it can be changed but its payment.
        Restricted = "restricted",
        /// The site is stopped; its data is kept.
        Suspended = "suspended",
        /// The subscription is over; the site is stopped, its data is kept.
        Ended = "ended",
    }
}

impl Access {
    /// Whether the site may run.
    pub const fn runs(self) -> bool {
        matches!(self, Self::Full | Self::Grace | Self::Restricted)
    }

    /// The words on screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "Nothing yet",
            Self::Full => "Everything",
            Self::Grace => "Everything, payment late",
            Self::Restricted => "Runs, no changes",
            Self::Suspended => "Stopped",
            Self::Ended => "Ended",
        }
    }

    /// Whether its owner may change it.
    pub const fn allows_changes(self) -> bool {
        matches!(self, Self::Full | Self::Grace)
    }
}

/// The periods of an overdue payment, each from the day it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningPeriods {
    /// After this, nothing can be changed.
    pub restrict_after: SignedDuration,
    /// After this, the site is stopped.
    pub suspend_after: SignedDuration,
}

impl DunningPeriods {
    /// A week until nothing can be changed, two until the site is stopped.
    pub const DEFAULT: Self =
        Self { restrict_after: SignedDuration::from_hours(7 * 24), suspend_after: SignedDuration::from_hours(14 * 24) };

    /// When a site is stopped for a payment that was due at `due`.
    pub fn suspends_at(&self, due: Timestamp) -> Timestamp {
        due.saturating_add(self.suspend_after).unwrap_or(Timestamp::MAX)
    }

    /// From when nothing can be changed for a payment that was due at `due`.
    pub fn restricts_at(&self, due: Timestamp) -> Timestamp {
        due.saturating_add(self.restrict_after).unwrap_or(Timestamp::MAX)
    }
}

/// Notice of what an overdue payment will lead to is given these times before the site is stopped.
const NOTICES: [(Letter, SignedDuration); 2] =
    [(Letter::ThreeDays, SignedDuration::from_hours(3 * 24)), (Letter::OneDay, SignedDuration::from_hours(24))];

words! {
    /// The letters about an overdue payment, in their order.
    Letter, "letter" {
        /// A payment is overdue.
        Due = "due",
        /// The site will be stopped in three days.
        ThreeDays = "three_days",
        /// The site will be stopped in a day.
        OneDay = "one_day",
        /// The site was stopped.
        Suspended = "suspended",
    }
}

/// What decides about access, of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessFacts {
    /// Who collects.
    pub provider: Provider,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// End of the period that is paid, or of the trial.
    pub period_end: Option<Timestamp>,
    /// Since when a payment is owed.
    pub past_due_since: Option<Timestamp>,
    /// When it will end, if that is decided.
    pub cancel_at: Option<Timestamp>,
}

/// What a subscription entitles to at `now`.
///
/// Stripe says itself when a payment is late or a subscription over. For what the operator collects, the end of the paid
/// period is the day on which the next payment is due.
pub fn access(facts: &AccessFacts, periods: &DunningPeriods, now: Timestamp) -> Access {
    use SubscriptionStatus::{Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid};
    if !facts.status.has_ended() && facts.provider != Provider::Stripe && facts.cancel_at.is_some_and(|at| at <= now) {
        return Access::Ended;
    }
    match facts.status {
        Incomplete => Access::None,
        Canceled | IncompleteExpired => Access::Ended,
        Paused | Unpaid => Access::Suspended,
        Trialing | Active | PastDue => match owed_since(facts, now) {
            None => Access::Full,
            Some(due) if periods.suspends_at(due) <= now => Access::Suspended,
            Some(due) if periods.restricts_at(due) <= now => Access::Restricted,
            Some(_) => Access::Grace,
        },
    }
}

/// Since when a payment is owed at `now`.
pub fn owed_since(facts: &AccessFacts, now: Timestamp) -> Option<Timestamp> {
    match facts.provider {
        Provider::Free => None,
        // Late without a date: from now on, and the date is written down with it.
        Provider::Stripe if facts.status == SubscriptionStatus::PastDue => Some(facts.past_due_since.unwrap_or(now)),
        Provider::Stripe => None,
        Provider::Manual => facts.period_end.filter(|end| *end <= now),
    }
}

/// The last letter about an overdue payment that should have been written at `now`; `None` if nothing is owed.
pub fn letter(facts: &AccessFacts, periods: &DunningPeriods, now: Timestamp) -> Option<Letter> {
    if facts.status.has_ended() {
        return None;
    }
    letter_dates(owed_since(facts, now)?, periods).filter(|(_, at)| *at <= now).map(|(letter, _)| letter).last()
}

fn letter_dates(due: Timestamp, periods: &DunningPeriods) -> impl Iterator<Item = (Letter, Timestamp)> {
    let stop = periods.suspends_at(due);
    // Never before the payment was due, however short the periods are.
    let notices = NOTICES.map(|(letter, before)| (letter, stop.saturating_sub(before).unwrap_or(due).max(due)));
    [(Letter::Due, due)].into_iter().chain(notices).chain([(Letter::Suspended, stop)])
}

/// When [`access`] or [`letter`] changes next, if nothing else happens.
pub fn next_change(facts: &AccessFacts, periods: &DunningPeriods, now: Timestamp) -> Option<Timestamp> {
    let due = owed_since(facts, now).or(match facts.provider {
        Provider::Manual if !facts.status.has_ended() => facts.period_end,
        Provider::Manual | Provider::Stripe | Provider::Free => None,
    });
    let dunning =
        due.into_iter().flat_map(|due| letter_dates(due, periods).map(|(_, at)| at).chain([periods.restricts_at(due)]));
    let end = facts.cancel_at.filter(|_| facts.provider != Provider::Stripe && !facts.status.has_ended());
    dunning.chain(end).filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24;

    fn at(days: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(days * DAY)
    }

    fn facts(provider: Provider, status: SubscriptionStatus) -> AccessFacts {
        AccessFacts { provider, status, period_end: Some(at(30)), past_due_since: None, cancel_at: None }
    }

    /// Every status of every provider on every side of every date.
    #[test]
    fn the_whole_table() {
        use Access::{Ended, Full, Grace, None as Nothing, Restricted, Suspended};
        use SubscriptionStatus as S;
        let days = [29, 30, 36, 37, 43, 44, 400];
        let owed = [Full, Grace, Grace, Restricted, Restricted, Suspended, Suspended];
        type Row = [Access; 7];
        let table: &[(S, Row, Row, Row)] = &[
            // Status, then by days: Stripe (due on day 30 if past due), manual, free.
            (S::Incomplete, [Nothing; 7], [Nothing; 7], [Nothing; 7]),
            (S::IncompleteExpired, [Ended; 7], [Ended; 7], [Ended; 7]),
            (S::Trialing, [Full; 7], owed, [Full; 7]),
            (S::Active, [Full; 7], owed, [Full; 7]),
            (S::PastDue, [Grace, Grace, Grace, Restricted, Restricted, Suspended, Suspended], owed, [Full; 7]),
            (S::Unpaid, [Suspended; 7], [Suspended; 7], [Suspended; 7]),
            (S::Paused, [Suspended; 7], [Suspended; 7], [Suspended; 7]),
            (S::Canceled, [Ended; 7], [Ended; 7], [Ended; 7]),
        ];
        assert_eq!(table.len(), S::ALL.len());
        for (status, stripe, manual, free) in table {
            for (provider, expected) in [(Provider::Stripe, stripe), (Provider::Manual, manual), (Provider::Free, free)]
            {
                let mut facts = facts(provider, *status);
                facts.past_due_since = (*status == S::PastDue).then(|| at(30));
                for (day, expected) in days.iter().zip(expected) {
                    let found = access(&facts, &DunningPeriods::DEFAULT, at(*day));
                    assert_eq!(found, *expected, "{provider} {status} on day {day}");
                }
            }
        }
    }

    #[test]
    fn a_decided_end_counts_once_it_is_there() {
        let cancelled =
            |provider| AccessFacts { cancel_at: Some(at(20)), ..facts(provider, SubscriptionStatus::Active) };
        for provider in [Provider::Manual, Provider::Free] {
            assert_eq!(access(&cancelled(provider), &DunningPeriods::DEFAULT, at(19)), Access::Full);
            assert_eq!(access(&cancelled(provider), &DunningPeriods::DEFAULT, at(20)), Access::Ended);
            assert_eq!(next_change(&cancelled(provider), &DunningPeriods::DEFAULT, at(1)), Some(at(20)));
        }
        // Stripe says so itself.
        assert_eq!(access(&cancelled(Provider::Stripe), &DunningPeriods::DEFAULT, at(20)), Access::Full);
    }

    #[test]
    fn letters_come_in_their_order() {
        let facts = facts(Provider::Manual, SubscriptionStatus::Active);
        let of = |day| letter(&facts, &DunningPeriods::DEFAULT, at(day));
        assert_eq!(of(29), None);
        assert_eq!([30, 40].map(of), [Some(Letter::Due); 2]);
        assert_eq!(
            [41, 42, 43, 44].map(of).map(|letter| letter.expect("owed")),
            [Letter::ThreeDays, Letter::ThreeDays, Letter::OneDay, Letter::Suspended]
        );
        let short =
            DunningPeriods { restrict_after: SignedDuration::ZERO, suspend_after: SignedDuration::from_hours(DAY) };
        assert_eq!(letter(&facts, &short, at(30)), Some(Letter::OneDay), "none is earlier than what it is about");
    }

    /// Between two changes nothing changes, and each is a change.
    #[test]
    fn changes_come_when_they_are_announced() {
        for provider in Provider::ALL {
            for status in SubscriptionStatus::ALL {
                let mut facts = facts(*provider, *status);
                facts.past_due_since = (*status == SubscriptionStatus::PastDue).then(|| at(30));
                let periods = &DunningPeriods::DEFAULT;
                let of = |now| (access(&facts, periods, now), letter(&facts, periods, now));
                for day in 1..100 {
                    let next = next_change(&facts, &DunningPeriods::DEFAULT, at(day));
                    let unchanged = (day..100).find(|later| of(at(*later)) != of(at(day)));
                    if let Some(changed) = unchanged {
                        assert!(
                            next.is_some_and(|next| next <= at(changed)),
                            "{provider} {status}: day {day} to {changed}"
                        );
                    }
                }
            }
        }
    }
}
