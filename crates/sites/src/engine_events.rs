//! Listens to the engine instead of asking it: when a container ends, its site is looked at, and when an engine comes
//! back, all of them are.

use crate::Sites;
use std::{collections::HashSet, sync::Arc, time::Duration};
use stoa_core::{Result, Wakeup};

use futures_util::{StreamExt, future::join_all};
use stoa_db::sites;
use stoa_provider::engine::{Engine, EngineEvent, EngineEventKind};
use tokio::time::sleep;

/// Between two attempts to reach an engine that is away.
const PAUSE: Duration = Duration::from_secs(2);

/// Events handled at once.
const MAX_EVENTS: usize = 1_000;

/// Whether a site may need repair, or fares better or worse than before.
fn concerns_health(kind: EngineEventKind) -> bool {
    match kind {
        EngineEventKind::Died
        | EngineEventKind::OutOfMemory
        | EngineEventKind::Healthy
        | EngineEventKind::Unhealthy => true,
        EngineEventKind::Started | EngineEventKind::Removed => false,
    }
}

impl Sites {
    /// Follows all engines, for ever.
    pub async fn follow_engines(&self) -> Result<()> {
        join_all(self.engines.iter().map(|engine| self.follow_engine(engine))).await;
        Ok(())
    }

    async fn follow_engine(&self, engine: &Arc<dyn Engine>) {
        let mut away = false;
        loop {
            let reason = self.listen(&**engine, &mut away).await;
            if !away {
                tracing::error!(reason, "the engine went away; jobs wait for it");
            }
            away = true;
            self.engine_cache.forget(engine.name());
            sleep(PAUSE).await;
        }
    }

    /// Follows the engine's events until they end; says why.
    async fn listen(&self, engine: &dyn Engine, away: &mut bool) -> String {
        let events = match engine.events().await {
            Ok(events) => events,
            Err(error) => return error.to_string(),
        };
        if let Err(error) = self.engine_cache.look(engine, self.core.clock.now()).await {
            return error.to_string();
        }
        if std::mem::take(away) {
            tracing::info!("the engine is back");
            self.repair_backoff.clear();
        }
        self.core.bus.wake(Wakeup::Runtime);
        let mut events = events.ready_chunks(MAX_EVENTS);
        while let Some(chunk) = events.next().await {
            // Of a storm of events, each site is looked up once.
            let mut projects = HashSet::new();
            for event in chunk {
                match event {
                    Ok(EngineEvent { project, service, kind }) => {
                        tracing::debug!(%project, %service, ?kind, "engine event");
                        if concerns_health(kind) {
                            projects.insert(project);
                        }
                    }
                    Err(error) => return error.to_string(),
                }
            }
            for project in projects {
                match sites::site_of_project(&self.core.db, &project).await {
                    Ok(site) => site.iter().for_each(|site| self.core.bus.mark_dirty(site.id)),
                    Err(error) => {
                        tracing::warn!(%project, %error, "cannot look an engine's project up; all are checked");
                        self.core.bus.wake(Wakeup::Runtime);
                    }
                }
            }
        }
        "its events ended".to_owned()
    }
}
