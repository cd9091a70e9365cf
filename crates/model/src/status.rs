//! The one status of a site that people see, everywhere the same: what is wanted ([`SiteState`]) and what was observed
//! ([`Health`]) in one word.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::site::{Health, SiteState, words};

words! {
    /// The status of a site.
    SiteStatus, "site status" {
        /// Being created or changed, or started a moment ago and not checked yet.
        Starting = "starting",
        /// Runs and responds.
        Online = "online",
        /// Runs, but its application does not respond as it should.
        NotResponding = "not_responding",
        /// Should run, but does not.
        Offline = "offline",
        /// Asleep because nobody visited it; the next visit wakes it.
        Asleep = "asleep",
        /// Stopped by its owner.
        Stopped = "stopped",
        /// Suspended by the operator, or because it was not paid.
        Suspended = "suspended",
        /// Could not be created.
        Failed = "failed",
        /// Its order was cancelled and undone.
        Cancelled = "cancelled",
        /// Offline until it is deleted for good; can be restored.
        Deleting = "deleting",
        /// Gone.
        Deleted = "deleted",
    }
}

impl SiteStatus {
    /// The status of a site in this state and with this health.
    pub const fn of(state: SiteState, health: Health) -> Self {
        match (state, health) {
            (SiteState::Pending | SiteState::Provisioning | SiteState::Updating, _)
            | (SiteState::Active, Health::Unknown | Health::Starting) => Self::Starting,
            (SiteState::Active, Health::Healthy) => Self::Online,
            (SiteState::Active, Health::Unhealthy) => Self::NotResponding,
            (SiteState::Active, Health::Down) => Self::Offline,
            (SiteState::Sleeping, _) => Self::Asleep,
            (SiteState::Stopped, _) => Self::Stopped,
            (SiteState::Suspended, _) => Self::Suspended,
            (SiteState::Failed, _) => Self::Failed,
            (SiteState::Cancelled, _) => Self::Cancelled,
            (SiteState::Deleting, _) => Self::Deleting,
            (SiteState::Deleted, _) => Self::Deleted,
        }
    }
}

words! {
    /// Groups of sites that lists offer as filters. Each site is in one of them at most; those that are gone are in none.
    StatusGroup, "group of sites" {
        /// Those that respond.
        Online = "online",
        /// Those that somebody should do something about.
        Attention = "attention",
        /// Those in progress.
        Starting = "starting",
        /// Those that are meant not to run.
        Stopped = "stopped",
        /// Those marked for deletion.
        Deleting = "deleting",
    }
}

impl StatusGroup {
    /// The group of sites with this status.
    pub const fn of(status: SiteStatus) -> Option<Self> {
        match status {
            SiteStatus::Online => Some(Self::Online),
            SiteStatus::NotResponding | SiteStatus::Offline | SiteStatus::Failed => Some(Self::Attention),
            SiteStatus::Starting => Some(Self::Starting),
            SiteStatus::Asleep | SiteStatus::Stopped | SiteStatus::Suspended | SiteStatus::Cancelled => {
                Some(Self::Stopped)
            }
            SiteStatus::Deleting => Some(Self::Deleting),
            SiteStatus::Deleted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_should_run_depends_on_what_was_observed() {
        for state in SiteState::ALL {
            let seen: Vec<_> = Health::ALL.iter().map(|health| SiteStatus::of(*state, *health)).collect();
            let same = seen.iter().all(|status| *status == seen[0]);
            assert_eq!(same, *state != SiteState::Active, "{state}: {seen:?}");
        }
    }

    #[test]
    fn every_site_that_needs_attention_is_found_under_that_filter() {
        for status in SiteStatus::ALL {
            let group = StatusGroup::of(*status);
            let needs_attention =
                matches!(status, SiteStatus::NotResponding | SiteStatus::Offline | SiteStatus::Failed);
            assert_eq!(group == Some(StatusGroup::Attention), needs_attention, "{status}");
            assert_eq!(group.is_none(), *status == SiteStatus::Deleted, "{status}");
        }
    }
}
