//! What an engine is and has.

use std::collections::BTreeMap;

use stoa_model::image::ImageId;

/// What an engine can do beyond the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    /// Exports and imports volumes.
    pub volumes: bool,
    /// Builds images.
    pub build: bool,
    /// Pauses and resumes projects.
    pub pause: bool,
    /// Changes limits of running services.
    pub live_limits: bool,
}

/// An engine and its machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EngineInfo {
    /// `docker` or `kubernetes`.
    pub kind: &'static str,
    /// Its version.
    pub version: String,
    /// Processor cores it can use.
    pub cores: u32,
    /// Memory it can use, in bytes.
    pub memory: u64,
    /// Directory where it keeps its data, whose disk must not fill up; `None` if not on this machine.
    pub data_directory: Option<String>,
    /// The largest packet of sites' networks, where the engine makes them.
    pub mtu: Option<NetworkMtu>,
    /// Objects on the engine, of whatever owner, and routes and addresses of its machine, and the half-open range of lease numbers that each
    /// uses. They may lie outside the engine's own pool.
    pub in_use: Vec<(String, (i64, i64))>,
}

/// The largest packet (MTU) of sites' networks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NetworkMtu {
    /// What new networks get, in bytes.
    pub wanted: u32,
    /// What it follows from, for people.
    pub source: String,
    /// This installation's networks that allow larger ones, and how large.
    pub larger: Vec<(String, u32)>,
}

/// An image on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// Its content.
    pub id: ImageId,
    /// Its labels, for example the versions of what is inside.
    pub labels: BTreeMap<String, String>,
}
