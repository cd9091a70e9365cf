//! What people may say to a job: cancel it; and to a stuck one: try again, or give it up.

use stoa_db::{history, job_log, jobs};
use stoa_model::{
    account::Role,
    id::JobId,
    job::{Job, JobState},
};
use stoa_saga::{Event, NotStuck, Position};

use crate::{Control, Cx, Error, Result, sagas::saga_of};

impl Control {
    /// Cancels a job: what it did is undone.
    ///
    /// # Errors
    /// Not found, not the actor's to change, or too late.
    pub async fn job_cancel(&self, cx: &Cx, id: JobId) -> Result<()> {
        let job = self.job_within(cx, id).await?;
        self.site_to_change(cx, job.site).await?;
        let late = || Error::Conflict(format!("The job is {}; there is nothing to cancel any more.", job.state));
        if !super::view::can_cancel(&job) {
            return Err(late());
        }
        let event = &cx.audit("job.cancel", id, serde_json::json!({ "site": job.site }));
        let cancelled = self
            .db
            .write(|tx| {
                Box::pin(async move {
                    history::audit(&tx, event).await?;
                    jobs::job_cancel(&tx, id).await
                })
            })
            .await?;
        if !cancelled {
            return Err(late());
        }
        let running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&id).cloned();
        if let Some(token) = running {
            token.cancel();
        }
        self.nudges.jobs.notify_one();
        Ok(())
    }

    /// Lets a stuck job try again what it is stuck at; for staff from admin up.
    ///
    /// # Errors
    /// Without the role; not found; not stuck.
    pub async fn job_resume(&self, cx: &Cx, id: JobId) -> Result<()> {
        self.job_unstick(cx, id, "job.resume", |position, by| position.resume(by)).await
    }

    /// Closes a stuck job and leaves the world as it is; for staff from admin up.
    ///
    /// # Errors
    /// Without the role; not found; not stuck.
    pub async fn job_abandon(&self, cx: &Cx, id: JobId) -> Result<()> {
        self.job_unstick(cx, id, "job.abandon", |position, by| position.abandon(by)).await
    }

    async fn job_unstick(
        &self,
        cx: &Cx,
        id: JobId,
        action: &'static str,
        say: impl Fn(&Position, &str) -> std::result::Result<Event, NotStuck> + Sync,
    ) -> Result<()> {
        cx.require(Role::Admin)?;
        let job = &self.job_within(cx, id).await?;
        if job.state != JobState::Stuck {
            return Err(not_stuck());
        }
        let (say, event) = (&say, &cx.audit(action, id, serde_json::json!({ "site": job.site })));
        self.db
            .write(|tx| {
                Box::pin(async move {
                    let entries = job_log::job_entries(&*tx, id).await?;
                    let answer = answer(job, &entries, cx, say)?;
                    job_log::job_answer(&tx, id, &answer, cx.now).await?;
                    jobs::job_reopen(&tx, id).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.nudges.jobs.notify_one();
        Ok(())
    }
}

/// The event that a person's word becomes in the log.
fn answer(
    job: &Job,
    entries: &[stoa_saga::Entry],
    cx: &Cx,
    say: impl Fn(&Position, &str) -> std::result::Result<Event, NotStuck>,
) -> Result<Event> {
    let events: Vec<Event> = entries.iter().map(|entry| entry.event.clone()).collect();
    let position = Position::replay(&saga_of(job.kind).names(), &events).map_err(Error::internal)?;
    say(&position, &cx.actor.to_string()).map_err(|_| not_stuck())
}

fn not_stuck() -> Error {
    Error::Conflict("The job is not stuck.".into())
}
