//! The engines of an installation.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::Engine;

/// Engines by name. One of them is the default, where new sites are placed.
#[derive(Clone)]
pub struct Engines {
    engines: BTreeMap<String, Arc<dyn Engine>>,
    default: Arc<dyn Engine>,
}

impl Engines {
    /// A registry with one engine, the default.
    pub fn new(default: Arc<dyn Engine>) -> Self {
        Self { engines: BTreeMap::from([(default.name().to_owned(), default.clone())]), default }
    }

    /// Adds an engine. One of the same name is replaced, unless it is the default.
    #[must_use]
    pub fn with(mut self, engine: Arc<dyn Engine>) -> Self {
        if engine.name() != self.default.name() {
            self.engines.insert(engine.name().to_owned(), engine);
        }
        self
    }

    /// The engine with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Engine>> {
        self.engines.get(name)
    }

    /// Where new sites are placed.
    pub fn default(&self) -> &Arc<dyn Engine> {
        &self.default
    }

    /// All engines, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Engine>> {
        self.engines.values()
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.engines.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeEngine;

    #[test]
    fn engines_are_found_by_name() {
        let fake: Arc<dyn Engine> = Arc::new(FakeEngine::default());
        let other: Arc<dyn Engine> = Arc::new(FakeEngine::named("other"));
        let engines = Engines::new(fake.clone()).with(other.clone()).with(Arc::new(FakeEngine::default()));
        let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
        assert_eq!(names, ["fake", "other"]);
        assert!(Arc::ptr_eq(engines.default(), &fake) && Arc::ptr_eq(&engines.get("fake").unwrap().clone(), &fake));
        assert!(engines.get("other").is_some() && engines.get("docker").is_none());
    }
}
