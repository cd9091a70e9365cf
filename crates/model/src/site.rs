//! A site: the thing sold. Its states, and the only legal moves between them.
//!
//! ```text
//! pending ─► provisioning ─► active ◄─► suspended
//!    ▲            │         ▲  │  ▲ ▲
//!    └── failed ◄─┘ stopped ┘  │  │ └ sleeping
//!                              ▼  │
//!                           updating
//! any settled state ─► deleting ─► deleted
//! ```
//!
//! The state is the platform's *intent*, written by commands and jobs. What really runs is
//! *observed* ([`Health`]) and lies in its own column, written by other code.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Hostname, Subdomain},
    id::{CustomerId, SiteId},
    limits::Limits,
    route::RouteLimits,
    stack::ProjectName,
    text::{AdminUser, EmailAddress, SiteTitle},
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $former:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the database, the API and on screen.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text { $($word $(| $former)* => Ok(Self::$variant),)* _ => Err(format!("{text:?} is no {}: use one of {}", $what, [$($word),*].join(", "))) }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What the platform means a site to be.
    SiteState, "site state" {
        /// Ordered; its job has not begun.
        Pending = "pending",
        /// Being made.
        Provisioning = "provisioning",
        /// Running and reachable.
        Active = "active",
        /// Making it failed and was undone; can be tried again.
        Failed = "failed",
        /// Taken off the air by the operator or for want of payment.
        Suspended = "suspended",
        /// Stopped by its owner.
        Stopped = "stopped",
        /// Put to sleep for idleness; the next request wakes it.
        Sleeping = "sleeping",
        /// Being changed to a new release.
        Updating = "updating",
        /// Marked for deletion; can still be undone until the purge begins.
        Deleting = "deleting",
        /// Gone; kept as a tombstone.
        Deleted = "deleted",
    }
}

/// A move that the table doesn't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a site that is {from} can't become {to}")]
pub struct IllegalMove {
    /// The state it is in.
    pub from: SiteState,
    /// The state that was asked for.
    pub to: SiteState,
}

impl SiteState {
    /// The states that may follow this one.
    pub const fn next(self) -> &'static [Self] {
        use SiteState::{
            Active, Deleted, Deleting, Failed, Pending, Provisioning, Sleeping, Stopped, Suspended, Updating,
        };
        match self {
            Pending => &[Provisioning, Failed, Deleting],
            Provisioning => &[Active, Failed],
            Active => &[Suspended, Stopped, Sleeping, Updating, Deleting],
            Failed => &[Pending, Deleting],
            Suspended => &[Active, Stopped, Deleting],
            Stopped => &[Active, Suspended, Deleting],
            Sleeping => &[Active, Suspended, Stopped, Deleting],
            Updating => &[Active, Stopped],
            Deleting => &[Deleted, Stopped, Failed],
            Deleted => &[],
        }
    }

    /// Checks one move.
    ///
    /// # Errors
    /// If the table doesn't have it.
    pub fn to(self, to: Self) -> Result<Self, IllegalMove> {
        if self.next().contains(&to) { Ok(to) } else { Err(IllegalMove { from: self, to }) }
    }

    /// Whether the containers of a site in this state should run.
    pub const fn should_run(self) -> bool {
        matches!(self, Self::Active | Self::Updating)
    }
}

words! {
    /// What was last observed of a site.
    Health, "health" {
        /// Not looked at yet.
        Unknown = "unknown",
        /// All containers run and it answered.
        Healthy = "healthy",
        /// Containers run but it does not answer well.
        Unhealthy = "unhealthy",
        /// A container that should run doesn't.
        Down = "down",
    }
}

/// One hosted store or website.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Who owns it.
    pub customer: CustomerId,
    /// Name of its blueprint.
    pub blueprint: String,
    /// Optional services of the blueprint that are switched on.
    pub profiles: Vec<String>,
    /// Its title, as typed.
    pub title: SiteTitle,
    /// The label the customer chose.
    pub subdomain: Subdomain,
    /// Its main name; its other names lead there.
    pub hostname: Hostname,
    /// The address that its application was last told, like `https://shop.example.com`; nothing
    /// before it was told one. Visitors are sent to HTTPS, and from other names to the main one,
    /// only where the application knows of it: else the two would send them to and fro.
    pub url: Option<String>,
    /// Login name of its administrator.
    pub admin_user: AdminUser,
    /// Address of its administrator.
    pub admin_email: EmailAddress,
    /// Ties its containers, network and volumes together on the engine.
    pub project: ProjectName,
    /// Its lease from its engine's [`LeasePool`](crate::placement::LeasePool), while it holds one.
    pub lease: Option<i64>,
    /// Limits of its main service.
    pub limits: Limits,
    /// What its visitors may use of the edge.
    pub edge: RouteLimits,
    /// Intent.
    pub state: SiteState,
    /// Why it is in that state, in words for its owner; for instance why provisioning failed.
    pub reason: Option<String>,
    /// Where the edge sends its requests, once published.
    pub upstream: Option<std::net::SocketAddr>,
    /// Observation.
    pub health: Health,
    /// When it was last observed.
    pub health_at: Option<Timestamp>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it was marked for deletion.
    pub deleted_at: Option<Timestamp>,
    /// When the purge begins if it is marked for deletion.
    pub purge_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for state in SiteState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
            assert_eq!(serde_json::to_string(state).expect("a word"), format!("\"{state}\""));
        }
    }

    /// The whole table, written the other way round: who may become this.
    #[test]
    fn the_moves_are_exactly_these() {
        use SiteState::*;
        let into: &[(SiteState, &[SiteState])] = &[
            (Pending, &[Failed]),
            (Provisioning, &[Pending]),
            (Active, &[Provisioning, Suspended, Stopped, Sleeping, Updating]),
            (Failed, &[Pending, Provisioning, Deleting]),
            (Suspended, &[Active, Stopped, Sleeping]),
            (Stopped, &[Active, Suspended, Sleeping, Updating, Deleting]),
            (Sleeping, &[Active]),
            (Updating, &[Active]),
            (Deleting, &[Pending, Active, Failed, Suspended, Stopped, Sleeping]),
            (Deleted, &[Deleting]),
        ];
        assert_eq!(into.len(), SiteState::ALL.len());
        for (to, froms) in into {
            for from in SiteState::ALL {
                assert_eq!(from.to(*to).is_ok(), froms.contains(from), "{from} → {to}");
            }
        }
    }

    #[test]
    fn every_state_but_the_tombstone_can_be_left_and_leads_to_it() {
        for state in SiteState::ALL {
            let mut seen = vec![*state];
            let mut at = 0;
            while at < seen.len() {
                for next in seen[at].next() {
                    if !seen.contains(next) {
                        seen.push(*next);
                    }
                }
                at += 1;
            }
            assert!(seen.contains(&SiteState::Deleted), "{state} can never be deleted");
        }
    }
}
