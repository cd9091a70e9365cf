//! What people may say to a job: cancel it; and to a stuck one: try again, or give it up.

use stoa_db::{history, job_log, jobs};
use stoa_model::{account::Role, id::JobId, job::JobState};
use stoa_saga::{Event, NotStuck, Position};

use super::Jobs;
use crate::{Error, RequestContext, Result, site_access::writable_site};

impl Jobs {
    /// Cancels a job: what it did is undone.
    ///
    /// # Errors
    /// Not found, not the actor's to change, or too late.
    pub async fn cancel(&self, cx: &RequestContext, id: JobId) -> Result<()> {
        let job = self.readable_job(cx, id).await?;
        writable_site(&self.core.db, cx, job.site).await?;
        let late = || Error::Conflict(format!("The job is {}; there is nothing to cancel any more.", job.state));
        if !super::view::can_cancel(&job) {
            return Err(late());
        }
        let event = &cx.audit("job.cancel", id, serde_json::json!({ "site": job.site }));
        let cancelled = self
            .core
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
        let running = self.running().get(&id).cloned();
        if let Some(token) = running {
            token.cancel();
        }
        self.core.wakeups.jobs.notify_one();
        Ok(())
    }

    /// Lets a stuck job try again what it is stuck at; for staff from admin up. A job whose plan
    /// could not be read is read again.
    ///
    /// # Errors
    /// Without the role; not found; not stuck.
    pub async fn resume(&self, cx: &RequestContext, id: JobId) -> Result<()> {
        self.answer_stuck(cx, id, "job.resume", Position::resume).await
    }

    /// Closes a stuck job and leaves the world as it is; for staff from admin up. A job whose plan
    /// or log can't be read is closed at once, as no worker can.
    ///
    /// # Errors
    /// Without the role; not found; not stuck.
    pub async fn abandon(&self, cx: &RequestContext, id: JobId) -> Result<()> {
        self.answer_stuck(cx, id, "job.abandon", Position::abandon).await
    }

    async fn answer_stuck(&self, cx: &RequestContext, id: JobId, action: &'static str, say: Say) -> Result<()> {
        cx.require(Role::Admin)?;
        let job = &self.readable_job(cx, id).await?;
        if job.state != JobState::Stuck {
            return Err(Error::Conflict("The job is not stuck.".into()));
        }
        let headings = self.registry.handler(job.kind)?.headings();
        let names = &headings.iter().map(|heading| heading.name).collect::<Vec<_>>();
        let event = &cx.audit(action, id, serde_json::json!({ "site": job.site }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let entries = job_log::job_entries(&*tx, id).await.unwrap_or_default();
                    match (answer(names, &entries, cx, say), action) {
                        (Some(answer), _) => {
                            job_log::job_answer(&tx, id, &answer, cx.now).await?;
                            jobs::job_reopen(&tx, id).await?;
                        }
                        (None, "job.resume") => jobs::job_reopen(&tx, id).await?,
                        (None, _) => self.close(&tx, job, &cx.actor.to_string(), cx.now).await?,
                    }
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.wakeups.jobs.notify_one();
        Ok(())
    }
}

/// How a position in the log takes a person's word.
type Say = fn(&Position, &str) -> std::result::Result<Event, NotStuck>;

/// The event that a person's word becomes in the log; `None` if the log itself is not stuck or
/// makes no sense.
fn answer(names: &[&'static str], entries: &[stoa_saga::Entry], cx: &RequestContext, say: Say) -> Option<Event> {
    let events: Vec<Event> = entries.iter().map(|entry| entry.event.clone()).collect();
    let position = Position::replay(names, &events).ok()?;
    say(&position, &cx.actor.to_string()).ok()
}
