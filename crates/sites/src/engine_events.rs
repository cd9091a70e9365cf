//! Listens to the engine instead of asking it: a container that ends, or an engine that comes
//! back, nudges the reconciler of what runs.

use crate::Sites;
use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all};
use stoa_provider::engine::{Engine, EngineEventKind};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two attempts to reach an engine that is away.
const PAUSE: Duration = Duration::from_secs(2);

impl Sites {
    /// Follows all engines until `stop`.
    pub async fn follow_engines(&self, stop: &CancellationToken) {
        join_all(self.engines.iter().map(|engine| self.follow_engine(engine, stop))).await;
    }

    async fn follow_engine(&self, engine: &Arc<dyn Engine>, stop: &CancellationToken) {
        let mut away = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                reason = self.listen(&**engine, &mut away) => {
                    if !away {
                        tracing::error!(reason, "the engine went away; jobs wait for it");
                    }
                    away = true;
                    self.engine_cache.forget(engine.name());
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Follows the engine's events until they end; says why.
    async fn listen(&self, engine: &dyn Engine, away: &mut bool) -> String {
        let mut events = match engine.events().await {
            Ok(events) => events,
            Err(error) => return error.to_string(),
        };
        if let Err(error) = self.engine_cache.look(engine, self.core.clock.now()).await {
            return error.to_string();
        }
        if std::mem::take(away) {
            tracing::info!("the engine is back");
        }
        self.core.wakeups.runtime.notify_one();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    tracing::debug!(project = %event.project, service = %event.service, kind = ?event.kind, "engine event");
                    if matches!(
                        event.kind,
                        EngineEventKind::Died | EngineEventKind::OutOfMemory | EngineEventKind::Unhealthy
                    ) {
                        self.core.wakeups.runtime.notify_one();
                    }
                }
                Err(error) => return error.to_string(),
            }
        }
        "its events ended".to_owned()
    }
}
