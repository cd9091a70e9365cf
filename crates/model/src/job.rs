//! A job: a durable piece of work on one site, made of steps, watched by people.
//!
//! A job is carried out as a saga: it ends done, or undone, or loudly *stuck*. One job per site at
//! a time. A *task* is smaller: one deferred effect without undo, such as a mail.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::Actor,
    id::{JobId, SiteId},
    site::words,
};

words! {
    /// What a job does.
    JobKind, "kind of job" {
        /// Make a new site.
        Create = "create",
        /// Start a stopped site.
        Start = "start",
        /// Stop a running site.
        Stop = "stop",
        /// Stop and start a running site.
        Restart = "restart",
        /// Move a running site to another revision: blueprint, images, environment.
        Update = "update",
        /// Give a running site another main address. Earlier releases stored it as `readdress`.
        ChangeDomain = "change_domain" | "readdress",
    }
}

impl JobKind {
    /// Words for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Create => "Create the site",
            Self::Start => "Start the site",
            Self::Stop => "Stop the site",
            Self::Restart => "Restart the site",
            Self::Update => "Update the site",
            Self::ChangeDomain => "Change the site's address",
        }
    }
}

words! {
    /// Jobs that compete for the same slots. Work that takes long waits in a lane of its own, so that it never delays
    /// an order.
    Lane, "lane" {
        /// A person waits for it.
        Interactive = "interactive",
        /// An image is built.
        Build = "build",
        /// Data is copied to or from a backup.
        Backup = "backup",
        /// The platform's own upkeep, which nobody waits for.
        Maintenance = "maintenance",
    }
}

impl Lane {
    /// The lane of a job of this kind that `actor` asks for.
    pub const fn of(kind: JobKind, actor: Actor) -> Self {
        match (kind, actor) {
            (JobKind::Update | JobKind::ChangeDomain, Actor::System) => Self::Maintenance,
            (JobKind::Create | JobKind::Start | JobKind::Stop | JobKind::Restart, _)
            | (JobKind::Update | JobKind::ChangeDomain, _) => Self::Interactive,
        }
    }
}

words! {
    /// Where a job stands.
    JobState, "job state" {
        /// Waits for a worker.
        Queued = "queued",
        /// Going forward.
        Running = "running",
        /// Undoing what it did, after a failure or a cancellation.
        Unwinding = "unwinding",
        /// Done.
        Succeeded = "succeeded",
        /// Failed, and everything undone.
        Failed = "failed",
        /// Cancelled by a person, and everything undone.
        Cancelled = "cancelled",
        /// An undo failed: a person must resume or abandon it.
        Stuck = "stuck",
    }
}

impl JobState {
    /// Whether nothing more will happen by itself.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A durable piece of work on one site. Its plan, every choice made for it before its first effect, is kept beside
/// it: it is read when the job runs, and too long for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id; also the label on everything it makes.
    pub id: JobId,
    /// The site it works on.
    pub site: SiteId,
    /// What it does.
    pub kind: JobKind,
    /// Which slots it competes for.
    pub lane: Lane,
    /// Where it stands.
    pub state: JobState,
    /// Who asked for it.
    pub actor: Actor,
    /// Whether a person asked to cancel it.
    pub cancel_requested: bool,
    /// Why it failed, for the customer.
    pub error: Option<String>,
    /// Why it failed, for the operator.
    pub error_detail: Option<String>,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_over_when_nothing_more_happens_by_itself() {
        let over: Vec<_> = JobState::ALL.iter().copied().filter(|state| state.is_over()).collect();
        assert_eq!(over, [JobState::Succeeded, JobState::Failed, JobState::Cancelled]);
    }

    #[test]
    fn kinds_read_back_and_have_titles_of_their_own() {
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("readdress".parse(), Ok(JobKind::ChangeDomain), "as earlier releases stored it");
        let titles: std::collections::BTreeSet<_> = JobKind::ALL.iter().map(|kind| kind.title()).collect();
        assert_eq!(titles.len(), JobKind::ALL.len());
        assert!(JobKind::ALL.iter().all(|kind| kind.title().contains("site")));
    }
}
