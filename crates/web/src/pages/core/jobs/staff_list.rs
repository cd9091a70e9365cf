//! All jobs, filtered by state; the stuck ones can be resumed or abandoned right here.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_control::view::JobView;
use stoa_model::{
    account::{Actor, Role},
    job::JobState,
};

use crate::{
    app::App,
    extract::{body::Query, rights::StaffMember},
    fault::Fault,
    pages::sites::show::JobLine,
    ui::{self, frame::Frame, status},
};

/// How many jobs a page of the list holds.
const PAGE: u32 = 30;

/// `/staff/jobs`
#[derive(Template)]
#[template(path = "core/jobs/staff_list.html")]
pub struct JobsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The chosen state's word, or nothing for all.
    pub filter: &'static str,
    /// The states: word in the address, word on screen.
    pub filters: Vec<(&'static str, &'static str)>,
    /// The jobs, newest first.
    pub jobs: Vec<StaffJob>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Whether who looks may steer them.
    pub steers: bool,
    /// Whether something is under way.
    pub busy: bool,
}

/// A job in the operator's list.
pub struct StaffJob {
    /// What every list shows.
    pub line: JobLine,
    /// Its site.
    pub site: String,
    /// The site's title.
    pub site_title: String,
    /// The site's hostname.
    pub hostname: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Why it failed, for staff.
    pub detail: Option<String>,
    /// Whether it can be cancelled.
    pub can_cancel: bool,
    /// Whether it waits for a person.
    pub stuck: bool,
}

impl StaffJob {
    /// What the list shows of a job.
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

/// Which jobs.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    state: String,
    #[serde(default)]
    before: Option<String>,
}

impl JobsPage {
    /// The page.
    pub fn new(frame: Frame, state: Option<JobState>, jobs: Vec<StaffJob>, next: Option<String>, steers: bool) -> Self {
        let filters = JobState::ALL.iter().map(|s| (s.as_str(), status::job(*s).word));
        let filters = std::iter::once(("", "All")).chain(filters).collect();
        let busy = jobs.iter().any(|j| matches!(j.line.state.tone, "busy"));
        Self { frame, filter: state.map_or("", JobState::as_str), filters, jobs, next, steers, busy }
    }
}

/// `GET /staff/jobs`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(which): Query<Which>,
) -> Result<Response, Fault> {
    let state = which.state.parse().ok();
    let before = which.before.and_then(|id| id.parse().ok());
    let page = app.control.job_list(&cx, state, before, PAGE).await?;
    let jobs = page.items.into_iter().map(|job| StaffJob::new(job, cx.now)).collect();
    let steers = matches!(cx.actor, Actor::Staff(..)) && cx.actor.has_role(Role::Admin);
    Ok(ui::ok(&JobsPage::new(frame, state, jobs, page.next, steers)))
}
