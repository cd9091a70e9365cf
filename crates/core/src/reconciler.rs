//! Reconcilers: each maintains one invariant. A reconciler takes no input, runs on a timer and when woken, is
//! idempotent, and does not retry: the next tick is the retry.
//!
//! They are supervised: each tick runs in a task of its own, so a panic ends that tick and nothing else. After a
//! failure the pause grows. How each fares is a metric, a line of `stoa doctor`, and, if it lasts, an e-mail to staff.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    core::processes::{self, ReconcilerStatus},
    tasks,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{Core, Wakeup, alerts};

/// Bounds of the longest pause after failures; between them it is the reconciler's period.
const PAUSE_BOUNDS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// How often the health of all is written for other processes.
const STATUS_INTERVAL: Duration = Duration::from_secs(60);
/// Staff get an e-mail about a reconciler that has failed for this long.
const ALARM_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A reconciler: when it runs, and where.
pub struct Reconciler {
    name: &'static str,
    period: Duration,
    /// The name of its lease.
    lease: &'static str,
    wakeup: Option<Wakeup>,
    everywhere: bool,
}

impl Reconciler {
    /// One that runs at least every `period`, in one process at a time.
    pub fn every(period: Duration, name: &'static str) -> Self {
        Self { name, period, lease: name, wakeup: None, everywhere: false }
    }

    /// It also runs when woken.
    #[must_use]
    pub fn on(mut self, wakeup: Wakeup) -> Self {
        self.wakeup = Some(wakeup);
        self
    }

    /// It runs in the process that runs the reconciler `name`, because that one holds what it needs.
    #[must_use]
    pub fn beside(mut self, name: &'static str) -> Self {
        self.lease = name;
        self
    }

    /// It runs in every process, because it maintains what the process itself holds.
    #[must_use]
    pub fn everywhere(mut self) -> Self {
        self.everywhere = true;
        self
    }
}

/// How a reconciler of this process has fared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcilerHealth {
    /// Finished runs.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Failures that were panics.
    pub panics: u64,
    /// How often another process took it over from this one.
    pub lost_leases: u64,
    /// How long the last run took.
    pub last_duration: Duration,
    /// When it last succeeded.
    pub ok_at: Option<Timestamp>,
    /// Since when every run has failed.
    pub failing_since: Option<Timestamp>,
    /// Why the last run failed.
    pub error: Option<String>,
    in_a_row: u32,
    is_alarmed: bool,
    everywhere: bool,
    /// Whether this process runs it now.
    is_here: bool,
}

/// Runs reconcilers. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    core: Core,
    health: Arc<Mutex<BTreeMap<&'static str, ReconcilerHealth>>>,
}

impl Supervisor {
    /// A supervisor without reconcilers.
    pub fn new(core: Core) -> Self {
        Self { core, health: Arc::default() }
    }

    /// How the reconcilers of this process fare, by name.
    pub fn health(&self) -> BTreeMap<&'static str, ReconcilerHealth> {
        self.locked().clone()
    }

    /// Gives the leases up, once no reconciler that needs one runs here any more.
    pub async fn release(&self) {
        self.core.leases.release().await;
        if let Err(error) = processes::reconcilers_forget(&self.core.db, self.core.leases.owner()).await {
            tracing::warn!(%error, "cannot delete how the reconcilers of this process fared");
        }
    }

    /// Keeps the leases and writes down how the reconcilers fare, until `stop`.
    pub async fn keep(&self, stop: &CancellationToken) {
        tokio::join!(self.core.leases.keep(stop), async {
            while !stop.is_cancelled() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(STATUS_INTERVAL) => {}
                }
                self.write_status().await;
            }
        });
    }

    /// Runs a reconciler until `stop`: `tick` is called with a clone of `service`, immediately, at every wakeup, and at
    /// least every period.
    ///
    /// Boxed: what runs all of them would else take a quarter of a megabyte of stack, several times over.
    pub fn run<'a, S: Clone + Sync, F>(
        &'a self,
        reconciler: Reconciler,
        service: &'a S,
        stop: &'a CancellationToken,
        tick: impl Fn(S) -> F + Send + Sync + 'a,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>
    where
        F: Future<Output = crate::Result<()>> + Send + 'static,
    {
        Box::pin(self.run_one(reconciler, service, stop, tick))
    }

    async fn run_one<S: Clone, F>(
        &self,
        reconciler: Reconciler,
        service: &S,
        stop: &CancellationToken,
        tick: impl Fn(S) -> F,
    ) where
        F: Future<Output = crate::Result<()>> + Send + 'static,
    {
        self.locked().entry(reconciler.name).or_default().everywhere = reconciler.everywhere;
        let set_here = |here| self.locked().entry(reconciler.name).or_default().is_here = here;
        let never = Notify::new();
        let wakeup = reconciler.wakeup.map_or(&never, |wakeup| self.core.bus.wakeup(wakeup));
        loop {
            let Some(lost) = self.lease(&reconciler, stop).await else { return };
            set_here(true);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = lost.cancelled() => break,
                    () = self.tick(&reconciler, tick(service.clone())) => {}
                }
                let pause = self.pause(&reconciler);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = lost.cancelled() => break,
                    () = wakeup.notified(), if pause.is_none() => {}
                    () = sleep(pause.unwrap_or(reconciler.period)) => {}
                }
            }
            set_here(false);
            self.locked().entry(reconciler.name).or_default().lost_leases += 1;
            tracing::warn!(reconciler = reconciler.name, "another process has taken the reconciler over");
        }
    }

    /// Waits until this process may run it. The token is cancelled when that ends. `None` on `stop`.
    async fn lease(&self, reconciler: &Reconciler, stop: &CancellationToken) -> Option<CancellationToken> {
        if reconciler.everywhere {
            return Some(CancellationToken::new());
        }
        loop {
            match self.core.leases.acquire(reconciler.lease).await {
                Ok(Some(lost)) => return Some(lost),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(
                        reconciler = reconciler.name,
                        error = error.for_operator(),
                        "cannot acquire the lease; will retry"
                    );
                }
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = sleep(self.core.settings.lease / 3) => {}
            }
        }
    }

    async fn tick(&self, reconciler: &Reconciler, tick: impl Future<Output = crate::Result<()>> + Send + 'static) {
        let began = Instant::now();
        let ended = AbortOnDropHandle::new(tokio::spawn(tick)).await;
        let (problem, panicked) = match ended {
            Ok(Ok(())) => (None, false),
            Ok(Err(error)) => (Some(error.for_operator()), false),
            Err(error) => (Some(error.to_string()), true),
        };
        if let Some(error) = &problem {
            tracing::warn!(reconciler = reconciler.name, error, panicked, "tick failed; the next one retries");
        }
        let alarm = self.record(reconciler.name, began.elapsed(), problem, panicked);
        if let Some(health) = alarm {
            self.alarm(reconciler.name, &health).await;
        }
    }

    /// Records a run; returns the health if staff must get an e-mail.
    fn record(
        &self,
        name: &'static str,
        duration: Duration,
        problem: Option<String>,
        panicked: bool,
    ) -> Option<ReconcilerHealth> {
        let now = self.core.clock.now();
        let mut all = self.locked();
        let health = all.entry(name).or_default();
        health.runs += 1;
        health.last_duration = duration;
        let Some(error) = problem else {
            (health.ok_at, health.failing_since, health.error) = (Some(now), None, None);
            (health.in_a_row, health.is_alarmed) = (0, false);
            return None;
        };
        health.failures += 1;
        health.panics += u64::from(panicked);
        health.in_a_row += 1;
        health.error = Some(error);
        let since = *health.failing_since.get_or_insert(now);
        let is_due = !health.is_alarmed && now.duration_since(since) >= ALARM_AFTER;
        health.is_alarmed |= is_due;
        is_due.then(|| health.clone())
    }

    /// The pause after failures; `None` after a success. It grows from a second to the reconciler's period.
    fn pause(&self, reconciler: &Reconciler) -> Option<Duration> {
        let failures = self.locked().get(reconciler.name).map_or(0, |health| health.in_a_row);
        let longest = reconciler.period.clamp(PAUSE_BOUNDS.0, PAUSE_BOUNDS.1);
        let exponent = failures.checked_sub(1)?;
        Some(Duration::from_secs(1 << exponent.min(9)).min(longest))
    }

    async fn alarm(&self, name: &str, health: &ReconcilerHealth) {
        let now = self.core.clock.now();
        let Some(alarm) = alerts::reconciler_alert(&self.core.settings, name, health, now) else { return };
        let queued = self.core.db.write(|tx| {
            let alarm = &alarm;
            Box::pin(async move { tasks::task_insert(&tx, &alarm.task, Some(&alarm.key)).await })
        });
        match queued.await {
            Ok(_) => self.core.bus.wake(Wakeup::Tasks),
            Err(error) => tracing::error!(reconciler = name, %error, "cannot tell staff that a reconciler fails"),
        }
    }

    async fn write_status(&self) {
        let now = self.core.clock.now();
        let own = |everywhere| if everywhere { self.core.leases.owner().to_owned() } else { String::new() };
        let status = |(name, health): (&'static str, ReconcilerHealth)| ReconcilerStatus {
            name: name.to_owned(),
            process: own(health.everywhere),
            ok_at: health.ok_at,
            failing_since: health.failing_since,
            error: health.error,
            updated_at: now,
        };
        let here = self.health().into_iter().filter(|(_, health)| health.is_here && health.runs > 0);
        let statuses: &Vec<ReconcilerStatus> = &here.map(status).collect();
        let written = self.core.db.write(|tx| {
            Box::pin(async move {
                for status in statuses {
                    processes::reconciler_put(&tx, status).await?;
                }
                Ok::<_, stoa_db::DbError>(())
            })
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "cannot write down how the reconcilers fare");
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<&'static str, ReconcilerHealth>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
