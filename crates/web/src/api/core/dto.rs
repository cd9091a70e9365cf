//! Response bodies shared by all areas: jobs, lists, findings.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    id::{JobId, SiteId, TaskId},
    job::{JobKind, JobState},
};
use utoipa::ToSchema;

/// A job that was started.
#[derive(Serialize, ToSchema)]
pub struct StartedJob {
    /// The job to watch.
    #[schema(value_type = String)]
    pub job: JobId,
}

/// A task that was given up.
#[derive(Serialize, ToSchema)]
pub struct FailedTask {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TaskId,
    /// What kind of effect: `mail`.
    pub kind: String,
    /// What it is about, for people.
    pub title: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why the last attempt failed.
    pub error: String,
}

impl From<stoa_core::view::TaskView> for FailedTask {
    fn from(task: stoa_core::view::TaskView) -> Self {
        let stoa_core::view::TaskView { id, kind, title, attempts, created_at, error } = task;
        Self { id, kind, title, attempts, created_at, error }
    }
}

/// A job.
#[derive(Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    #[schema(value_type = String)]
    pub id: JobId,
    /// The site it works on.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The site's hostname.
    pub hostname: String,
    /// The site's title.
    pub site_title: String,
    /// `create`, `start`, `stop`, `restart`, `update` or `change_domain`.
    #[schema(value_type = String, example = "create")]
    pub kind: JobKind,
    /// Title, for people.
    pub title: String,
    /// `queued`, `running`, `unwinding`, `succeeded`, `failed`, `cancelled` or `stuck`.
    #[schema(value_type = String, example = "succeeded")]
    pub state: JobState,
    /// Why it failed.
    pub error: Option<String>,
    /// Why it failed, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// What to do next.
    pub advice: Option<String>,
    /// Whether it can be cancelled now.
    pub can_cancel: bool,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    pub queued_at: Timestamp,
    /// When a worker first claimed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// Its log, oldest first.
    pub log: Vec<LogEntry>,
}

/// An event of a job's stream.
#[derive(Serialize, ToSchema)]
pub struct JobEvent {
    /// `state`; or `end`, if the client has the last state already.
    pub event: String,
    /// Identifies the state: send it as `Last-Event-ID` to get newer ones only. Absent at the `end`.
    pub id: Option<String>,
    /// The job, as JSON.
    pub data: String,
}

/// A step of a job.
#[derive(Serialize, ToSchema)]
pub struct Step {
    /// Stable name.
    pub name: String,
    /// Title, for people.
    pub title: String,
    /// `waiting`, `running`, `done`, `failed`, `undoing`, `undone` or `undo_failed`.
    pub state: String,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// Duration in milliseconds.
    pub duration_ms: Option<u64>,
    /// Details of its result.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A line of a job's log.
#[derive(Serialize, ToSchema)]
pub struct LogEntry {
    /// Sequence number.
    pub seq: i64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The text.
    pub line: String,
}

impl From<stoa_core::view::JobView> for Job {
    fn from(v: stoa_core::view::JobView) -> Self {
        Self {
            id: v.id,
            site: v.site,
            hostname: v.hostname,
            site_title: v.site_title,
            kind: v.kind,
            title: v.title,
            state: v.state,
            error: v.error,
            error_detail: v.error_detail,
            advice: v.advice,
            can_cancel: v.can_cancel,
            queued_at: v.queued_at,
            started_at: v.started_at,
            ended_at: v.ended_at,
            steps: v.steps.into_iter().map(Into::into).collect(),
            log: v.log.into_iter().map(|l| LogEntry { seq: l.seq, at: l.at, line: l.line }).collect(),
        }
    }
}

impl From<stoa_core::view::StepView> for Step {
    fn from(v: stoa_core::view::StepView) -> Self {
        let stoa_core::view::StepView { name, title, state, started_at, duration_ms, detail, error } = v;
        Self { name, title, state, started_at, duration_ms, detail, error }
    }
}

/// A finding of the doctor.
#[derive(Serialize, ToSchema)]
pub struct Finding {
    /// What was checked.
    pub check: String,
    /// `good`, `warning` or `bad`.
    #[schema(value_type = String)]
    pub verdict: stoa_core::view::Verdict,
    /// What was found.
    pub found: String,
    /// How to fix it.
    pub remedy: Option<String>,
}

impl From<stoa_core::view::Finding> for Finding {
    fn from(v: stoa_core::view::Finding) -> Self {
        Self { check: v.check, verdict: v.verdict, found: v.found, remedy: v.remedy }
    }
}

/// A page of a list, newest first.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass it as `before` to get the next page; absent on the last one.
    pub next: Option<String>,
}

impl<V, T: From<V>> From<stoa_core::view::Paged<V>> for Page<T> {
    fn from(page: stoa_core::view::Paged<V>) -> Self {
        Self { items: page.items.into_iter().map(Into::into).collect(), next: page.next }
    }
}
