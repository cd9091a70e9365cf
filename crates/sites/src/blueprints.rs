//! The operator's folder of blueprints, read once at the start.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, sync::Arc};

use sha2::{Digest, Sha256};
use stoa_model::blueprint::Blueprint;

/// A blueprint and the text that it was read from; the text goes into every plan, so that a job
/// finishes with the blueprint that it began with.
#[derive(Debug)]
pub struct Loaded {
    /// The parsed form.
    pub blueprint: Blueprint,
    /// The file's text.
    pub source: String,
    /// SHA-256 of the text, in hexadecimal: what sites are pinned to.
    pub version: String,
}

impl Loaded {
    /// Parses a blueprint that this installation has used before.
    ///
    /// # Errors
    /// All problems, if this release can't read it.
    pub fn parse(source: String) -> Result<Self, BadBlueprints> {
        Self::read("compose.yaml", source)
    }

    fn read(file: &str, source: String) -> Result<Self, BadBlueprints> {
        let blueprint = Blueprint::parse(file, &source).map_err(|problems| {
            BadBlueprints(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let version = hex::encode(Sha256::digest(source.as_bytes()));
        Ok(Self { blueprint, source, version })
    }
}

/// All blueprints by name.
#[derive(Debug, Clone, Default)]
pub struct Blueprints(BTreeMap<String, Arc<Loaded>>);

/// Blueprints that can't be read; the text lists every problem with its file and line.
#[derive(Debug, thiserror::Error)]
#[error("the blueprints can't be used:\n{0}")]
pub struct BadBlueprints(String);

impl Blueprints {
    /// Reads every folder in `dir` that holds a `compose.yaml`.
    ///
    /// # Errors
    /// If the folder can't be read or a blueprint in it is not valid; all problems are listed.
    pub fn load(dir: &Path) -> Result<Self, BadBlueprints> {
        let mut found = BTreeMap::new();
        let mut problems = String::new();
        let entries =
            fs::read_dir(dir).map_err(|e| BadBlueprints(format!("reading the folder {}: {e}", dir.display())))?;
        for folder in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if !folder.join("compose.yaml").is_file() {
                continue;
            }
            match load_one(&folder) {
                Ok(loaded) => drop(found.insert(loaded.blueprint.name.clone(), Arc::new(loaded))),
                Err(BadBlueprints(text)) => drop(writeln!(problems, "{text}")),
            }
        }
        if problems.is_empty() { Ok(Self(found)) } else { Err(BadBlueprints(problems)) }
    }

    /// The blueprint with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Loaded>> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Loaded>> {
        self.0.values()
    }
}

/// Reads one folder.
///
/// # Errors
/// If its `compose.yaml` can't be read, is not valid, or names another blueprint than its folder.
pub fn load_one(folder: &Path) -> Result<Loaded, BadBlueprints> {
    let file = folder.join("compose.yaml");
    let source = fs::read_to_string(&file).map_err(|e| BadBlueprints(format!("{}: {e}", file.display())))?;
    let loaded = Loaded::read(&file.display().to_string(), source)?;
    let blueprint = &loaded.blueprint;
    if folder.file_name().is_some_and(|name| name != blueprint.name.as_str()) {
        let message =
            format!("{}: x-stoa.name is {:?}, but the folder has another name", file.display(), blueprint.name);
        return Err(BadBlueprints(message));
    }
    Ok(loaded)
}
