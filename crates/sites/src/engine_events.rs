//! Listens to the engine instead of asking it: a container that ends, or an engine that comes
//! back, nudges the reconciler of what runs.

use crate::Sites;
use std::time::Duration;

use futures_util::StreamExt;
use stoa_provider::engine::EngineEventKind;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two attempts to reach an engine that is away.
const PAUSE: Duration = Duration::from_secs(2);

impl Sites {
    /// Follows the engine until `stop`.
    pub async fn follow_engine(&self, stop: &CancellationToken) {
        let mut away = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                reason = self.listen(&mut away) => {
                    if !away {
                        tracing::error!(reason, "the engine went away; jobs wait for it");
                    }
                    away = true;
                    self.engine_cache.forget();
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// Follows the engine's events until they end; says why.
    async fn listen(&self, away: &mut bool) -> String {
        let mut events = match self.engine.events().await {
            Ok(events) => events,
            Err(error) => return error.to_string(),
        };
        if let Err(error) = self.engine_cache.look(&*self.engine, self.core.clock.now()).await {
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
