//! The connection to Docker: lazy, one unix connection per request, a deadline on every call.
//!
//! Changes of one project happen one after the other, and each runs to its end even if its caller goes
//! away. Without that, an undo could list a project's objects while Docker still creates one of them,
//! and leave it behind.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Duration,
};

use bollard::errors::Error;
use stoa_model::stack::ProjectName;
use stoa_provider::engine::EngineError;
use tokio::{sync::OwnedMutexGuard, time};

use crate::{error::Act, subnet::Subnet};

/// Where Docker is, and which part of it is ours.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// Docker's unix socket.
    pub socket: PathBuf,
    /// This installation's name: everything created carries it, and nothing else is ever touched.
    pub installation: String,
    /// Sites get their networks from this pool, a block of 16 addresses each.
    pub address_pool: Subnet,
    /// The largest packet of sites' networks; `None`: what Docker and the machine's way out carry.
    pub mtu: Option<u32>,
    /// Deadline of one call to Docker. Stopping adds the container's own grace; streams have it
    /// between two parts.
    pub timeout: Duration,
}

/// Docker as an [`Engine`](stoa_provider::engine::Engine). Clones share one connection.
#[derive(Debug, Clone)]
pub struct Docker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: DockerConfig,
    api: OnceLock<bollard::Docker>,
    locks: Mutex<HashMap<ProjectName, Weak<tokio::sync::Mutex<()>>>>,
}

impl Docker {
    /// Docker at this socket. Nothing is sent yet: Docker need not be up.
    pub fn connect(config: DockerConfig) -> Self {
        Self { shared: Arc::new(Shared { config, api: OnceLock::new(), locks: Mutex::default() }) }
    }

    pub(crate) fn installation(&self) -> &str {
        &self.shared.config.installation
    }

    pub(crate) fn mtu_setting(&self) -> Option<u32> {
        self.shared.config.mtu
    }

    pub(crate) fn address_pool(&self) -> Subnet {
        self.shared.config.address_pool
    }

    pub(crate) fn socket(&self) -> &std::path::Path {
        &self.shared.config.socket
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.shared.config.timeout
    }

    /// The client; fails while the socket isn't there.
    pub(crate) fn api(&self, act: &Act) -> Result<&bollard::Docker, EngineError> {
        if let Some(api) = self.shared.api.get() {
            return Ok(api);
        }
        // The client's own timeout covers only a part of a call: `call` has the real one.
        let socket = self.shared.config.socket.to_string_lossy();
        let api = bollard::Docker::connect_with_unix(&socket, u64::from(u32::MAX), bollard::API_DEFAULT_VERSION)
            .map_err(|error| act.failed(error))?;
        Ok(self.shared.api.get_or_init(|| api))
    }

    /// Makes one call within the deadline.
    pub(crate) async fn call<'a, T, F>(
        &'a self,
        act: &Act,
        f: impl FnOnce(&'a bollard::Docker) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>> + 'a,
    {
        self.raw(act, self.timeout(), f).await?.map_err(|error| act.failed(error))
    }

    /// Makes one call within a given deadline and leaves Docker's own answer to the caller.
    pub(crate) async fn raw<'a, T, F>(
        &'a self,
        act: &Act,
        deadline: Duration,
        f: impl FnOnce(&'a bollard::Docker) -> F,
    ) -> Result<Result<T, Error>, EngineError>
    where
        F: Future<Output = Result<T, Error>> + 'a,
    {
        time::timeout(deadline, f(self.api(act)?)).await.map_err(|_| act.timed_out(deadline))
    }

    /// Runs a change of a project to its end, after all earlier ones, even if the caller goes away.
    pub(crate) async fn change<T, F>(&self, project: &ProjectName, act: &Act, change: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let turn = self.turn(project).await;
        let task = tokio::spawn(async move {
            let _turn = turn;
            change.await
        });
        task.await.unwrap_or_else(|error| Err(act.refused(format!("Stoa itself failed: {error}"))))
    }

    /// Waits for the end of all changes in progress.
    pub(crate) async fn all_turns(&self) {
        let locks: Vec<_> = {
            let locks = self.shared.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.values().filter_map(Weak::upgrade).collect()
        };
        for lock in locks {
            drop(lock.lock().await);
        }
    }

    async fn turn(&self, project: &ProjectName) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.shared.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let lock = locks.get(project).and_then(Weak::upgrade).unwrap_or_default();
            locks.insert(project.clone(), Arc::downgrade(&lock));
            lock
        };
        lock.lock_owned().await
    }
}
