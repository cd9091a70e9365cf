//! The workers. A worker claims the oldest available job under a lease, renews the lease with a heartbeat, and
//! runs the job's saga. When a worker stops renewing, its lease expires, and another worker continues the job from
//! its log.

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

/// Jobs queued by another process (the command line) wait at most this long.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Jobs {
    /// Runs jobs until `stop`. Jobs in progress are interrupted then and continued later.
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
            tracing::warn!(%error, "cannot claim a job; will retry");
            None
        })
    }

    async fn run(&self, job: Job, epoch: Epoch, stop: CancellationToken) {
        let span = tracing::info_span!("job", id = %job.id, kind = %job.kind, site = %job.site);
        tracing::info!(parent: &span, epoch = epoch.0, "job taken up");
        let signals = self.signals(&job, stop);
        // Aborted even if this function panics: a heartbeat that continues would keep the job from all other
        // workers.
        let heartbeat = tokio::spawn(self.clone().heartbeat(job.id, epoch, signals.clone()));
        let heartbeat = AbortOnDropHandle::new(heartbeat);
        let outcome = self.execute(&job, epoch, signals).await;
        tracing::info!(parent: &span, ?outcome, "job ended its run");
        let finished = self.finish(&job, epoch, &outcome).await;
        drop(heartbeat);
        self.running().remove(&job.id);
        if let Err(error) = finished {
            // The outcome is in the log; the worker that claims the job after the lease expires records it.
            tracing::error!(parent: &span, %error, "cannot record a job's outcome; will retry after the lease expires");
        }
        let _ = self.changes.send(job.id);
    }

    /// The signals of one run, registered so that a command can cancel it immediately.
    fn signals(&self, job: &Job, stop: CancellationToken) -> RunSignals {
        let cancel = CancellationToken::new();
        if job.cancel_requested {
            cancel.cancel();
        }
        self.running().insert(job.id, cancel.clone());
        RunSignals { log_patience: self.core.settings.lease / 2, ..RunSignals::new(cancel, stop) }
    }

    /// Renews the lease, stops the run when the lease is lost, and detects cancellation by another process.
    async fn heartbeat(self, job: JobId, epoch: Epoch, signals: RunSignals) {
        let lease = self.core.settings.lease;
        // The claim has just set the lease: an immediate renewal would only delay the job's own writes.
        let mut renewed = Instant::now();
        let mut ticks = interval_at(renewed + lease / 5, lease / 5);
        loop {
            ticks.tick().await;
            let sent = Instant::now();
            match jobs::job_heartbeat(&self.core.db, job, epoch, self.core.clock.now() + lease).await {
                Ok(true) => renewed = sent,
                Ok(false) => return signals.lost.cancel(),
                // An expired lease may belong to another worker by now.
                Err(_) if renewed.elapsed() >= lease => return signals.lost.cancel(),
                Err(error) => tracing::warn!(%job, %error, "heartbeat failed"),
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
            tracing::warn!(job = %job.id, %error, "cannot begin a job; will retry");
            return Outcome::Interrupted;
        }
        let log: Arc<dyn Log> = Arc::new(self.observed_log(job.id, epoch));
        #[cfg(debug_assertions)]
        let log = super::crash_points::with_crash_point(log);
        handler.execute(job, log, epoch, signals).await
    }

    /// The job's log, which announces each write to subscribers.
    fn observed_log(&self, job: JobId, epoch: Epoch) -> JobLog {
        let (clock, notes, jobs) = (self.core.clock.clone(), self.changes.clone(), self.clone());
        JobLog::new(self.core.db.clone(), job, move || clock.now()).on_note(move |_| drop(notes.send(job))).on_append(
            move |entries| {
                let _ = jobs.changes.send(job);
                if entries.iter().any(|entry| matches!(entry.event, Event::Unwinding { .. })) {
                    tokio::spawn(jobs.clone().record_unwinding(job, epoch));
                }
            },
        )
    }

    /// Updates the state that lists show; the log remains authoritative.
    async fn record_unwinding(self, job: JobId, epoch: Epoch) {
        let recorded = self
            .core
            .db
            .write(|tx| Box::pin(async move { jobs::job_set_state(&tx, job, epoch, JobState::Unwinding).await }))
            .await;
        if let Err(error) = recorded {
            tracing::debug!(%job, %error, "cannot record that a job is being undone");
        }
    }
}
