//! What was last seen of the engine's machine: kept for some seconds, so that an order is checked
//! without waiting for the engine.

use std::{collections::HashMap, sync::Mutex};

use jiff::{SignedDuration, Timestamp};
use stoa_model::{image::ImageRef, net::Subnet};
use stoa_provider::engine::{Engine, EngineError, EngineInfo, ImageInfo};

/// How long a look is good for.
const FRESH: SignedDuration = SignedDuration::from_secs(20);

/// The machine as it was last seen.
#[derive(Default)]
pub(crate) struct Machine(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    info: Option<(Timestamp, EngineInfo)>,
    images: HashMap<ImageRef, (Timestamp, Option<ImageInfo>)>,
}

impl Machine {
    /// The machine, looked at now or a few seconds ago.
    pub async fn look(&self, engine: &dyn Engine, now: Timestamp) -> Result<EngineInfo, EngineError> {
        if let Some((at, info)) = &self.seen().info
            && now.duration_since(*at) < FRESH
        {
            return Ok(info.clone());
        }
        let info = engine.describe().await?;
        self.seen().info = Some((now, info.clone()));
        Ok(info)
    }

    /// An image, looked up now or a few seconds ago.
    pub async fn image(
        &self,
        engine: &dyn Engine,
        image: &ImageRef,
        now: Timestamp,
    ) -> Result<Option<ImageInfo>, EngineError> {
        if let Some((at, info)) = self.seen().images.get(image)
            && now.duration_since(*at) < FRESH
        {
            return Ok(info.clone());
        }
        let info = engine.image(image).await?;
        self.seen().images.insert(image.clone(), (now, info.clone()));
        Ok(info)
    }

    /// Networks that were on the engine at the last look.
    pub fn subnets(&self) -> Vec<Subnet> {
        self.seen().info.iter().flat_map(|(_, info)| &info.subnets).map(|(_, subnet)| *subnet).collect()
    }

    /// Forgets everything: the engine went away or came back.
    pub fn forget(&self) {
        *self.seen() = Seen::default();
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
