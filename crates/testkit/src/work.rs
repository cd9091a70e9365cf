//! Lets the real workers work, and waits for them.

use std::time::Duration;

use stoa_control::Control;
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

/// Nothing in a test takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// Workers in the background. Dropped, they are told to stop; [`Workers::stop`] waits for it.
pub struct Workers {
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts the workers and reconcilers of a service layer.
    pub fn of(control: &Control) -> Self {
        let (stop, control) = (CancellationToken::new(), control.clone());
        let until = stop.clone();
        Self { stop, running: Some(tokio::spawn(async move { control.run(until).await })) }
    }

    /// Tells them to stop, as `SIGTERM` does, and waits until they have.
    ///
    /// # Panics
    /// If one of them panicked.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.expect("workers that end well");
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
        Workers::of(&self.control)
    }

    /// Runs the workers until no job and no task that is due is left, and stops them.
    pub async fn run_until_idle(&self) {
        let workers = self.run();
        self.idle().await;
        workers.stop().await;
    }

    /// Waits until no job waits or is under way, and no task waits; stuck jobs are at rest.
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

    /// Waits for something that another task does.
    ///
    /// # Panics
    /// If it takes too long.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            assert!(began.elapsed() < PATIENCE, "waited too long for {what}\n{}", self.world().await);
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// A job as it is stored.
    ///
    /// # Panics
    /// If there is none.
    pub async fn job(&self, id: JobId) -> Job {
        jobs::job_get(&self.db, id).await.expect("the database answers").expect("a job")
    }
}
