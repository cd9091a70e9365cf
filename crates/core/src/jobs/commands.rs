//! Commands on jobs: cancel a job, and resume or abandon a stuck one.

use stoa_db::{history, job_log, jobs};
use stoa_model::{account::Role, id::JobId, job::JobState};
use stoa_saga::{Event, NotStuck, Position};

use super::{JobEnd, Jobs};
use crate::{Error, RequestContext, Result, Wakeup, permissions::writable_site};

impl Jobs {
    /// Cancels a job: one that no worker has begun ends at once, another one undoes its effects.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the job has ended, is being undone, or was cancelled before; not found; without
    /// permission to change the site.
    pub async fn cancel(&self, cx: &RequestContext, id: JobId) -> Result<()> {
        let job = self.readable_job(cx, id).await?;
        writable_site(&self.core.db, cx, job.site).await?;
        let late = || Error::Conflict(format!("The job is {}; there is nothing to cancel any more.", job.state));
        if !super::view::can_cancel(&job) {
            let is_cancelled = job.cancel_requested && !job.state.is_over();
            return Err(if is_cancelled {
                Error::Conflict("The job is already being cancelled. Its page shows when this is done.".into())
            } else {
                late()
            });
        }
        let event = &cx.audit("job.cancel", id, serde_json::json!({ "site": job.site }));
        let (job, end, handler) = (&job, &JobEnd::cancelled(), self.registry.handler(job.kind)?);
        let cancelled = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    history::audit(&tx, event).await?;
                    let text = end.error.as_deref().unwrap_or_default();
                    if jobs::job_cancel_queued(&tx, id, text, cx.now).await? {
                        handler.record_end(&tx, job, end, cx.now).await?;
                        return Ok(Cancelled::Ended);
                    }
                    match jobs::job_cancel(&tx, id).await? {
                        true => Ok(Cancelled::Requested),
                        false => Err(late()),
                    }
                })
            })
            .await?;
        match cancelled {
            Cancelled::Ended => {
                self.core.bus.job_changed(id);
                handler.after(job).await;
            }
            Cancelled::Requested => {
                let running = self.running().get(&id).cloned();
                if let Some(run) = running {
                    run.cancel.cancel();
                }
                self.core.bus.wake(Wakeup::Jobs);
            }
        }
        Ok(())
    }

    /// Retries the step that a stuck job failed at, or reads its plan again if it could not be read. Requires the
    /// role admin.
    ///
    /// # Errors
    /// Without the role; not found; not stuck.
    pub async fn resume(&self, cx: &RequestContext, id: JobId) -> Result<()> {
        self.resolve_stuck(cx, id, "job.resume", Position::resume).await
    }

    /// Closes a stuck job without undoing its effects. Requires the role admin. A job whose plan or log can't be
    /// read is closed immediately, as no worker can close it.
    ///
    /// # Errors
    /// Without the role; not found; not stuck.
    pub async fn abandon(&self, cx: &RequestContext, id: JobId) -> Result<()> {
        self.resolve_stuck(cx, id, "job.abandon", Position::abandon).await
    }

    async fn resolve_stuck(
        &self,
        cx: &RequestContext,
        id: JobId,
        action: &'static str,
        decide: Decision,
    ) -> Result<()> {
        cx.require(Role::Admin)?;
        let job = &self.readable_job(cx, id).await?;
        if job.state != JobState::Stuck {
            return Err(Error::Conflict("The job is not stuck.".into()));
        }
        let headings = self.registry.handler(job.kind)?.headings();
        let names = &headings.iter().map(|heading| heading.name).collect::<Vec<_>>();
        let audit_event = &cx.audit(action, id, serde_json::json!({ "site": job.site }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let entries = job_log::job_entries(&*tx, id).await.unwrap_or_default();
                    match (decision_event(names, &entries, cx, decide), action) {
                        (Some(event), _) => {
                            job_log::job_answer(&tx, id, &event, cx.now).await?;
                            jobs::job_reopen(&tx, id).await?;
                        }
                        (None, "job.resume") => jobs::job_reopen(&tx, id).await?,
                        (None, _) => self.close(&tx, job, &cx.actor.to_string(), cx.now).await?,
                    }
                    Ok::<_, Error>(history::audit(&tx, audit_event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Jobs);
        Ok(())
    }
}

/// What cancelling a job did.
enum Cancelled {
    /// It has ended.
    Ended,
    /// Its worker will undo it.
    Requested,
}

/// A decision about a stuck job, at its position in the log; the text names who made it.
type Decision = fn(&Position, &str) -> std::result::Result<Event, NotStuck>;

/// The log event for a decision about a stuck job; `None` if the log is not stuck or is inconsistent.
fn decision_event(
    names: &[&'static str],
    entries: &[stoa_saga::Entry],
    cx: &RequestContext,
    decide: Decision,
) -> Option<Event> {
    let events: Vec<Event> = entries.iter().map(|entry| entry.event.clone()).collect();
    let position = Position::replay(names, &events).ok()?;
    decide(&position, &cx.actor.to_string()).ok()
}
