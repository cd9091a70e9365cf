//! Views of jobs. Steps and their times come only from the saga's log.

use jiff::Timestamp;
pub use stoa_db::jobs::list::JobFilter;
use stoa_db::{Page, job_log, jobs, sites};
use stoa_model::{
    account::Role,
    id::{JobId, SiteId},
    job::{Job, JobKind, JobState},
    site::Site,
};
use stoa_saga::{Entry, StepState, progress};

use super::Jobs;
use crate::{
    Error, RequestContext, Result,
    permissions::readable_site,
    view::{JobView, Listing, LogView, PageNumber, Paged, StepView},
};

impl Jobs {
    /// A job with its steps and its log.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a job of a site that the actor may not read.
    pub async fn get(&self, cx: &RequestContext, id: JobId) -> Result<JobView> {
        let job = self.readable_job(cx, id).await?;
        let log = job_log::job_notes(&self.core.db, id, 0).await?;
        let site = sites::site_get(&self.core.db, job.site).await?;
        let entries = job_log::job_entries(&self.core.db, id).await?;
        let mut view = self.job_view(cx, &job, site.as_ref(), &entries)?;
        view.log = log.into_iter().map(|note| LogView { seq: note.seq, at: note.at, line: note.line }).collect();
        Ok(view)
    }

    /// The `limit` newest jobs of a site, newest first, without their logs.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the actor may not read the site.
    pub async fn list_of_site(&self, cx: &RequestContext, site: SiteId, limit: u64) -> Result<Vec<JobView>> {
        readable_site(&self.core.db, cx, site).await?;
        self.job_views(cx, jobs::jobs_of(&self.core.db, site, Page::first(limit)).await?).await
    }

    /// One page of all jobs, newest first, for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list(
        &self,
        cx: &RequestContext,
        state: Option<JobState>,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Paged<JobView>> {
        cx.require(Role::Support)?;
        let limit = u64::from(limit.clamp(1, 100));
        let found = jobs::staff_jobs(&self.core.db, state, Page { limit: limit + 1, before }).await?;
        let Paged { items, next } = Paged::of(found, limit, |job| job.id.to_string());
        Ok(Paged { items: self.job_views(cx, items).await?, next })
    }

    /// Jobs as a screen lists them, for staff: a part of the list, and how many the other filters find in each state.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn search(
        &self,
        cx: &RequestContext,
        filter: JobFilter,
        page: PageNumber,
    ) -> Result<(Listing<JobView>, Vec<(JobState, u64)>)> {
        cx.require(Role::Support)?;
        let of_all_states = JobFilter { state: None, ..filter.clone() };
        let states = jobs::list::jobs_by_state(&self.core.db, &of_all_states).await?;
        let counted = states.iter().filter(|(state, _)| filter.state.is_none_or(|wanted| wanted == *state));
        let total = counted.map(|(_, n)| n).sum();
        let found = jobs::list::jobs_listed(&self.core.db, &filter, page.window()).await?;
        Ok((Listing { items: self.job_views(cx, found).await?, total, page }, states))
    }

    /// The number of jobs in each state, including states without jobs, for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn counts(&self, cx: &RequestContext) -> Result<Vec<(JobState, u64)>> {
        cx.require(Role::Support)?;
        let found = jobs::job_counts(&self.core.db).await?;
        let count = |state: &JobState| found.iter().find(|(of, _)| of == state).map_or(0, |(_, n)| *n);
        Ok(JobState::ALL.iter().map(|state| (*state, count(state))).collect())
    }

    /// The job, if the actor may read its site.
    pub(crate) async fn readable_job(&self, cx: &RequestContext, id: JobId) -> Result<Job> {
        let missing = || Error::NotFound("job");
        let job = jobs::job_get(&self.core.db, id).await?;
        if cx.actor.customer().is_none() {
            cx.require(Role::Support)?;
            return job.ok_or_else(missing);
        }
        let job = job.ok_or_else(missing)?;
        readable_site(&self.core.db, cx, job.site).await.map_err(|error| match error {
            Error::NotFound(_) => missing(),
            other => other,
        })?;
        Ok(job)
    }

    async fn job_views(&self, cx: &RequestContext, jobs: Vec<Job>) -> Result<Vec<JobView>> {
        let of_sites: Vec<_> = jobs.iter().map(|job| job.site).collect();
        let sites = sites::sites_by_ids(&self.core.db, &of_sites).await?;
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        let entries = job_log::entries_of_jobs(&self.core.db, &ids).await?;
        let entries_of = |job: &Job| entries.get(&job.id).map(Vec::as_slice).unwrap_or_default();
        jobs.iter().map(|job| self.job_view(cx, job, sites.get(&job.site), entries_of(job))).collect()
    }

    fn job_view(&self, cx: &RequestContext, job: &Job, site: Option<&Site>, entries: &[Entry]) -> Result<JobView> {
        let staff = cx.actor.has_role(Role::Support);
        let now = self.core.clock.now().as_millisecond();
        let steps = progress(&self.registry.handler(job.kind)?.headings(), entries);
        Ok(JobView {
            id: job.id,
            site: job.site,
            hostname: site.map(|site| site.hostname.to_string()).unwrap_or_default(),
            site_title: site.map(|site| site.title.to_string()).unwrap_or_default(),
            kind: job.kind,
            title: job.kind.title().to_owned(),
            state: job.state,
            error: job.error.clone(),
            error_detail: job.error_detail.clone().filter(|_| staff),
            advice: advice(job),
            can_cancel: can_cancel(job),
            queued_at: job.queued_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
            steps: steps.into_iter().map(|step| step_view(step, now, staff)).collect(),
            log: Vec::new(),
        })
    }
}

/// Whether the job can be cancelled now.
pub(super) fn can_cancel(job: &Job) -> bool {
    matches!(job.state, JobState::Queued | JobState::Running) && !job.cancel_requested
}

fn step_view(step: stoa_saga::StepView, now: i64, staff: bool) -> StepView {
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    // An undone step ended with its undo, maybe long after it had acted.
    let timed = step.started_ms.filter(|_| !matches!(step.state, StepState::Undoing | StepState::Undone));
    let duration = timed.map(|start| step.ended_ms.unwrap_or(now).saturating_sub(start).max(0) as u64);
    StepView {
        name: step.name.to_owned(),
        title: step.title.to_owned(),
        state: state_name(step.state).to_owned(),
        started_at: step.started_ms.and_then(time),
        duration_ms: duration,
        detail: step.detail,
        error: if staff { step.operator_error.or(step.error) } else { step.error },
    }
}

fn state_name(state: StepState) -> &'static str {
    match state {
        StepState::Waiting => "waiting",
        StepState::Running => "running",
        StepState::Done => "done",
        StepState::Failed => "failed",
        StepState::Asking | StepState::UndoFailed => "undo_failed",
        StepState::Undoing => "undoing",
        StepState::Undone => "undone",
    }
}

/// The recommended next action for the customer.
fn advice(job: &Job) -> Option<String> {
    let text = match (job.state, job.kind) {
        (JobState::Failed, JobKind::Create) => {
            "Nothing was left behind and you won't be charged for it. Try again; if it fails again, contact support with the ID of this job."
        }
        (JobState::Failed, _) => {
            "Your site is unchanged. Try again in a moment, or contact support with the ID of this job."
        }
        (JobState::Cancelled, JobKind::Create) => "Nothing was left behind. You can start again at any time.",
        (JobState::Stuck, _) => "You don't need to do anything. Our team will finish this, and your data is safe.",
        _ => return None,
    };
    Some(text.to_owned())
}
