//! All jobs, filtered by state; stuck ones can be resumed or abandoned here.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::view::JobView;
use stoa_model::{
    account::{Actor, Role},
    job::JobState,
};

use crate::{
    app::App,
    extract::{body::Query, permissions::StaffMember},
    http_error::HttpError,
    pages::sites::show::JobLine,
    ui::{self, frame::Frame, status},
};

/// Jobs per page.
const PAGE_SIZE: u32 = 30;

/// `/staff/jobs`
#[derive(Template)]
#[template(path = "core/jobs/staff_list.html")]
pub struct JobsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The selected state, or empty for all.
    pub filter: &'static str,
    /// The states: query value and label.
    pub filters: Vec<(&'static str, &'static str)>,
    /// The jobs, newest first.
    pub jobs: Vec<StaffJob>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Whether the viewer may cancel, resume and abandon them.
    pub can_administer: bool,
    /// Whether a job is in progress.
    pub busy: bool,
}

/// A job in the staff list.
pub struct StaffJob {
    /// What all lists show.
    pub line: JobLine,
    /// Its site.
    pub site: String,
    /// The site's title.
    pub site_title: String,
    /// The site's hostname.
    pub hostname: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Technical cause, for staff.
    pub detail: Option<String>,
    /// Whether it can be cancelled.
    pub can_cancel: bool,
    /// Whether it is stuck.
    pub stuck: bool,
}

impl StaffJob {
    /// The line of a job.
    pub fn new(job: JobView, now: Timestamp) -> Self {
        Self {
            line: JobLine::new(&job, now),
            site: job.site.to_string(),
            site_title: job.site_title,
            hostname: job.hostname,
            stuck: job.state == JobState::Stuck,
            can_cancel: job.can_cancel,
            detail: job.error_detail,
            error: job.error,
        }
    }
}

/// Filter and page.
#[derive(Deserialize)]
pub struct JobsQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    before: Option<String>,
}

impl JobsPage {
    /// Builds the page.
    pub fn new(
        frame: Frame,
        state: Option<JobState>,
        jobs: Vec<StaffJob>,
        next: Option<String>,
        can_administer: bool,
    ) -> Self {
        let filters = JobState::ALL.iter().map(|s| (s.as_str(), status::job(*s).word));
        let filters = std::iter::once(("", "All")).chain(filters).collect();
        let busy = jobs.iter().any(|j| matches!(j.line.state.tone, "busy"));
        Self { frame, filter: state.map_or("", JobState::as_str), filters, jobs, next, can_administer, busy }
    }
}

/// `GET /staff/jobs`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<JobsQuery>,
) -> Result<Response, HttpError> {
    let state = query.state.parse().ok();
    let before = query.before.and_then(|id| id.parse().ok());
    let page = app.control.jobs.list(&cx, state, before, PAGE_SIZE).await?;
    let jobs = page.items.into_iter().map(|job| StaffJob::new(job, cx.now)).collect();
    let can_administer = matches!(cx.actor, Actor::Staff(..)) && cx.actor.has_role(Role::Admin);
    Ok(ui::ok(&JobsPage::new(frame, state, jobs, page.next, can_administer)))
}
