//! Records the end of a job: its state, the effect on its site, and the alert to staff, in one transaction that
//! may be repeated.

use stoa_db::{Tx, jobs, tasks};
use stoa_model::job::{Job, JobState};
use stoa_saga::{Cause, Epoch, Outcome};

use super::Jobs;
use crate::{Error, Result, Wakeup, alerts};

/// How a job ended.
#[derive(Debug, Clone)]
pub struct JobEnd {
    /// Its final state.
    pub state: JobState,
    /// Why, for the customer.
    pub error: Option<String>,
    /// Why, for the operator.
    pub detail: Option<String>,
}

impl JobEnd {
    /// Whether the job failed or was cancelled, and its effects were undone or abandoned.
    pub fn is_failure(&self) -> bool {
        matches!(self.state, JobState::Failed | JobState::Cancelled)
    }

    pub(super) fn cancelled() -> Self {
        Self { state: JobState::Cancelled, error: Some("The job was cancelled.".into()), detail: None }
    }

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::RolledBack { cause: Cause::Cancelled, .. } => Self::cancelled(),
            Outcome::RolledBack { failure, .. } => Self {
                state: JobState::Failed,
                error: failure.as_ref().map(|failure| failure.public.clone()),
                detail: failure.as_ref().map(|failure| format!("{}: {}", failure.step, failure.source)),
            },
            Outcome::Stuck { step, reason } => Self {
                state: JobState::Stuck,
                error: Some("This takes longer than it should. We have been notified and are looking at it.".into()),
                detail: Some(format!("{}: {reason}", step.as_deref().unwrap_or("log"))),
            },
            Outcome::Abandoned { by } => Self {
                state: JobState::Failed,
                error: Some("The job was given up.".into()),
                detail: Some(format!("abandoned by {by}; what it left must be checked by hand")),
            },
            Outcome::Succeeded | Outcome::LeaseLost | Outcome::Interrupted => {
                Self { state: JobState::Succeeded, error: None, detail: None }
            }
        }
    }
}

impl Jobs {
    /// Records the outcome of a run.
    pub(super) async fn finish(&self, job: &Job, epoch: Epoch, outcome: &Outcome) -> Result<()> {
        let end = match outcome {
            // A lost lease need not be another worker's by now, and until one has it, all take the job for a run of this one.
            Outcome::LeaseLost | Outcome::Interrupted => {
                jobs::job_release(&self.core.db, job.id, epoch, self.core.clock.now()).await?;
                return Ok(());
            }
            ended => JobEnd::of(ended),
        };
        let now = self.core.clock.now();
        // Whoever abandoned the job knows about it, and the e-mail would say that its effects were undone.
        let abandoned = matches!(outcome, Outcome::Abandoned { .. });
        let alarm = alerts::job_alert(&self.core, job, end.state, end.detail.as_deref(), now).filter(|_| !abandoned);
        let (end, alarm, handler) = (&end, &alarm, self.registry.handler(job.kind)?);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let (error, detail) = (end.error.as_deref(), end.detail.as_deref());
                    jobs::job_finish(&tx, job.id, epoch, end.state, error, detail, now).await?;
                    handler.record_end(&tx, job, end, now).await?;
                    if let Some(mail) = alarm {
                        tasks::task_insert(&tx, &mail.task, Some(&mail.key)).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        handler.after(job).await;
        Ok(())
    }

    /// Closes a stuck job that no worker can run.
    pub(super) async fn close(&self, tx: &Tx, job: &Job, by: &str, now: jiff::Timestamp) -> Result<()> {
        let end = JobEnd::of(&Outcome::Abandoned { by: by.to_owned() });
        jobs::job_close(tx, job.id, end.detail.as_deref().unwrap_or_default(), now).await?;
        self.registry.handler(job.kind)?.record_end(tx, job, &end, now).await
    }
}
