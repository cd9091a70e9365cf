//! What pages, the API and `--json` show: display-ready facts without secrets.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    id::{JobId, SiteId},
    job::{JobKind, JobState},
};

/// One page of a list, newest first.
#[derive(Debug, Clone, Serialize)]
pub struct Paged<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass as `before` to get the next page; absent on the last one.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// Of `found`, one more of which than `limit` was asked for: by that it is known whether more follow.
    pub fn of(mut found: Vec<T>, limit: u64, id: impl Fn(&T) -> String) -> Self {
        let more = found.len() as u64 > limit;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(id);
        Self { items: found, next }
    }
}

/// A job with its steps.
#[derive(Debug, Clone, Serialize)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// The site it works on.
    pub site: SiteId,
    /// The site's hostname.
    pub hostname: String,
    /// The site's title.
    pub site_title: String,
    /// What it does.
    pub kind: JobKind,
    /// Words for it.
    pub title: String,
    /// Where it stands.
    pub state: JobState,
    /// Why it failed, in words for the customer.
    pub error: Option<String>,
    /// Why it failed, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// What to do now, in words.
    pub advice: Option<String>,
    /// Whether it can be cancelled now.
    pub can_cancel: bool,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Its steps in order.
    pub steps: Vec<StepView>,
    /// The live log, oldest first.
    pub log: Vec<LogView>,
}

/// One step of a job.
#[derive(Debug, Clone, Serialize)]
pub struct StepView {
    /// Stable name.
    pub name: String,
    /// Words for people.
    pub title: String,
    /// `waiting`, `running`, `done`, `failed`, `undoing`, `undone` or `undo_failed`.
    pub state: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// How long it took, or has taken so far, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What it says about its result.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// One line of a job's log.
#[derive(Debug, Clone, Serialize)]
pub struct LogView {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub line: String,
}

/// One finding of the doctor.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// How to mend it, if it needs mending.
    pub remedy: Option<String>,
}

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but should be looked at.
    Warning,
    /// Stoa can't do its work like this.
    Bad,
}

/// A line of the audit trail.
#[derive(Debug, Clone, Serialize)]
pub struct AuditView {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, in the role they had then.
    pub actor: String,
    /// What they did.
    pub action: String,
    /// To what, by its id.
    pub target: String,
    /// How it ended.
    pub outcome: String,
    /// The request that it was part of.
    pub request_id: String,
    /// More about it; never a secret.
    pub detail: serde_json::Value,
}
