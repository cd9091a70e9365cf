//! The workers. A worker takes the oldest job that nobody works on, holds it by a lease with a
//! heartbeat, and runs its saga. A worker that falls silent loses its lease, and the next one
//! continues where the log says the first one stood.

use std::{sync::Arc, time::Duration};

use stoa_db::{job_log::JobLog, jobs};
use stoa_model::{
    id::JobId,
    job::{Job, JobState},
};
use stoa_saga::{Epoch, Event, Log, Outcome, RunSignals};
use tokio::{
    sync::Semaphore,
    time::{Instant, interval_at, sleep},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use super::Jobs;
use crate::random;

/// Jobs queued by another process (the command line) are noticed within this time.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Jobs {
    /// Works until `stop`; jobs in progress come to rest then and are continued later.
    pub async fn work(&self, stop: CancellationToken) {
        let owner = format!("{}-{}", std::process::id(), random::uuid_at(self.core.clock.now()).simple());
        let slots = Arc::new(Semaphore::new(self.core.settings.workers.max(1)));
        let tracker = TaskTracker::new();
        loop {
            let slot = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
            };
            match self.claim(&owner).await {
                Some((job, epoch)) => {
                    let (jobs, stop) = (self.clone(), stop.clone());
                    tracker.spawn(async move {
                        let _slot = slot;
                        jobs.run(job, epoch, stop).await;
                        jobs.core.wakeups.jobs.notify_one();
                    });
                }
                None => {
                    drop(slot);
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = self.core.wakeups.jobs.notified() => {}
                        () = sleep(POLL_INTERVAL) => {}
                    }
                }
            }
        }
        tracker.close();
        tracker.wait().await;
    }

    async fn claim(&self, owner: &str) -> Option<(Job, Epoch)> {
        let (now, lease) = (self.core.clock.now(), self.core.settings.lease);
        jobs::job_claim(&self.core.db, owner, now, lease).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "no job could be claimed; trying again");
            None
        })
    }

    async fn run(&self, job: Job, epoch: Epoch, stop: CancellationToken) {
        let span = tracing::info_span!("job", id = %job.id, kind = %job.kind, site = %job.site);
        tracing::info!(parent: &span, epoch = epoch.0, "job taken up");
        let signals = self.signals(&job, stop);
        // Ends with this function also if that panics: a heartbeat that goes on would keep the job from
        // every other worker.
        let heartbeat = tokio::spawn(self.clone().heartbeat(job.id, epoch, signals.clone()));
        let heartbeat = AbortOnDropHandle::new(heartbeat);
        let outcome = self.execute(&job, epoch, signals).await;
        tracing::info!(parent: &span, ?outcome, "job came to rest");
        let finished = self.finish(&job, epoch, &outcome).await;
        drop(heartbeat);
        self.running().remove(&job.id);
        if let Err(error) = finished {
            // The log has the outcome; whoever takes the job up after the lease finishes it.
            tracing::error!(parent: &span, %error, "a job's outcome could not be recorded; it will be tried again");
        }
        let _ = self.changes.send(job.id);
    }

    /// The signals of one run, registered so that a command can cancel it at once.
    fn signals(&self, job: &Job, stop: CancellationToken) -> RunSignals {
        let cancel = CancellationToken::new();
        if job.cancel_requested {
            cancel.cancel();
        }
        self.running().insert(job.id, cancel.clone());
        RunSignals { log_patience: self.core.settings.lease / 2, ..RunSignals::new(cancel, stop) }
    }

    /// Renews the lease; stops the run when it is lost, and notices cancellation by another process.
    async fn heartbeat(self, job: JobId, epoch: Epoch, signals: RunSignals) {
        let lease = self.core.settings.lease;
        // Just taken: the first renewal is not due yet, and the job's own writes need not wait for it.
        let mut renewed = Instant::now();
        let mut ticks = interval_at(renewed + lease / 5, lease / 5);
        loop {
            ticks.tick().await;
            let asked = Instant::now();
            match jobs::job_heartbeat(&self.core.db, job, epoch, self.core.clock.now() + lease).await {
                Ok(true) => renewed = asked,
                Ok(false) => return signals.lost.cancel(),
                // After its time the lease may be another worker's.
                Err(_) if renewed.elapsed() >= lease => return signals.lost.cancel(),
                Err(error) => tracing::warn!(%job, %error, "a heartbeat failed"),
            }
            if let Ok(Some(row)) = jobs::job_get(&self.core.db, job).await
                && row.cancel_requested
            {
                signals.cancel.cancel();
            }
        }
    }

    async fn execute(&self, job: &Job, epoch: Epoch, signals: RunSignals) -> Outcome {
        let handler = match self.registry.handler(job.kind) {
            Ok(handler) => handler,
            Err(error) => return Outcome::Stuck { step: None, reason: error.for_operator() },
        };
        if let Err(error) = handler.begin(job).await {
            tracing::warn!(job = %job.id, %error, "a job could not be begun; it is tried again");
            return Outcome::Interrupted;
        }
        let log: Arc<dyn Log> = Arc::new(self.watched_log(job.id, epoch));
        #[cfg(debug_assertions)]
        let log = super::crash_points::armed(log);
        handler.execute(job, log, epoch, signals).await
    }

    /// The job's log, announcing what is written to it.
    fn watched_log(&self, job: JobId, epoch: Epoch) -> JobLog {
        let (clock, notes, jobs) = (self.core.clock.clone(), self.changes.clone(), self.clone());
        JobLog::new(self.core.db.clone(), job, move || clock.now()).on_note(move |_| drop(notes.send(job))).on_append(
            move |entries| {
                let _ = jobs.changes.send(job);
                if entries.iter().any(|entry| matches!(entry.event, Event::Unwinding { .. })) {
                    tokio::spawn(jobs.clone().show_unwinding(job, epoch));
                }
            },
        )
    }

    /// For lists; the truth is in the log.
    async fn show_unwinding(self, job: JobId, epoch: Epoch) {
        let shown = self
            .core
            .db
            .write(|tx| Box::pin(async move { jobs::job_set_state(&tx, job, epoch, JobState::Unwinding).await }))
            .await;
        if let Err(error) = shown {
            tracing::debug!(%job, %error, "the state of a job that unwinds could not be shown");
        }
    }
}
