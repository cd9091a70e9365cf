//! A job in progress. The page and every event of its stream render the whole state, so that a reload, a lost
//! connection and another tab all show the same.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_core::{
    RequestContext,
    view::{JobView, StepView},
};
use stoa_model::{
    account::Role,
    id::JobId,
    job::{JobKind, JobState},
};
use stoa_sites::view::{SiteAction, SiteView};

use crate::{
    app::App,
    extract::{
        id::Id,
        permissions::{LoggedIn, can_change_sites, with_permitted_actions},
    },
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// `/jobs/{id}`
#[derive(Template)]
#[template(path = "core/jobs/show.html")]
pub struct JobPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The part that changes.
    pub progress: Progress,
    /// Whether it is updated while the job runs.
    pub live: bool,
}

/// The part that the event stream replaces.
#[derive(Template)]
#[template(path = "core/jobs/progress.html")]
pub struct Progress {
    /// CSRF token of its forms.
    pub csrf: String,
    /// The job's id.
    pub id: JobId,
    /// Title.
    pub title: String,
    /// The site's id.
    pub site: String,
    /// The site's title.
    pub site_title: String,
    /// The site's address.
    pub url: String,
    /// The site's hostname.
    pub hostname: String,
    /// State.
    pub state: Badge,
    /// One sentence for screen readers, announced when it changes.
    pub spoken: String,
    /// Outcome.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<String>,
    /// Technical cause, for staff.
    pub error_detail: Option<String>,
    /// What to do next.
    pub advice: Option<String>,
    /// What the customer sees of the steps; empty for kinds of jobs whose steps speak for themselves.
    pub groups: Vec<StepGroup>,
    /// Steps.
    pub steps: Vec<Step>,
    /// Log lines: time since the job started, and text.
    pub log: Vec<(String, String)>,
    /// When it was queued.
    pub queued: Moment,
    /// Duration so far.
    pub took: Elapsed,
    /// Whether it can be cancelled.
    pub can_cancel: bool,
    /// Whether creating the site can be retried.
    pub can_retry: bool,
    /// Whether the site's login link is available.
    pub can_log_in: bool,
    /// Whether the viewer may resume or abandon it.
    pub can_steer: bool,
}

impl HtmlSafe for Progress {}

/// Outcome of a job, as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not over yet.
    Running,
    /// Done: a site was created.
    Ready,
    /// Done.
    Done,
    /// Failed, and undone.
    Failed,
    /// Cancelled, and undone.
    Cancelled,
    /// Needs an operator.
    Stuck,
}

/// A duration; the page's script keeps counting while it runs.
pub struct Elapsed {
    /// Duration so far, formatted.
    pub text: Option<String>,
    /// Milliseconds so far, while it runs.
    pub running_ms: Option<u64>,
}

impl Elapsed {
    /// A running or finished duration.
    pub fn new(milliseconds: Option<u64>, running: bool) -> Self {
        Self { text: milliseconds.map(time::duration), running_ms: milliseconds.filter(|_| running) }
    }
}

/// A step, as shown.
pub struct Step {
    /// State, used as a CSS class.
    pub state: String,
    /// Icon.
    pub icon: &'static str,
    /// State, for screen readers.
    pub word: &'static str,
    /// Title.
    pub title: String,
    /// Details of its result.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Duration.
    pub took: Elapsed,
}

/// Steps that are one to a customer.
pub struct StepGroup {
    /// State, used as a CSS class.
    pub state: &'static str,
    /// Icon.
    pub icon: &'static str,
    /// State, for screen readers.
    pub word: &'static str,
    /// Title.
    pub title: &'static str,
    /// Why it failed.
    pub error: Option<String>,
}

/// The groups of a new store's steps, in order, and the names of their steps.
const CREATION: &[(&str, &[&str])] = &[
    ("Preparing your store", &["directories", "secrets", "stack"]),
    ("Starting it", &["containers"]),
    ("Installing the application", &["application"]),
    ("Connecting your address", &["route", "certificate"]),
    ("Final check", &["verify", "credentials", "backups", "welcome"]),
];

impl StepGroup {
    /// The groups of a job.
    fn of(kind: JobKind, steps: &[StepView]) -> Vec<Self> {
        if kind != JobKind::Create || steps.is_empty() {
            return Vec::new();
        }
        let group = |(title, names): &(&'static str, &[&str])| {
            let own: Vec<_> = steps.iter().filter(|step| names.contains(&step.name.as_str())).collect();
            let any = |state: &str| own.iter().any(|step| step.state == state);
            let all = |state: &str| !own.is_empty() && own.iter().all(|step| step.state == state);
            let state = match () {
                () if any("undo_failed") => "undo_failed",
                () if any("failed") => "failed",
                () if any("undoing") => "undoing",
                () if all("done") => "done",
                () if any("running") || any("done") => "running",
                () if any("undone") => "undone",
                () => "waiting",
            };
            let (icon, word) = status::step(state);
            let error = own.iter().find_map(|step| step.error.clone());
            Self { state, icon, word, title, error }
        };
        CREATION.iter().map(group).collect()
    }
}

impl From<StepView> for Step {
    fn from(step: StepView) -> Self {
        let (icon, word) = status::step(&step.state);
        let running = matches!(step.state.as_str(), "running" | "undoing");
        let took = Elapsed::new(step.duration_ms.filter(|_| step.state != "waiting"), running);
        Self { state: step.state, icon, word, title: step.title, detail: step.detail, error: step.error, took }
    }
}

impl Progress {
    /// The job as the viewer may see it.
    pub fn new(job: JobView, site: &SiteView, csrf: String, can_administer: bool, now: Timestamp) -> Self {
        let outcome = outcome(&job);
        let since = job.started_at.unwrap_or(job.queued_at);
        let until = job.ended_at.unwrap_or(now);
        let took = u64::try_from(until.duration_since(since).as_millis()).ok();
        let offset = |at: Timestamp| u64::try_from(at.duration_since(since).as_millis()).unwrap_or(0);
        let may = |action| site.actions.contains(&action);
        Self {
            csrf,
            id: job.id,
            spoken: spoken(&job, outcome),
            site: job.site.to_string(),
            site_title: site.title.clone(),
            url: site.url.clone(),
            hostname: site.hostname.clone(),
            state: status::job(job.state),
            outcome,
            took: Elapsed::new(took, outcome == Outcome::Running),
            log: job.log.into_iter().map(|l| (time::duration(offset(l.at)), l.line)).collect(),
            groups: StepGroup::of(job.kind, &job.steps),
            steps: job.steps.into_iter().map(Step::from).collect(),
            queued: time::moment(job.queued_at, now),
            can_cancel: job.can_cancel,
            can_retry: may(SiteAction::Retry) && outcome != Outcome::Running,
            can_log_in: may(SiteAction::LogIn),
            can_steer: can_administer && outcome == Outcome::Stuck,
            title: job.title,
            error: job.error,
            error_detail: job.error_detail,
            advice: job.advice,
        }
    }
}

fn outcome(job: &JobView) -> Outcome {
    match job.state {
        JobState::Queued | JobState::Running | JobState::Unwinding => Outcome::Running,
        JobState::Succeeded if job.kind == JobKind::Create => Outcome::Ready,
        JobState::Succeeded => Outcome::Done,
        JobState::Failed => Outcome::Failed,
        JobState::Cancelled => Outcome::Cancelled,
        JobState::Stuck => Outcome::Stuck,
    }
}

/// The sentence for screen readers.
fn spoken(job: &JobView, outcome: Outcome) -> String {
    let done = job.steps.iter().filter(|s| s.state == "done").count();
    let running = job.steps.iter().find(|s| matches!(s.state.as_str(), "running" | "undoing"));
    match (outcome, running) {
        (Outcome::Running, Some(step)) if job.state == JobState::Unwinding => format!("Rolling back: {}.", step.title),
        (Outcome::Running, Some(step)) => format!("Step {} of {}: {}.", done + 1, job.steps.len(), step.title),
        (Outcome::Running, None) if job.state == JobState::Unwinding => "Rolling back.".into(),
        (Outcome::Running, None) if job.state == JobState::Queued => "In the queue.".into(),
        (Outcome::Running, None) => format!("{done} of {} steps done.", job.steps.len()),
        (Outcome::Ready, _) => "Your store is ready.".into(),
        (Outcome::Done, _) => "Done.".into(),
        (Outcome::Failed, _) => "Something went wrong. We've rolled everything back.".into(),
        (Outcome::Cancelled, _) => "Cancelled. Everything was rolled back.".into(),
        (Outcome::Stuck, _) => "We need to fix this by hand.".into(),
    }
}

/// Loads a job and its site.
pub(super) async fn progress(app: &App, cx: &RequestContext, id: JobId, csrf: String) -> Result<Progress, HttpError> {
    let mut job = app.control.jobs.get(cx, id).await?;
    job.can_cancel &= can_change_sites(cx);
    let site = with_permitted_actions(cx, app.control.sites.get(cx, job.site).await?);
    Ok(Progress::new(job, &site, csrf, cx.actor.has_role(Role::Admin), cx.now))
}

/// `GET /jobs/{id}`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let progress = progress(&app, &cx, id, frame.csrf.clone()).await?;
    let live = progress.outcome == Outcome::Running;
    Ok(ui::ok(&JobPage { frame, progress, live }))
}
