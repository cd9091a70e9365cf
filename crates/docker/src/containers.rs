//! A stack as the bodies of Engine API requests. Pure: the hardening is written and tested here.
//!
//! What every container gets, whatever the blueprint says: no capabilities but the named ones, no
//! new privileges, hard limits on memory (swap included), processor and processes, rotated logs, a
//! restart policy, an init that reaps and forwards signals, named volumes only, and one private
//! network without published ports.
//!
//! **[`config_hash`] must not change**: it is how a container of a release before `stoa.spec-hash` is
//! recognized, so a change here restarts every store at the next upgrade. A test pins it.

use std::{collections::HashMap, net::Ipv4Addr};

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Ipam,
    IpamConfig, Mount, MountType, NetworkCreateRequest, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
    VolumeCreateRequest,
};
use sha2::{Digest, Sha256};
use stoa_model::{
    limits::Limits,
    stack::{Health, Service, Stack, VolumeName},
};
use stoa_provider::engine::spec;

use crate::{
    labels::{Hashes, Origin},
    mtu, names,
    placement::DockerPlacement,
    subnet::Subnet,
};

/// What is rendered: a stack in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) placement: &'a DockerPlacement,
}

/// Limits as Docker counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DockerLimits {
    pub(crate) memory: i64,
    pub(crate) nano_cpus: i64,
    pub(crate) pids: i64,
}

impl From<Limits> for DockerLimits {
    fn from(limits: Limits) -> Self {
        Self {
            memory: i64::try_from(limits.memory.0).unwrap_or(i64::MAX),
            nano_cpus: i64::from(limits.cpu.0) * 1_000_000,
            pids: i64::from(limits.pids),
        }
    }
}

/// The request for a stack's private network.
pub(crate) fn network(stack: &Stack, subnet: Subnet, mtu: u32, origin: Origin<'_>) -> NetworkCreateRequest {
    let mut options = text_map([
        ("com.docker.network.bridge.name", bridge_name(stack, origin.installation).as_str()),
        ("com.docker.network.bridge.enable_icc", "true"),
    ]);
    if mtu != mtu::DEFAULT {
        options.insert(mtu::OPTION.to_owned(), mtu.to_string());
    }
    let addresses = IpamConfig {
        subnet: Some(subnet.to_string()),
        gateway: Some(subnet.gateway().to_string()),
        ..Default::default()
    };
    NetworkCreateRequest {
        name: names::network(&stack.project),
        driver: Some("bridge".into()),
        ipam: Some(Ipam { config: Some(vec![addresses]), ..Default::default() }),
        options: Some(options),
        labels: Some(origin.on_network(stack)),
        ..Default::default()
    }
}

/// The network interface's name on the host: at most 15 characters, always the same for a project.
fn bridge_name(stack: &Stack, installation: &str) -> String {
    let hash = hex::encode(Sha256::digest(format!("{installation}/{}", stack.project)));
    format!("stoa-{}", &hash[..10])
}

/// The request for one of a stack's volumes.
pub(crate) fn volume(stack: &Stack, name: &VolumeName, origin: Origin<'_>) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: Some(names::volume(&stack.project, name)),
        driver: Some("local".into()),
        labels: Some(origin.on_volume(stack, name)),
        ..Default::default()
    }
}

/// The request for a service's container. A pinned image is named by its content, so that a moved tag
/// can't change what is created.
pub(crate) fn container(
    target: Target<'_>,
    service: &Service,
    instance: u32,
    address: Ipv4Addr,
    origin: Origin<'_>,
) -> ContainerCreateBody {
    let mut body = unlabeled(target.stack, service, address);
    let hashes = (spec_hash(service), config_hash(&body));
    let hashes = Hashes { spec: &hashes.0, config: &hashes.1 };
    if let Some(id) = &service.image_id {
        body.image = Some(id.to_string());
    }
    body.labels = Some(origin.on_container(target.stack, service, instance, hashes));
    body
}

pub(crate) fn unlabeled(stack: &Stack, service: &Service, address: Ipv4Addr) -> ContainerCreateBody {
    ContainerCreateBody {
        hostname: Some(service.name.0.clone()),
        image: Some(service.image.to_string()),
        entrypoint: service.entrypoint.clone(),
        cmd: service.command.clone(),
        env: Some(service.environment.iter().map(|(key, value)| format!("{key}={}", value.0)).collect()),
        user: service.user.clone(),
        healthcheck: service.health.as_ref().map(health),
        stop_timeout: Some(service.stop_grace.as_secs().min(3600) as i64),
        host_config: Some(host_config(stack, service)),
        networking_config: Some(endpoint(stack, service, address)),
        ..Default::default()
    }
}

/// The hash that a container of a release before `stoa.spec-hash` has if it was created from this
/// service with these limits.
pub(crate) fn config_hash_with(stack: &Stack, service: &Service, address: Ipv4Addr, limits: DockerLimits) -> String {
    let mut body = unlabeled(stack, service, address);
    if let Some(host) = &mut body.host_config {
        host.memory = Some(limits.memory);
        host.memory_swap = Some(limits.memory);
        host.nano_cpus = Some(limits.nano_cpus);
        host.pids_limit = Some(limits.pids);
    }
    config_hash(&body)
}

/// Stands for a service's configuration without image and limits: another hash, another container.
pub(crate) fn spec_hash(service: &Service) -> String {
    hex::encode(Sha256::digest(spec::canonical_spec(service)))
}

fn host_config(stack: &Stack, service: &Service) -> HostConfig {
    let limits = DockerLimits::from(service.limits);
    HostConfig {
        memory: Some(limits.memory),
        memory_swap: Some(limits.memory),
        nano_cpus: Some(limits.nano_cpus),
        pids_limit: Some(limits.pids),
        cap_drop: Some(vec!["ALL".into()]),
        cap_add: Some(service.cap_add.clone()),
        security_opt: Some(vec!["no-new-privileges:true".into()]),
        privileged: Some(false),
        readonly_rootfs: Some(service.read_only),
        init: Some(true),
        tmpfs: Some(tmpfs(service)),
        mounts: Some(service.mounts.iter().map(|mount| volume_mount(stack, mount)).collect()),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".into()),
            config: Some(text_map([("max-size", "10m"), ("max-file", "3")])),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(if service.runs_once {
                RestartPolicyNameEnum::NO
            } else {
                RestartPolicyNameEnum::UNLESS_STOPPED
            }),
            maximum_retry_count: None,
        }),
        network_mode: Some(names::network(&stack.project)),
        publish_all_ports: Some(false),
        ..Default::default()
    }
}

fn tmpfs(service: &Service) -> HashMap<String, String> {
    let options = |t: &stoa_model::stack::Tmpfs| format!("rw,noexec,nosuid,nodev,size={},mode={:o}", t.size.0, t.mode);
    service.tmpfs.iter().map(|t| (t.path.clone(), options(t))).collect()
}

fn volume_mount(stack: &Stack, mount: &stoa_model::stack::Mount) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(names::volume(&stack.project, &mount.volume)),
        target: Some(mount.path.clone()),
        read_only: Some(mount.read_only),
        ..Default::default()
    }
}

fn endpoint(stack: &Stack, service: &Service, address: Ipv4Addr) -> NetworkingConfig {
    let settings = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..Default::default() }),
        aliases: Some(vec![service.name.0.clone()]),
        ..Default::default()
    };
    NetworkingConfig { endpoints_config: Some(HashMap::from([(names::network(&stack.project), settings)])) }
}

fn health(health: &Health) -> HealthConfig {
    let nanos = |d: std::time::Duration| i64::try_from(d.as_nanos()).ok();
    HealthConfig {
        test: Some(health.test.clone()),
        interval: nanos(health.interval),
        timeout: nanos(health.timeout),
        retries: Some(i64::from(health.retries)),
        start_period: nanos(health.start_period),
        ..Default::default()
    }
}

/// Stands for the whole request, with the image's reference and the limits.
fn config_hash(body: &ContainerCreateBody) -> String {
    // A JSON value has its keys in order, unlike the maps in the body.
    let canonical = serde_json::to_value(body).map(|value| value.to_string()).unwrap_or_default();
    hex::encode(Sha256::digest(canonical))
}

fn text_map<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests;
