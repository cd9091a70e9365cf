//! A service's configuration in a form that can be compared: equal text means that a running instance
//! need not be replaced.
//!
//! Left out is what an engine changes without replacing (limits), what only matters between services
//! or while replacing (dependencies, strategy), and the image, which is compared by its content id.
//! The order of mounts and capabilities does not matter.
//!
//! **The text is hashed into labels of running instances.** Changing it in any way makes every service
//! of every site look changed: bump [`VERSION`] and teach the engines to compare with both.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use stoa_model::stack::Service;

/// The version of [`canonical_spec`]'s format.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Spec<'a> {
    name: &'a str,
    entrypoint: Option<&'a [String]>,
    command: Option<&'a [String]>,
    environment: BTreeMap<&'a str, &'a str>,
    mounts: Vec<(&'a str, &'a str, bool)>,
    tmpfs: Vec<(&'a str, u64, u32)>,
    user: Option<&'a str>,
    cap_add: Vec<&'a str>,
    read_only: bool,
    health: Option<Health<'a>>,
    stop_grace_us: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    runs_once: bool,
}

#[derive(Serialize)]
struct Health<'a> {
    test: &'a [String],
    interval_us: u64,
    timeout_us: u64,
    retries: u32,
    start_period_us: u64,
}

/// The configuration as JSON. It contains secrets: hash it before you store it.
pub fn canonical_spec(service: &Service) -> String {
    let mut mounts: Vec<_> =
        service.mounts.iter().map(|m| (m.path.as_str(), m.volume.0.as_str(), m.read_only)).collect();
    let mut tmpfs: Vec<_> = service.tmpfs.iter().map(|t| (t.path.as_str(), t.size.0, t.mode)).collect();
    let mut cap_add: Vec<_> = service.cap_add.iter().map(String::as_str).collect();
    mounts.sort_unstable();
    tmpfs.sort_unstable();
    cap_add.sort_unstable();
    let spec = Spec {
        name: &service.name.0,
        entrypoint: service.entrypoint.as_deref(),
        command: service.command.as_deref(),
        environment: service.environment.iter().map(|(key, value)| (key.as_str(), value.0.as_str())).collect(),
        mounts,
        tmpfs,
        user: service.user.as_deref(),
        cap_add,
        read_only: service.read_only,
        health: service.health.as_ref().map(|health| Health {
            test: &health.test,
            interval_us: micros(health.interval),
            timeout_us: micros(health.timeout),
            retries: health.retries,
            start_period_us: micros(health.start_period),
        }),
        stop_grace_us: micros(service.stop_grace),
        runs_once: service.runs_once,
    };
    serde_json::to_string(&spec).expect("maps, lists and scalars can always be written to memory")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
