//! Another process over the same world, to be killed.

use std::sync::Arc;

use stoa_control::{Control, Roles};
use stoa_provider::edge::fake::FakeEdge;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::TestPlatform;

/// A service layer with its workers in their own runtime. [`Process::kill`] drops all its tasks where they
/// stand, heartbeats included, like `kill -9`.
pub struct Process {
    /// Its service layer.
    pub control: Control,
    /// Its edge, which ends with it.
    pub edge: Arc<FakeEdge>,
    runtime: Option<Runtime>,
}

impl TestPlatform {
    /// Starts another process.
    ///
    /// # Panics
    /// If the database doesn't answer.
    pub async fn process(&self) -> Process {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let seed = self.seed();
        let (control, edge) = runtime.spawn(seed.grow(true)).await.expect("a service layer");
        let working = control.clone();
        runtime.spawn(async move { crate::work::run(&working, Roles::ALL, CancellationToken::new()).await });
        Process { control, edge, runtime: Some(runtime) }
    }

    /// The service layer of a command, which has no edge and no workers.
    ///
    /// # Panics
    /// If the database doesn't answer.
    pub async fn command(&self) -> Control {
        self.seed().grow(false).await.0
    }
}

impl Process {
    /// Ends it immediately.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
