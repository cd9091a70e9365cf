//! A stack as the bodies of Engine API requests. Pure: the hardening that is said here is tested here.
//!
//! What every container gets, whatever the blueprint says: no capabilities but the named ones, no
//! new privileges, hard limits on memory (swap included), processor and processes, logs that are
//! rotated, a restart policy, an init that reaps and forwards signals, named volumes only, and one
//! private network without published ports.

use std::collections::{BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Ipam,
    IpamConfig, Mount, MountType, NetworkCreateRequest, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
    VolumeCreateRequest,
};
use sha2::{Digest, Sha256};
use stoa_model::stack::{Health, Service, Stack, VolumeName};

use crate::labels::Origin;

/// The request for a stack's private network.
pub(crate) fn network(stack: &Stack, origin: Origin<'_>) -> NetworkCreateRequest {
    let addresses = IpamConfig {
        subnet: Some(stack.subnet.to_string()),
        gateway: Some(stack.subnet.gateway().to_string()),
        ..Default::default()
    };
    NetworkCreateRequest {
        name: stack.engine_network(),
        driver: Some("bridge".into()),
        ipam: Some(Ipam { config: Some(vec![addresses]), ..Default::default() }),
        options: Some(text_map([
            ("com.docker.network.bridge.name", bridge_name(stack, origin.installation).as_str()),
            ("com.docker.network.bridge.enable_icc", "true"),
        ])),
        labels: Some(origin.on_network(stack)),
        ..Default::default()
    }
}

/// The network interface's name on the host: at most 15 characters, always the same for a project.
fn bridge_name(stack: &Stack, installation: &str) -> String {
    let hash = hex(&Sha256::digest(format!("{installation}/{}", stack.project)));
    format!("stoa-{}", &hash[..10])
}

/// The request for one of a stack's volumes.
pub(crate) fn volume(stack: &Stack, name: &VolumeName, origin: Origin<'_>) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: Some(stack.engine_volume(name)),
        driver: Some("local".into()),
        labels: Some(origin.on_volume(stack, name)),
        ..Default::default()
    }
}

/// The volumes of a stack, each once, those that only a mount names included: Docker would make
/// such a one without labels, and nothing would ever find it again.
pub(crate) fn volume_names(stack: &Stack) -> BTreeSet<&VolumeName> {
    let mounted = stack.services.iter().flat_map(|s| &s.mounts).map(|m| &m.volume);
    stack.volumes.iter().chain(mounted).collect()
}

/// The request for a service's container.
pub(crate) fn container(stack: &Stack, service: &Service, origin: Origin<'_>) -> ContainerCreateBody {
    let mut body = ContainerCreateBody {
        hostname: Some(service.name.0.clone()),
        image: Some(service.image.to_string()),
        entrypoint: service.entrypoint.clone(),
        cmd: service.command.clone(),
        env: Some(service.environment.iter().map(|(key, value)| format!("{key}={}", value.0)).collect()),
        user: service.user.clone(),
        healthcheck: service.health.as_ref().map(health),
        stop_timeout: Some(service.stop_grace.as_secs().min(3600) as i64),
        host_config: Some(host_config(stack, service)),
        networking_config: Some(endpoint(stack, service)),
        ..Default::default()
    };
    body.labels = Some(origin.on_container(stack, service, &config_hash(&body)));
    body
}

fn host_config(stack: &Stack, service: &Service) -> HostConfig {
    let memory = i64::try_from(service.limits.memory.0).unwrap_or(i64::MAX);
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(service.limits.cpu.0) * 1_000_000),
        pids_limit: Some(i64::from(service.limits.pids)),
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
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        network_mode: Some(stack.engine_network()),
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
        source: Some(stack.engine_volume(&mount.volume)),
        target: Some(mount.path.clone()),
        read_only: Some(mount.read_only),
        ..Default::default()
    }
}

fn endpoint(stack: &Stack, service: &Service) -> NetworkingConfig {
    let settings = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig { ipv4_address: Some(service.address.to_string()), ..Default::default() }),
        aliases: Some(vec![service.name.0.clone()]),
        ..Default::default()
    };
    NetworkingConfig { endpoints_config: Some(HashMap::from([(stack.engine_network(), settings)])) }
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

/// Stands for all that a container is made of: another hash, another container.
fn config_hash(body: &ContainerCreateBody) -> String {
    // A JSON value has its keys in order, unlike the maps in the body.
    let canonical = serde_json::to_value(body).map(|value| value.to_string()).unwrap_or_default();
    hex(&Sha256::digest(canonical))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text_map<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests;
