//! Views for pages, the API and `--json`: ready to display, without secrets.

use jiff::Timestamp;
use serde::Serialize;
use stoa_db::listing::Window;
use stoa_model::{
    id::{JobId, SiteId, TaskId},
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
    /// A page of `found`. Query one item more than `limit`: it shows whether there is another page.
    pub fn of(mut found: Vec<T>, limit: u64, id: impl Fn(&T) -> String) -> Self {
        let more = found.len() as u64 > limit;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(id);
        Self { items: found, next }
    }
}

/// A part of a list for people, and how long the whole is.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// Number of items on all pages.
    pub total: u64,
    /// Which page this is.
    pub page: PageNumber,
}

impl<T> Listing<T> {
    /// Position of the first and the last item, counted from 1; `None` if there are no items.
    pub fn positions(&self) -> Option<(u64, u64)> {
        let before = self.page.window().offset;
        (!self.items.is_empty()).then(|| (before + 1, before + self.items.len() as u64))
    }

    /// Number of the page before, if there is one.
    pub fn previous(&self) -> Option<u32> {
        let last = self.total.div_ceil(u64::from(PageNumber::SIZE)).max(1);
        let previous = u64::from(self.page.0.checked_sub(1).filter(|page| *page > 0)?);
        u32::try_from(previous.min(last)).ok()
    }

    /// Number of the page after, if there is one.
    pub fn next(&self) -> Option<u32> {
        let until = u64::from(self.page.0) * u64::from(PageNumber::SIZE);
        (until < self.total).then(|| self.page.0.saturating_add(1))
    }
}

/// The number of a list's page, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageNumber(u32);

impl PageNumber {
    /// Items per page.
    pub const SIZE: u32 = 50;

    /// This page; 0 means the first.
    pub fn new(number: u32) -> Self {
        Self(number.max(1))
    }

    /// Which rows it shows.
    pub fn window(self) -> Window {
        Window { offset: u64::from(self.0 - 1) * u64::from(Self::SIZE), limit: u64::from(Self::SIZE) }
    }

    /// The page after this one.
    pub fn following(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for PageNumber {
    fn default() -> Self {
        Self(1)
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
    /// Its title on screen.
    pub title: String,
    /// Its state.
    pub state: JobState,
    /// Why it failed, for the customer.
    pub error: Option<String>,
    /// Why it failed, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// What the customer should do now.
    pub advice: Option<String>,
    /// Whether it can be cancelled now.
    pub can_cancel: bool,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When a worker first ran it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
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
    /// Its title on screen.
    pub title: String,
    /// `waiting`, `running`, `done`, `failed`, `undoing`, `undone` or `undo_failed`.
    pub state: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// How long it took, or has taken so far, in milliseconds.
    pub duration_ms: Option<u64>,
    /// A note on its result.
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

/// A task that was given up.
#[derive(Debug, Clone, Serialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// What kind of effect: `mail`.
    pub kind: String,
    /// What it is about.
    pub title: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was queued.
    pub created_at: Timestamp,
    /// Why the last attempt failed.
    pub error: String,
}

/// One finding of the doctor.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: String,
    /// How serious it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// How to repair it, if necessary.
    pub remedy: Option<String>,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but needs attention.
    Warning,
    /// Prevents Stoa from working.
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
    /// The id of the object.
    pub target: String,
    /// The outcome.
    pub outcome: String,
    /// The id of the request.
    pub request_id: String,
    /// Details, without secrets.
    pub detail: serde_json::Value,
    /// The client's address, if it came over the network.
    pub address: Option<String>,
    /// The session or token that was used.
    pub credential: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(total: u64, page: u32) -> Listing<()> {
        let shown = total.saturating_sub(u64::from(page - 1) * 50).min(50);
        Listing { items: vec![(); shown as usize], total, page: PageNumber::new(page) }
    }

    #[test]
    fn pages_lead_to_and_fro_and_back_from_beyond_the_end() {
        let around = |total, page| {
            let listing = listing(total, page);
            (listing.positions(), listing.previous(), listing.next())
        };
        assert_eq!(around(0, 1), (None, None, None));
        assert_eq!(around(50, 1), (Some((1, 50)), None, None));
        assert_eq!(around(120, 1), (Some((1, 50)), None, Some(2)));
        assert_eq!(around(120, 3), (Some((101, 120)), Some(2), None));
        assert_eq!(around(120, 9), (None, Some(3), None));
        assert_eq!(around(0, 9), (None, Some(1), None));
        assert_eq!(PageNumber::new(0), PageNumber::default());
        assert_eq!(PageNumber::new(u32::MAX).window().limit, 50);
    }
}
