//! A job as it happens. The whole state is rendered every time, here and in every event of the
//! stream, so that a reload, a lost connection and another tab all show the same.

use askama::{Template, filters::HtmlSafe};
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_control::{
    RequestContext,
    view::{JobView, SiteAction, SiteView, StepView},
};
use stoa_model::{
    account::Role,
    id::JobId,
    job::{JobKind, JobState},
};

use crate::{
    app::App,
    extract::{
        id::Id,
        rights::{LoggedIn, may_change, offered},
    },
    fault::Fault,
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
    /// What surrounds it.
    pub frame: Frame,
    /// What changes.
    pub progress: Progress,
    /// Whether it goes on by itself.
    pub live: bool,
}

/// The part that the stream replaces.
#[derive(Template)]
#[template(path = "core/jobs/progress.html")]
pub struct Progress {
    /// Token of the forms in it.
    pub csrf: String,
    /// The job's id.
    pub id: JobId,
    /// Words for it.
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
    /// One sentence, spoken when it changes.
    pub spoken: String,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<String>,
    /// Why it failed, for staff.
    pub error_detail: Option<String>,
    /// What to do now.
    pub advice: Option<String>,
    /// Steps.
    pub steps: Vec<Step>,
    /// Log lines: seconds since the job began, and text.
    pub log: Vec<(String, String)>,
    /// When it was asked for.
    pub queued: Moment,
    /// How long it took or takes.
    pub took: Ticking,
    /// Whether it can be cancelled.
    pub can_cancel: bool,
    /// Whether the site can be made once more.
    pub can_retry: bool,
    /// Whether the site's administration can be entered.
    pub can_log_in: bool,
    /// Whether who looks may resume or abandon it.
    pub can_steer: bool,
}

impl HtmlSafe for Progress {}

/// What a job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    UnderWay,
    /// A site was made.
    Ready,
    /// Done.
    Done,
    /// Failed, and undone.
    Failed,
    /// Cancelled, and undone.
    Cancelled,
    /// A person is needed.
    Stuck,
}

/// A duration that goes on while the page is open.
pub struct Ticking {
    /// So far, in words.
    pub words: Option<String>,
    /// Milliseconds so far, while it goes on.
    pub from: Option<u64>,
}

impl Ticking {
    /// A duration, running or over.
    pub fn new(milliseconds: Option<u64>, running: bool) -> Self {
        Self { words: milliseconds.map(time::duration), from: milliseconds.filter(|_| running) }
    }
}

/// A step on the page.
pub struct Step {
    /// Its state, a class.
    pub state: String,
    /// Drawing.
    pub icon: &'static str,
    /// Its state, spoken.
    pub word: &'static str,
    /// Words.
    pub title: String,
    /// What it says about its result.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// How long.
    pub took: Ticking,
}

impl From<StepView> for Step {
    fn from(step: StepView) -> Self {
        let (icon, word) = status::step(&step.state);
        let running = matches!(step.state.as_str(), "running" | "undoing");
        let took = Ticking::new(step.duration_ms.filter(|_| step.state != "waiting"), running);
        Self { state: step.state, icon, word, title: step.title, detail: step.detail, error: step.error, took }
    }
}

impl Progress {
    /// What there is to see of a job for somebody.
    pub fn new(job: JobView, site: &SiteView, csrf: String, steers: bool, now: Timestamp) -> Self {
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
            took: Ticking::new(took, outcome == Outcome::UnderWay),
            log: job.log.into_iter().map(|l| (time::duration(offset(l.at)), l.line)).collect(),
            steps: job.steps.into_iter().map(Step::from).collect(),
            queued: time::moment(job.queued_at, now),
            can_cancel: job.can_cancel,
            can_retry: may(SiteAction::Retry) && outcome != Outcome::UnderWay,
            can_log_in: may(SiteAction::LogIn),
            can_steer: steers && outcome == Outcome::Stuck,
            title: job.title,
            error: job.error,
            error_detail: job.error_detail,
            advice: job.advice,
        }
    }
}

fn outcome(job: &JobView) -> Outcome {
    match job.state {
        JobState::Queued | JobState::Running | JobState::Unwinding => Outcome::UnderWay,
        JobState::Succeeded if job.kind == JobKind::Create => Outcome::Ready,
        JobState::Succeeded => Outcome::Done,
        JobState::Failed => Outcome::Failed,
        JobState::Cancelled => Outcome::Cancelled,
        JobState::Stuck => Outcome::Stuck,
    }
}

/// The one sentence that a screen reader hears.
fn spoken(job: &JobView, outcome: Outcome) -> String {
    let done = job.steps.iter().filter(|s| s.state == "done").count();
    let running = job.steps.iter().find(|s| matches!(s.state.as_str(), "running" | "undoing"));
    match (outcome, running) {
        (Outcome::UnderWay, Some(step)) if job.state == JobState::Unwinding => format!("Undoing: {}.", step.title),
        (Outcome::UnderWay, Some(step)) => format!("Step {} of {}: {}.", done + 1, job.steps.len(), step.title),
        (Outcome::UnderWay, None) if job.state == JobState::Unwinding => "Undoing what was begun.".into(),
        (Outcome::UnderWay, None) if job.state == JobState::Queued => "Waiting for its turn.".into(),
        (Outcome::UnderWay, None) => format!("{done} of {} steps done.", job.steps.len()),
        (Outcome::Ready, _) => "Your store is ready.".into(),
        (Outcome::Done, _) => "Done.".into(),
        (Outcome::Failed, _) => "This did not work out. Everything was undone.".into(),
        (Outcome::Cancelled, _) => "Cancelled. Everything was undone.".into(),
        (Outcome::Stuck, _) => "This needs a person's help.".into(),
    }
}

/// Reads a job and its site, and renders what there is to see.
pub(super) async fn progress(app: &App, cx: &RequestContext, id: JobId, csrf: String) -> Result<Progress, Fault> {
    let mut job = app.control.job_get(cx, id).await?;
    job.can_cancel &= may_change(cx);
    let site = offered(cx, app.control.site_get(cx, job.site).await?);
    Ok(Progress::new(job, &site, csrf, cx.actor.has_role(Role::Admin), cx.now))
}

/// `GET /jobs/{id}`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
    frame: Frame,
) -> Result<Response, Fault> {
    let progress = progress(&app, &cx, id, frame.csrf.clone()).await?;
    let live = progress.outcome == Outcome::UnderWay;
    Ok(ui::ok(&JobPage { frame, progress, live }))
}
