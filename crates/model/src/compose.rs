//! A stack as a Compose file, for the person at the machine.
//!
//! The engine never reads this file; it exists so that `docker compose ps`, `logs` and `down` work
//! in a site's directory. Invariants:
//! - A YAML serializer writes it from typed values, and every `$` in them becomes `$$`, so that
//!   Compose reads back exactly what the engine got.
//! - It keeps to what Compose 1.29 (Debian's) and 2.x both read. 1.29 refuses a top-level `name`,
//!   so the project's name lies beside it in `.env`, which both read: see [`dotenv`].
//! - Where the engine's object names are known ([`Network`]), network and volumes are named in full:
//!   whatever project name Compose assumes, no command creates a second, empty volume.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};
use serde_saphyr::DoubleQuoted;

use crate::stack::{Condition, Dependency, Health, Service, ServiceName, Stack, VolumeName};

/// Size at which a service's log is rotated.
pub const LOG_SIZE: &str = "10m";
/// Number of log files kept per service.
pub const LOG_FILES: &str = "3";

/// The names and addresses that an engine gave a stack's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The network's name on the engine.
    pub name: String,
    /// In CIDR form.
    pub subnet: String,
    /// The bridge's address.
    pub gateway: String,
    /// Each service's address.
    pub addresses: BTreeMap<ServiceName, String>,
    /// Each volume's name on the engine.
    pub volumes: BTreeMap<VolumeName, String>,
}

/// The Compose file of a stack. Without `network`, Compose chooses names and addresses itself.
pub fn render(stack: &Stack, network: Option<&Network>) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&File::of(stack, network), options)
        .expect("maps, lists and scalars can always be written to memory")
}

/// The `.env` file beside the Compose file: the project's name.
pub fn dotenv(stack: &Stack) -> String {
    format!("COMPOSE_PROJECT_NAME={}\n", stack.project)
}

#[derive(Serialize)]
struct File<'a> {
    services: InOrder<'a, ServiceFile<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<&'a str, VolumeFile<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<&'static str, NetworkFile<'a>>,
}

#[derive(Serialize)]
struct VolumeFile<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct NetworkFile<'a> {
    name: &'a str,
    ipam: Ipam<'a>,
}

#[derive(Serialize)]
struct Ipam<'a> {
    config: [IpamConfig<'a>; 1],
}

#[derive(Serialize)]
struct IpamConfig<'a> {
    subnet: &'a str,
    gateway: &'a str,
}

#[derive(Serialize)]
struct ServiceFile<'a> {
    image: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<Text>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<&'a str, Text>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<&'static str, Address<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tmpfs: Vec<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Text>,
    read_only: bool,
    cap_drop: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cap_add: Vec<Text>,
    security_opt: [&'static str; 1],
    mem_limit: String,
    cpus: f64,
    pids_limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<HealthFile>,
    #[serde(skip_serializing_if = "DependsOn::is_empty")]
    depends_on: DependsOn<'a>,
    restart: &'static str,
    stop_grace_period: String,
    logging: Logging,
}

/// A list where only the order of starts counts, else each with its condition.
#[derive(Serialize)]
#[serde(untagged)]
enum DependsOn<'a> {
    Started(Vec<&'a str>),
    Conditions(BTreeMap<&'a str, BTreeMap<&'static str, &'static str>>),
}

impl<'a> DependsOn<'a> {
    fn of(dependencies: &'a [Dependency]) -> Self {
        let name = |dependency: &'a Dependency| dependency.service.0.as_str();
        if dependencies.iter().all(|dependency| dependency.condition == Condition::Started) {
            return Self::Started(dependencies.iter().map(name).collect());
        }
        let condition = |d: &'a Dependency| (name(d), BTreeMap::from([("condition", d.condition.as_str())]));
        Self::Conditions(dependencies.iter().map(condition).collect())
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Started(names) if names.is_empty())
    }
}

#[derive(Serialize)]
struct Address<'a> {
    ipv4_address: &'a str,
}

#[derive(Serialize)]
struct HealthFile {
    test: Vec<Text>,
    interval: String,
    timeout: String,
    retries: u32,
    start_period: String,
}

#[derive(Serialize)]
struct Logging {
    driver: &'static str,
    options: BTreeMap<&'static str, &'static str>,
}

impl<'a> File<'a> {
    fn of(stack: &'a Stack, network: Option<&'a Network>) -> Self {
        let volume = |v| VolumeFile { name: network.and_then(|n| n.volumes.get(v)).map(String::as_str) };
        let service = |s: &'a Service| (s.name.0.as_str(), ServiceFile::of(s, network));
        Self {
            services: InOrder(stack.services.iter().map(service).collect()),
            volumes: stack.volumes.iter().map(|v| (v.0.as_str(), volume(v))).collect(),
            networks: network.map(|network| ("default", NetworkFile::of(network))).into_iter().collect(),
        }
    }
}

impl<'a> NetworkFile<'a> {
    fn of(network: &'a Network) -> Self {
        let config = IpamConfig { subnet: &network.subnet, gateway: &network.gateway };
        Self { name: &network.name, ipam: Ipam { config: [config] } }
    }
}

impl<'a> ServiceFile<'a> {
    fn of(service: &'a Service, network: Option<&'a Network>) -> Self {
        let address = network.and_then(|network| network.addresses.get(&service.name));
        let mount = |m: &crate::stack::Mount| {
            Text::of(&format!("{}:{}{}", m.volume.0, m.path, if m.read_only { ":ro" } else { "" }))
        };
        let tmpfs = |t: &crate::stack::Tmpfs| Text::of(&format!("{}:size={},mode={:o}", t.path, t.size.0, t.mode));
        Self {
            image: Text::of(service.image.as_str()),
            entrypoint: service.entrypoint.as_deref().map(texts),
            command: service.command.as_deref().map(texts),
            environment: service.environment.iter().map(|(k, v)| (k.as_str(), Text::of(&v.0))).collect(),
            networks: address.map(|ipv4_address| ("default", Address { ipv4_address })).into_iter().collect(),
            volumes: service.mounts.iter().map(mount).collect(),
            tmpfs: service.tmpfs.iter().map(tmpfs).collect(),
            user: service.user.as_deref().map(Text::of),
            read_only: service.read_only,
            cap_drop: ["ALL"],
            cap_add: texts(&service.cap_add),
            security_opt: ["no-new-privileges:true"],
            mem_limit: service.limits.memory.to_string(),
            cpus: f64::from(service.limits.cpu.0) / 1000.0,
            pids_limit: service.limits.pids,
            healthcheck: service.health.as_ref().map(HealthFile::of),
            depends_on: DependsOn::of(&service.depends_on),
            restart: if service.runs_once { "no" } else { "unless-stopped" },
            stop_grace_period: duration(service.stop_grace),
            logging: Logging {
                driver: "json-file",
                options: BTreeMap::from([("max-size", LOG_SIZE), ("max-file", LOG_FILES)]),
            },
        }
    }
}

impl HealthFile {
    fn of(health: &Health) -> Self {
        Self {
            test: texts(&health.test),
            interval: duration(health.interval),
            timeout: duration(health.timeout),
            retries: health.retries,
            start_period: duration(health.start_period),
        }
    }
}

/// Text that Compose reads back verbatim: always in double quotes, which every YAML reader treats
/// alike.
#[derive(Serialize)]
struct Text(DoubleQuoted<String>);

impl Text {
    fn of(text: &str) -> Self {
        Self(DoubleQuoted(text.replace('$', "$$")))
    }
}

fn texts(list: &[String]) -> Vec<Text> {
    list.iter().map(|text| Text::of(text)).collect()
}

fn duration(duration: Duration) -> String {
    match duration.subsec_micros() {
        0 => format!("{}s", duration.as_secs()),
        micros if micros % 1000 == 0 => format!("{}ms", duration.as_millis()),
        _ => format!("{}us", duration.as_micros()),
    }
}

/// A mapping that keeps its order.
struct InOrder<'a, V>(Vec<(&'a str, V)>);

impl<V: Serialize> Serialize for InOrder<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}
