//! What was last seen of the engine's machine. A reconciler looks every few seconds, so that orders
//! and pages never wait for the engine; only a process that has just begun looks itself, and
//! gives up soon.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use jiff::{SignedDuration, Timestamp};
use stoa_model::image::ImageRef;
use stoa_provider::engine::{Engine, EngineError, EngineInfo, ImageInfo};

/// How long a look is good for: three of the reconciler's.
const FRESH: SignedDuration = SignedDuration::from_secs(30);
/// So long a request waits for an engine that was not looked at yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// The machine as it was last seen.
#[derive(Default)]
pub(crate) struct EngineCache(Mutex<HashMap<String, Seen>>);

#[derive(Default)]
struct Seen {
    info: Option<(Timestamp, EngineInfo)>,
    images: HashMap<ImageRef, (Timestamp, Option<ImageInfo>)>,
}

impl EngineCache {
    /// The machine, looked at now or a few seconds ago.
    pub async fn look(&self, engine: &dyn Engine, now: Timestamp) -> Result<EngineInfo, EngineError> {
        if let Some((at, info)) = self.seen().get(engine.name()).and_then(|seen| seen.info.as_ref())
            && now.duration_since(*at) < FRESH
        {
            return Ok(info.clone());
        }
        within("looking at the machine", engine.describe()).await.inspect(|info| self.update(engine, info.clone(), now))
    }

    /// Looks again at the machine and at all of `images`; what was known is forgotten when the
    /// engine does not answer.
    pub async fn look_again(
        &self,
        engine: &dyn Engine,
        images: &[ImageRef],
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let looked = async {
            let info = engine.describe().await?;
            let mut found = HashMap::new();
            for image in images {
                found.insert(image.clone(), (now, engine.image(image).await?));
            }
            self.update(engine, info, now);
            self.seen().entry(engine.name().to_owned()).or_default().images.extend(found);
            Ok(())
        };
        looked.await.inspect_err(|_| self.forget(engine.name()))
    }

    fn update(&self, engine: &dyn Engine, info: EngineInfo, now: Timestamp) {
        self.seen().entry(engine.name().to_owned()).or_default().info = Some((now, info));
    }

    /// An image, looked up now or a few seconds ago.
    pub async fn image(
        &self,
        engine: &dyn Engine,
        image: &ImageRef,
        now: Timestamp,
    ) -> Result<Option<ImageInfo>, EngineError> {
        if let Some((at, info)) = self.seen().get(engine.name()).and_then(|seen| seen.images.get(image))
            && now.duration_since(*at) < FRESH
        {
            return Ok(info.clone());
        }
        let info = within("looking up an image", engine.image(image)).await?;
        let mut seen = self.seen();
        seen.entry(engine.name().to_owned()).or_default().images.insert(image.clone(), (now, info.clone()));
        Ok(info)
    }

    /// Forgets everything about an engine: it went away or came back.
    pub fn forget(&self, engine: &str) {
        self.seen().remove(engine);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The answer, or an error when it takes too long.
async fn within<T>(doing: &str, ask: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
    let late = |_| EngineError::Timeout { doing: doing.to_owned(), seconds: PATIENCE.as_secs() };
    tokio::time::timeout(PATIENCE, ask).await.map_err(late)?
}
