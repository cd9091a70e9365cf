//! A site: the thing sold.
//!
//! Three things are kept apart: how far a site has come ([`Lifecycle`]), whether its owner wants it to
//! run ([`Power`]), and the reasons for which it is suspended ([`Suspension`]). What people see and what
//! runs is a pure function of them ([`SiteState::of`]).
//!
//! ```text
//! pending ─► provisioning ─► active ◄─► updating
//!    ▲            │             │ ▲
//!    └── failed ◄─┘             ▼ │
//! pending, failed, active ─► deleting ─► deleted
//! ```
//!
//! All three are *intent*, written by commands and jobs. What really runs is *observed* ([`Health`]) and
//! lies in its own column, written by other code.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Hostname, Subdomain},
    id::{CustomerId, SiteId},
    limits::Limits,
    placement::Placement,
    route::RouteLimits,
    stack::ProjectName,
    text::{AdminUser, EmailAddress, SiteTitle},
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $former:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// What the platform means a site to be, as people see it; never stored.
    SiteState, "site state" {
        /// Ordered; its job has not begun.
        Pending = "pending",
        /// Being made.
        Provisioning = "provisioning",
        /// Running and reachable.
        Active = "active",
        /// Creating it failed and was undone; it can be tried again.
        Failed = "failed",
        /// Its order was cancelled and undone, and its name is free again; it can be ordered once more.
        Cancelled = "cancelled",
        /// Suspended by the operator, or because it was not paid.
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

words! {
    /// How far a site has come in its life. Whether it runs is another matter: see [`SiteState::of`].
    Lifecycle, "lifecycle" {
        /// Ordered; its job has not begun.
        Pending = "pending",
        /// Being created.
        Provisioning = "provisioning",
        /// Created.
        Active = "active",
        /// Creating it failed and was undone; it can be tried again.
        Failed = "failed",
        /// Being changed to another revision.
        Updating = "updating",
        /// Marked for deletion; can be restored until the purge begins.
        Deleting = "deleting",
        /// Gone; kept as a tombstone.
        Deleted = "deleted",
    }
}

words! {
    /// Whether the owner wants a site to run. Suspension and deletion don't change it, so that a restored
    /// or resumed site runs again if it ran.
    Power, "power" {
        /// It should run.
        On = "on",
        /// Its owner stopped it.
        Off = "off",
        /// Put to sleep because it was idle; the next request wakes it.
        Asleep = "asleep",
    }
}

words! {
    /// Why a site is suspended. A site may have several reasons, and runs again when the last one ends.
    SuspensionReason, "suspension reason" {
        /// Its subscription is past due.
        NonPayment = "non_payment",
        /// It breaks the operator's terms.
        Abuse = "abuse",
        /// It has used more than its plan allows.
        Quota = "quota",
        /// The operator decided so.
        Operator = "operator",
    }
}

impl SuspensionReason {
    /// Words for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NonPayment => "payment is overdue",
            Self::Abuse => "abuse",
            Self::Quota => "its quota is used up",
            Self::Operator => "the operator's decision",
        }
    }
}

/// One reason for which a site is suspended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Why.
    pub reason: SuspensionReason,
    /// Who suspended it, as the audit trail writes actors.
    pub actor: String,
    /// Since when.
    pub at: Timestamp,
    /// More about it, for the owner and staff; never for visitors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A transition that the lifecycle doesn't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a site that is {from} can't become {to}")]
pub struct IllegalMove {
    /// The state it is in.
    pub from: Lifecycle,
    /// The state that was asked for.
    pub to: Lifecycle,
}

impl Lifecycle {
    /// The states that may follow this one.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Provisioning, Self::Failed, Self::Deleting],
            Self::Provisioning => &[Self::Active, Self::Failed],
            Self::Active => &[Self::Updating, Self::Deleting],
            Self::Failed => &[Self::Pending, Self::Deleting],
            Self::Updating => &[Self::Active],
            Self::Deleting => &[Self::Deleted, Self::Active, Self::Failed],
            Self::Deleted => &[],
        }
    }

    /// Checks one transition.
    ///
    /// # Errors
    /// If the table doesn't have it.
    pub fn to(self, to: Self) -> Result<Self, IllegalMove> {
        if self.next().contains(&to) { Ok(to) } else { Err(IllegalMove { from: self, to }) }
    }
}

impl SiteState {
    /// The state that people see and that decides what runs: a pure function of the lifecycle, the
    /// desired power, and whether there is any reason for suspension.
    pub const fn of(lifecycle: Lifecycle, power: Power, is_suspended: bool) -> Self {
        match (lifecycle, is_suspended, power) {
            (Lifecycle::Pending, ..) => Self::Pending,
            (Lifecycle::Provisioning, ..) => Self::Provisioning,
            (Lifecycle::Failed, ..) => Self::Failed,
            (Lifecycle::Deleting, ..) => Self::Deleting,
            (Lifecycle::Deleted, ..) => Self::Deleted,
            (Lifecycle::Active | Lifecycle::Updating, true, _) => Self::Suspended,
            (Lifecycle::Updating, false, _) => Self::Updating,
            (Lifecycle::Active, false, Power::On) => Self::Active,
            (Lifecycle::Active, false, Power::Off) => Self::Stopped,
            (Lifecycle::Active, false, Power::Asleep) => Self::Sleeping,
        }
    }

    /// Whether the containers of a site in this state should run.
    pub const fn should_run(self) -> bool {
        matches!(self, Self::Active | Self::Updating)
    }
}

words! {
    /// What was last observed of a site.
    Health, "health" {
        /// Not looked at, or it should not run.
        Unknown = "unknown",
        /// It was started, and no check has passed or failed yet.
        Starting = "starting",
        /// All containers run and it answered.
        Healthy = "healthy",
        /// Containers run but it does not answer well.
        Unhealthy = "unhealthy",
        /// A container that should run doesn't.
        Down = "down",
    }
}

/// Why creating a site failed whose order was cancelled: [`Site::reason`]. No lifecycle of its own, which the release
/// before could not read.
pub const ORDER_CANCELLED: &str = "The order was cancelled.";

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
    /// The engine that it runs on.
    pub engine: String,
    /// Where it lies there. `None` for sites of earlier releases, whose placement follows from their lease.
    pub placement: Option<Placement>,
    /// The revision that is deployed; 0 for sites of earlier releases.
    pub revision: u32,
    /// The content hash of the blueprint that it was made with; `None` for sites of earlier releases until
    /// they are adopted.
    pub blueprint_version: Option<String>,
    /// Limits of its main service.
    pub limits: Limits,
    /// What its visitors may use of the edge.
    pub edge: RouteLimits,
    /// How far it has come.
    pub lifecycle: Lifecycle,
    /// Whether its owner wants it to run.
    pub power: Power,
    /// Why it is suspended; empty if it is not.
    pub suspensions: Vec<Suspension>,
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

impl Site {
    /// See [`SiteState::of`]; a cancelled order is one that failed for that reason.
    pub fn state(&self) -> SiteState {
        if self.lifecycle == Lifecycle::Failed && self.reason.as_deref() == Some(ORDER_CANCELLED) {
            return SiteState::Cancelled;
        }
        SiteState::of(self.lifecycle, self.power, !self.suspensions.is_empty())
    }
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
    fn the_transitions_are_exactly_these() {
        use Lifecycle::*;
        let into: &[(Lifecycle, &[Lifecycle])] = &[
            (Pending, &[Failed]),
            (Provisioning, &[Pending]),
            (Active, &[Provisioning, Updating, Deleting]),
            (Failed, &[Pending, Provisioning, Deleting]),
            (Updating, &[Active]),
            (Deleting, &[Pending, Active, Failed]),
            (Deleted, &[Deleting]),
        ];
        assert_eq!(into.len(), Lifecycle::ALL.len());
        for (to, froms) in into {
            for from in Lifecycle::ALL {
                assert_eq!(from.to(*to).is_ok(), froms.contains(from), "{from} → {to}");
            }
        }
        let illegal = Deleted.to(Active).expect_err("a tombstone");
        assert_eq!(illegal.to_string(), "a site that is deleted can't become active");
    }

    #[test]
    fn every_state_but_the_tombstone_can_be_left_and_leads_to_it() {
        for state in Lifecycle::ALL {
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
            assert!(seen.contains(&Lifecycle::Deleted), "{state} can never be deleted");
        }
    }

    #[test]
    fn what_runs_follows_from_lifecycle_power_and_suspension() {
        let of = SiteState::of;
        assert_eq!(of(Lifecycle::Active, Power::On, false), SiteState::Active);
        assert_eq!(of(Lifecycle::Active, Power::Off, false), SiteState::Stopped);
        assert_eq!(of(Lifecycle::Active, Power::Asleep, false), SiteState::Sleeping);
        assert_eq!(of(Lifecycle::Updating, Power::On, false), SiteState::Updating);
        for power in Power::ALL {
            assert_eq!(of(Lifecycle::Active, *power, true), SiteState::Suspended);
            assert_eq!(of(Lifecycle::Updating, *power, true), SiteState::Suspended);
            assert_eq!(of(Lifecycle::Deleting, *power, true), SiteState::Deleting, "deletion is shown first");
        }
        let running: Vec<_> = SiteState::ALL.iter().copied().filter(|state| state.should_run()).collect();
        assert_eq!(running, [SiteState::Active, SiteState::Updating]);
    }
}
