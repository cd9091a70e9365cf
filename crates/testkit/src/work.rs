//! Runs the real workers and waits for them.

use std::time::Duration;

use stoa_control::{Control, Roles};
use stoa_db::{jobs, tasks};
use stoa_model::{
    id::JobId,
    job::{Job, JobState},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::TestPlatform;

/// Nothing in a test takes longer, even on a busy machine.
const WAIT_TIMEOUT: Duration = Duration::from_secs(120);

/// Works as a server with these roles does, until `stop`.
pub(crate) async fn run(control: &Control, roles: Roles, stop: CancellationToken) {
    let _ = control.load().await;
    control.run(roles, stop.clone(), stop).await;
}

/// Workers in the background. Dropping this makes them stop; [`Workers::stop`] also waits for it.
pub struct Workers {
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the workers and reconcilers of a service layer.
    pub fn of(control: &Control) -> Self {
        Self::of_all([(control.clone(), Roles::ALL)])
    }

    /// Starts several processes, each with its roles.
    pub fn of_all(processes: impl IntoIterator<Item = (Control, Roles)>) -> Self {
        let stop = CancellationToken::new();
        let start = |(control, roles): (Control, Roles)| {
            let stop = stop.clone();
            tokio::spawn(async move { run(&control, roles, stop).await })
        };
        let running = processes.into_iter().map(start).collect();
        Self { stop, running }
    }

    /// Stops them as `SIGTERM` does, and waits until they have ended.
    ///
    /// # Panics
    /// If one of them panicked.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for running in std::mem::take(&mut self.running) {
            running.await.expect("workers that do not panic");
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestPlatform {
    /// Starts the platform's workers.
    pub fn run(&self) -> Workers {
        match &self.processes {
            None => Workers::of(&self.control),
            Some(processes) => {
                let worker = Roles { edge: false, web: false, worker: true };
                let web = Roles { web: true, ..worker };
                Workers::of_all([(self.control.clone(), web), (processes.second_worker.clone(), worker)])
            }
        }
    }

    /// Runs the workers until no job and no due task is left, and stops them.
    pub async fn run_until_idle(&self) {
        let workers = self.run();
        self.idle().await;
        workers.stop().await;
    }

    /// The same with the workers of another process: the platform's own do nothing meanwhile.
    pub async fn run_until_idle_with(&self, control: &Control) {
        let workers = Workers::of(control);
        self.idle().await;
        workers.stop().await;
    }

    /// Waits until no job and no task is waiting or running. Stuck jobs don't count.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn idle(&self) {
        self.until("rest", async || {
            let counts = jobs::job_counts(&self.db).await.expect("counts");
            let busy = |state| matches!(state, JobState::Queued | JobState::Running | JobState::Unwinding);
            let tasks = tasks::task_counts(&self.db).await.expect("counts");
            counts.iter().all(|(state, n)| *n == 0 || !busy(*state)) && tasks.waiting + tasks.running == 0
        })
        .await;
    }

    /// Waits until a job is over or stuck.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn rest(&self, id: JobId) -> Job {
        self.until("the job's end", async || {
            let state = self.job(id).await.state;
            state.is_over() || state == JobState::Stuck
        })
        .await;
        self.job(id).await
    }

    /// Waits until `holds` returns true.
    ///
    /// # Panics
    /// If it takes too long.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            assert!(began.elapsed() < WAIT_TIMEOUT, "waited too long for {what}\n{}", self.world().await);
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// The plan of a job as it is stored.
    ///
    /// # Panics
    /// If there is none.
    pub async fn plan(&self, id: JobId) -> serde_json::Value {
        jobs::job_plan(&self.db, id).await.expect("the database answers").expect("a plan")
    }

    /// A job as it is stored.
    ///
    /// # Panics
    /// If there is none.
    pub async fn job(&self, id: JobId) -> Job {
        jobs::job_get(&self.db, id).await.expect("the database answers").expect("a job")
    }
}
