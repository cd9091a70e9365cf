//! All jobs, filtered by state; stuck ones can be resumed or abandoned here.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::{
    RequestContext,
    jobs::JobFilter,
    view::{JobView, Listing, PageNumber},
};
use stoa_model::{
    account::{Actor, Role},
    job::{JobKind, JobState},
};

use crate::{
    app::App,
    extract::{body::Query, permissions::StaffMember},
    http_error::HttpError,
    pages::sites::show::JobLine,
    ui::{
        self,
        frame::Frame,
        list::{Filters, Finder, ListUrl, Pager, csv_of_all},
        status,
    },
};

const PATH: &str = "/staff/jobs";

/// `/staff/jobs`
#[derive(Template)]
#[template(path = "core/jobs/staff_list.html")]
pub struct JobsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The list's search box.
    pub finder: Finder,
    /// Filters by state.
    pub filters: Filters,
    /// The jobs, newest first.
    pub jobs: Vec<StaffJob>,
    /// Where one is in the list.
    pub pager: Pager,
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

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct JobsQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

impl JobsQuery {
    fn filter(&self) -> JobFilter {
        let text = self.q.trim();
        JobFilter {
            state: self.state.parse().ok(),
            kind: self.kind.parse().ok(),
            text: (!text.is_empty()).then(|| text.to_owned()),
        }
    }

    fn url(&self) -> ListUrl {
        ListUrl::new(PATH, &[("q", &self.q), ("state", &self.state), ("kind", &self.kind)])
    }
}

impl JobsPage {
    /// Builds the page.
    pub fn new(
        frame: Frame,
        query: &JobsQuery,
        found: Listing<JobView>,
        states: &[(JobState, u64)],
        can_administer: bool,
        now: Timestamp,
    ) -> Self {
        let (url, filter) = (query.url(), query.filter());
        let counted = |state: JobState| states.iter().find(|(of, _)| *of == state).map_or(0, |(_, n)| *n);
        let of_state = |state: &JobState| (state.as_str(), status::job(*state).word, counted(*state));
        let all = states.iter().map(|(_, n)| n).sum();
        let filters = std::iter::once(("", "All", all)).chain(JobState::ALL.iter().map(of_state));
        let kinds = JobKind::ALL.iter().map(|kind| (kind.as_str(), kind.title()));
        let kinds = [("", "All kinds")].into_iter().chain(kinds);
        let pager = Pager::new(&found, &url, true);
        let jobs: Vec<_> = found.items.into_iter().map(|job| StaffJob::new(job, now)).collect();
        Self {
            frame,
            finder: Finder::new(&url, "Search by site").menu(&url, "kind", "Kind", kinds),
            filters: Filters::new("State", &url, "state", filter.state.map_or("", JobState::as_str), filters),
            busy: jobs.iter().any(|j| matches!(j.line.state.tone, "busy")),
            jobs,
            pager,
            can_administer,
        }
    }
}

/// `GET /staff/jobs`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<JobsQuery>,
) -> Result<Response, HttpError> {
    if query.format == "csv" {
        return csv(&app, &cx, &query).await;
    }
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let (found, states) = app.control.jobs.search(&cx, query.filter(), page).await?;
    let can_administer = matches!(cx.actor, Actor::Staff(..)) && cx.actor.has_role(Role::Admin);
    Ok(ui::ok(&JobsPage::new(frame, &query, found, &states, can_administer, cx.now)))
}

async fn csv(app: &App, cx: &RequestContext, query: &JobsQuery) -> Result<Response, HttpError> {
    let find = async |page| Ok(app.control.jobs.search(cx, query.filter(), page).await?.0);
    let row = |job: JobView| {
        let end = job.ended_at.map(|at| at.to_string()).unwrap_or_default();
        let (id, state, queued) = (job.id.to_string(), job.state.to_string(), job.queued_at.to_string());
        vec![id, job.title, state, job.hostname, queued, end, job.error.unwrap_or_default()]
    };
    csv_of_all("jobs", &["id", "job", "state", "site", "queued", "ended", "error"], find, row).await
}
