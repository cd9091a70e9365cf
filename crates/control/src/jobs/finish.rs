//! What follows from a job's end: the states of job and site, leases, history, and who is told,
//! in one transaction that can be repeated.

use stoa_db::{Tx, history, jobs, sites, subnets, tasks};
use stoa_model::{
    job::{Job, JobKind, JobState},
    site::SiteState,
};
use stoa_saga::{Cause, Epoch, Outcome};

use crate::{Control, Error, Result, tasks::mail};

/// How a job ended, in words.
struct End {
    state: JobState,
    /// For the customer.
    error: Option<String>,
    /// For the operator.
    detail: Option<String>,
}

/// Writes down how a job came to rest.
pub(super) async fn finish(control: &Control, job: &Job, epoch: Epoch, outcome: &Outcome) -> Result<()> {
    let end = match outcome {
        Outcome::LeaseLost => return Ok(()),
        Outcome::Interrupted => {
            jobs::job_release(&control.db, job.id, epoch).await?;
            return Ok(());
        }
        settled => end_of(settled),
    };
    let now = control.clock.now();
    // Who gave a job up need not be told of it, and nothing was undone then.
    let abandoned = matches!(outcome, Outcome::Abandoned { .. });
    let alarm = mail::job_alarm(control, job, end.state, end.detail.as_deref(), now).filter(|_| !abandoned);
    let (end, alarm) = (&end, &alarm);
    control
        .db
        .write(|tx| {
            Box::pin(async move {
                let (error, detail) = (end.error.as_deref(), end.detail.as_deref());
                jobs::job_finish(&tx, job.id, epoch, end.state, error, detail, now).await?;
                follow(&tx, job, end, now).await?;
                if let Some(mail) = alarm {
                    tasks::task_insert(&tx, &mail.task, Some(&mail.key)).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    control.nudges.tasks.notify_one();
    control.routes_catch_up(job.site).await;
    Ok(())
}

/// Closes a stuck job that no worker can take up, and says so to its site.
pub(super) async fn close(tx: &Tx, job: &Job, by: &str, now: jiff::Timestamp) -> Result<()> {
    let end = end_of(&Outcome::Abandoned { by: by.to_owned() });
    jobs::job_close(tx, job.id, end.detail.as_deref().unwrap_or_default(), now).await?;
    follow(tx, job, &end, now).await
}

fn end_of(outcome: &Outcome) -> End {
    match outcome {
        Outcome::RolledBack { cause: Cause::Cancelled, .. } => {
            End { state: JobState::Cancelled, error: Some("The job was cancelled.".into()), detail: None }
        }
        Outcome::RolledBack { failure, .. } => End {
            state: JobState::Failed,
            error: failure.as_ref().map(|failure| failure.public.clone()),
            detail: failure.as_ref().map(|failure| format!("{}: {}", failure.step, failure.source)),
        },
        Outcome::Stuck { step, reason } => End {
            state: JobState::Stuck,
            error: Some("This takes longer than it should. We have been told and are looking at it.".into()),
            detail: Some(format!("{}: {reason}", step.as_deref().unwrap_or("log"))),
        },
        Outcome::Abandoned { by } => End {
            state: JobState::Failed,
            error: Some("The job was given up.".into()),
            detail: Some(format!("abandoned by {by}; what it left must be looked at by hand")),
        },
        Outcome::Succeeded | Outcome::LeaseLost | Outcome::Interrupted => {
            End { state: JobState::Succeeded, error: None, detail: None }
        }
    }
}

/// What a job's end means for its site.
async fn follow(tx: &Tx, job: &Job, end: &End, now: jiff::Timestamp) -> Result<()> {
    if !matches!(end.state, JobState::Failed | JobState::Cancelled) {
        return Ok(());
    }
    let reason = end.error.as_deref();
    if job.kind == JobKind::Create {
        let state = sites::site_get(tx, job.site).await?.map(|site| site.state);
        if let Some(from) = state.filter(|s| matches!(s, SiteState::Pending | SiteState::Provisioning)) {
            sites::site_move(tx, job.site, from, SiteState::Failed, reason, now).await?;
            subnets::subnet_free(tx, job.site).await?;
        }
    }
    let text = format!("{} did not work: {}", job.kind.title(), reason.unwrap_or("no reason is known"));
    Ok(history::site_event(tx, job.site, now, "failed", &text).await?)
}
