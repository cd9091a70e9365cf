//! The workers. A worker takes the oldest job that nobody works on, holds it by a lease with a
//! heartbeat, and runs its saga. A worker that falls silent loses its lease, and the next one goes
//! on where the log says the first one stood.

use std::{sync::Arc, time::Duration};

use stoa_db::{job_log::JobLog, jobs, sites};
use stoa_model::{
    id::JobId,
    job::{Job, JobKind, JobState},
    site::SiteState,
};
use stoa_saga::{Epoch, Event, Log, Outcome, execute};
use tokio::{
    sync::Semaphore,
    time::{Instant, interval_at, sleep},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{
    Control, Result, random,
    sagas::{SitePlan, saga_of},
};

/// Jobs queued by another process (the command line) are noticed this late at most.
const LOOK: Duration = Duration::from_secs(1);

/// Works until `stop`; jobs under way come to rest then and are gone on with later.
pub(crate) async fn work(control: Control, stop: CancellationToken) {
    let owner = format!("{}-{}", std::process::id(), random::uuid_at(control.clock.now()).simple());
    let places = Arc::new(Semaphore::new(control.settings.workers.max(1)));
    let tracker = TaskTracker::new();
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
        };
        match claim(&control, &owner).await {
            Some((job, epoch)) => {
                let (control, stop) = (control.clone(), stop.clone());
                tracker.spawn(async move {
                    let _place = place;
                    run(&control, job, epoch, stop).await;
                    control.nudges.jobs.notify_one();
                });
            }
            None => {
                drop(place);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = control.nudges.jobs.notified() => {}
                    () = sleep(LOOK) => {}
                }
            }
        }
    }
    tracker.close();
    tracker.wait().await;
}

async fn claim(control: &Control, owner: &str) -> Option<(Job, Epoch)> {
    let claimed = jobs::job_claim(&control.db, owner, control.clock.now(), control.settings.lease).await;
    claimed.unwrap_or_else(|error| {
        tracing::warn!(%error, "no job could be claimed; trying again");
        None
    })
}

async fn run(control: &Control, job: Job, epoch: Epoch, stop: CancellationToken) {
    let span = tracing::info_span!("job", id = %job.id, kind = %job.kind, site = %job.site);
    let _entered = span.clone();
    tracing::info!(parent: &span, epoch = epoch.0, "job taken up");
    let reins = reins(control, &job, stop);
    // Also if this panics: a heart that beats on would keep the job from everybody else.
    let heart = AbortOnDropHandle::new(tokio::spawn(beat(control.clone(), job.id, epoch, reins.clone())));
    let outcome = carry_out(control, &job, epoch, reins.clone()).await;
    tracing::info!(parent: &span, ?outcome, "job came to rest");
    let finished = super::finish::finish(control, &job, epoch, &outcome).await;
    drop(heart);
    lock(control).remove(&job.id);
    if let Err(error) = finished {
        // The log has the outcome; whoever takes the job up after the lease finishes it.
        tracing::error!(parent: &span, %error, "the outcome of a job could not be written; it will be tried again");
    }
    let _ = control.changes.send(job.id);
}

/// How this job is steered from outside; registered, so that a command can cancel it at once.
fn reins(control: &Control, job: &Job, stop: CancellationToken) -> stoa_saga::RunSignals {
    let cancel = CancellationToken::new();
    if job.cancel_requested {
        cancel.cancel();
    }
    lock(control).insert(job.id, cancel.clone());
    stoa_saga::RunSignals { log_patience: control.settings.lease / 2, ..stoa_saga::RunSignals::new(cancel, stop) }
}

fn lock(control: &Control) -> std::sync::MutexGuard<'_, std::collections::HashMap<JobId, CancellationToken>> {
    control.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Renews the lease; drops everything when it is lost, and hears of a cancellation by others.
async fn beat(control: Control, job: JobId, epoch: Epoch, reins: stoa_saga::RunSignals) {
    let lease = control.settings.lease;
    // Just taken: the first renewal is not due yet, and the job's own writes need not wait for it.
    let mut renewed = Instant::now();
    let mut ticks = interval_at(renewed + lease / 5, lease / 5);
    loop {
        ticks.tick().await;
        let asked = Instant::now();
        match jobs::job_heartbeat(&control.db, job, epoch, control.clock.now() + lease).await {
            Ok(true) => renewed = asked,
            Ok(false) => return reins.lost.cancel(),
            // Past its time the lease may be somebody else's.
            Err(_) if renewed.elapsed() >= lease => return reins.lost.cancel(),
            Err(error) => tracing::warn!(%job, %error, "a heartbeat failed"),
        }
        if let Ok(Some(row)) = jobs::job_get(&control.db, job).await
            && row.cancel_requested
        {
            reins.cancel.cancel();
        }
    }
}

async fn carry_out(control: &Control, job: &Job, epoch: Epoch, reins: stoa_saga::RunSignals) -> Outcome {
    let plan: SitePlan = match serde_json::from_value(job.plan.clone()) {
        Ok(plan) => plan,
        Err(error) => return Outcome::Stuck { step: None, reason: format!("the job's plan can't be read: {error}") },
    };
    if job.kind == JobKind::Create
        && let Err(error) = begin(control, job).await
    {
        tracing::warn!(job = %job.id, %error, "the site's state could not be set; the job is tried again");
        return Outcome::Interrupted;
    }
    let log: Arc<dyn Log> = Arc::new(watched_log(control, job.id, epoch));
    #[cfg(debug_assertions)]
    let log = crate::faults::deadly(log);
    execute(&saga_of(job.kind), &plan, control, log, epoch, reins).await
}

/// The site is being made from here on.
async fn begin(control: &Control, job: &Job) -> Result<()> {
    let (site, now) = (job.site, control.clock.now());
    control
        .db
        .write(|tx| {
            Box::pin(async move {
                let state = sites::site_get(&*tx, site).await?.map(|site| site.state);
                if state == Some(SiteState::Pending) {
                    sites::site_move(&tx, site, SiteState::Pending, SiteState::Provisioning, None, now).await?;
                }
                Ok::<_, crate::Error>(())
            })
        })
        .await?;
    let _ = control.routes_refresh(site).await;
    Ok(())
}

/// The job's log, with those told who watch.
fn watched_log(control: &Control, job: JobId, epoch: Epoch) -> JobLog {
    let (clock, notes, appends) = (control.clock.clone(), control.changes.clone(), control.clone());
    JobLog::new(control.db.clone(), job, move || clock.now()).on_note(move |_| drop(notes.send(job))).on_append(
        move |entries| {
            let _ = appends.changes.send(job);
            if entries.iter().any(|entry| matches!(entry.event, Event::Unwinding { .. })) {
                tokio::spawn(show_unwinding(appends.clone(), job, epoch));
            }
        },
    )
}

/// For lists; the truth is in the log.
async fn show_unwinding(control: Control, job: JobId, epoch: Epoch) {
    let shown = control
        .db
        .write(|tx| Box::pin(async move { jobs::job_set_state(&tx, job, epoch, JobState::Unwinding).await }))
        .await;
    if let Err(error) = shown {
        tracing::debug!(%job, %error, "the state of a job that unwinds could not be shown");
    }
}
