//! The workers. A worker claims available jobs under a lease and runs their sagas; one heartbeat renews the leases of
//! all its runs. When a process stops renewing, its leases expire, and another one continues the jobs from their logs.
//!
//! Each lane has slots of its own. A run occupies one while it works and gives it up while it only waits for the
//! world ([`StepRun::waiting`](stoa_saga::StepRun::waiting)), so that sites which don't answer delay nobody else.

use std::{sync::Arc, time::Duration};

use stoa_db::{
    DbError,
    job_log::JobLog,
    jobs::{self, Claim},
};
use stoa_model::{
    id::JobId,
    job::{Job, JobState, Lane},
};
use stoa_saga::{Epoch, Event, Log, Outcome, RunSignals};
use tokio::time::{Instant, interval_at, sleep};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use tracing::Instrument;

use super::{
    Jobs, Run,
    slots::{JobSlot, LaneSlots},
};
use crate::{Wakeup, random, relay::poll_interval};

/// After this a run is repeated whose outcome could not be recorded.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// One call of [`Jobs::work`].
#[derive(Clone)]
struct Worker {
    jobs: Jobs,
    /// Names the holder of leases: the process, and this call.
    owner: Arc<str>,
    slots: LaneSlots,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Jobs {
    /// Runs jobs until `stop`. Jobs in progress are interrupted then and continued later.
    pub async fn work(&self, stop: CancellationToken) {
        let worker = Worker {
            jobs: self.clone(),
            owner: random::holder_name(self.core.clock.now()).into(),
            slots: LaneSlots::new(&self.core.settings.lanes),
            stop: stop.clone(),
            tracker: TaskTracker::new(),
        };
        // Aborted even if this function panics: a heartbeat that continues would keep the jobs from all other workers.
        let heartbeat = AbortOnDropHandle::new(tokio::spawn(worker.clone().heartbeat()));
        while !stop.is_cancelled() {
            worker.fill_slots().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.core.bus.wakeup(Wakeup::Jobs).notified() => {}
                () = worker.slots.freed() => {}
                // Another process may have queued a job.
                () = sleep(poll_interval(&self.core)) => {}
            }
        }
        worker.tracker.close();
        worker.tracker.wait().await;
        drop(heartbeat);
    }
}

impl Worker {
    /// Claims and starts as many jobs as there are free slots for.
    async fn fill_slots(&self) {
        match jobs::job_is_available(&self.jobs.core.db, self.jobs.core.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "cannot look for jobs; will retry"),
        }
        for lane in Lane::ALL.iter().copied() {
            while let Some(slot) = self.slots.take(lane).filter(|_| !self.stop.is_cancelled()) {
                let Some((job, epoch)) = self.claim(lane, slot.is_last()).await else {
                    slot.put_back();
                    break;
                };
                self.tracker.spawn(self.clone().run(job, epoch, slot));
            }
        }
    }

    async fn claim(&self, lane: Lane, last_slot: bool) -> Option<(Job, Epoch)> {
        let (now, lease) = (self.jobs.core.clock.now(), self.jobs.core.settings.lease);
        let claim = Claim { owner: &self.owner, lane, last_slot, now, lease };
        jobs::job_claim(&self.jobs.core.db, &claim).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot claim a job; will retry");
            None
        })
    }

    async fn run(self, job: Job, epoch: Epoch, slot: JobSlot) {
        let span = tracing::info_span!("job", id = %job.id, kind = %job.kind, site = %job.site);
        tracing::info!(parent: &span, epoch = epoch.0, "job taken up");
        let (id, jobs) = (job.id, self.jobs.clone());
        let signals = jobs.start_run(&job, epoch, self.stop.clone(), slot);
        let run = async move {
            let outcome = jobs.execute(&job, epoch, signals).await;
            tracing::info!(?outcome, "job ended its run");
            jobs.finish(&job, epoch, &outcome).await
        };
        // In a task of its own, so that a panic outside of a step ends only this run.
        let ended = AbortOnDropHandle::new(tokio::spawn(run.instrument(span.clone()))).await;
        self.jobs.end_run(id, epoch);
        self.jobs.core.bus.job_changed(id);
        let problem = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.for_operator(),
            Err(panic) => panic.to_string(),
        };
        tracing::error!(parent: &span, problem, "a job's run could not be ended; it will be continued from its log");
        self.hand_back(id, epoch).await;
    }

    /// Makes a job available again whose run ended without recording its outcome. Without this, this process would
    /// take it for one of its runs.
    async fn hand_back(&self, job: JobId, epoch: Epoch) {
        while !self.stop.is_cancelled() {
            let core = &self.jobs.core;
            match jobs::job_release(&core.db, job, epoch, core.clock.now() + RETRY_DELAY).await {
                Ok(_) => return,
                Err(error) => tracing::warn!(%job, %error, "cannot hand a job back; will retry"),
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(RETRY_DELAY) => {}
            }
        }
    }

    /// Renews all leases, stops runs whose lease is lost, and detects cancellation by another process.
    async fn heartbeat(self) {
        let lease = self.jobs.core.settings.lease;
        let mut renewed = Instant::now();
        let mut ticks = interval_at(renewed + lease / 5, lease / 5);
        loop {
            ticks.tick().await;
            let sent = Instant::now();
            let runs = self.jobs.runs();
            let ids: Vec<JobId> = runs.iter().map(|(job, _)| *job).collect();
            let until = self.jobs.core.clock.now() + lease;
            match jobs::jobs_heartbeat(&self.jobs.core.db, &self.owner, &ids, until).await {
                Ok(held) => {
                    renewed = sent;
                    for (job, run) in runs {
                        match held.iter().find(|held| held.job == job && held.epoch == run.epoch) {
                            None => run.lost.cancel(),
                            Some(held) if held.cancel_requested => run.cancel.cancel(),
                            Some(_) => {}
                        }
                    }
                }
                // Expired leases may belong to another worker by now.
                Err(_) if renewed.elapsed() >= lease => runs.iter().for_each(|(_, run)| run.lost.cancel()),
                Err(error) => tracing::warn!(%error, "heartbeat failed"),
            }
        }
    }
}

impl Jobs {
    /// The signals of one run, registered so that a command can cancel it immediately.
    fn start_run(&self, job: &Job, epoch: Epoch, stop: CancellationToken, slot: JobSlot) -> RunSignals {
        let cancel = CancellationToken::new();
        if job.cancel_requested {
            cancel.cancel();
        }
        let signals = RunSignals {
            log_patience: self.core.settings.lease / 2,
            slot: Some(Arc::new(slot)),
            ..RunSignals::new(cancel, stop)
        };
        let run = Run { epoch, cancel: signals.cancel.clone(), lost: signals.lost.clone() };
        self.running().insert(job.id, run);
        signals
    }

    /// Forgets a run, unless a later one of the same job has begun.
    fn end_run(&self, job: JobId, epoch: Epoch) {
        let mut running = self.running();
        if running.get(&job).is_some_and(|run| run.epoch == epoch) {
            running.remove(&job);
        }
    }

    fn runs(&self) -> Vec<(JobId, Run)> {
        self.running().iter().map(|(job, run)| (*job, run.clone())).collect()
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
        let plan = match jobs::job_plan(&self.core.db, job.id).await {
            Ok(plan) => plan.unwrap_or_default(),
            Err(error @ DbError::Corrupt { .. }) => return Outcome::Stuck { step: None, reason: error.to_string() },
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "cannot read a job's plan; will retry");
                return Outcome::Interrupted;
            }
        };
        let log: Arc<dyn Log> = Arc::new(self.observed_log(job.id, epoch));
        #[cfg(debug_assertions)]
        let log = super::crash_points::with_crash_point(log);
        handler.execute(plan, log, epoch, signals).await
    }

    /// The job's log, which announces each write to subscribers.
    fn observed_log(&self, job: JobId, epoch: Epoch) -> JobLog {
        let (clock, bus, jobs) = (self.core.clock.clone(), self.core.bus.clone(), self.clone());
        JobLog::new(self.core.db.clone(), job, move || clock.now()).on_note(move |_| bus.job_changed(job)).on_append(
            move |entries| {
                jobs.core.bus.job_changed(job);
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
