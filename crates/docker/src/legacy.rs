//! Containers of releases before `stoa.spec-hash`, compared by what Docker tells of them.
//!
//! Their `config-hash` includes the limits that they were created with. Once limits were changed in
//! place nobody knows those, and the hash says nothing: then the configuration itself is compared,
//! field by field, with what Docker makes of a request (it adds the image's defaults).

use std::{collections::BTreeSet, net::Ipv4Addr};

use bollard::models::{ContainerConfig, ContainerInspectResponse, HostConfig, ImageConfig};
use serde::Serialize;
use serde_json::Value;
use stoa_model::stack::{Service, Stack};

use crate::{containers, names};

/// What of a host configuration is changed in place.
const LIMITS: [&str; 4] = ["Memory", "MemorySwap", "NanoCpus", "PidsLimit"];

/// A container as it is, and its image.
#[derive(Debug, Clone)]
pub(crate) struct Legacy {
    config: ContainerConfig,
    host: HostConfig,
    address: Option<String>,
    image: ImageConfig,
}

impl Legacy {
    pub(crate) fn new(found: &ContainerInspectResponse, image: ImageConfig, stack: &Stack) -> Self {
        let networks = found.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let network = networks.and_then(|networks| networks.get(&names::network(&stack.project)));
        let address = network.and_then(|network| network.ipam_config.as_ref()?.ipv4_address.clone());
        Self {
            config: found.config.clone().unwrap_or_default(),
            host: found.host_config.clone().unwrap_or_default(),
            address,
            image,
        }
    }

    /// Whether a request for this service at this address would give the same container, limits aside.
    pub(crate) fn equals(&self, stack: &Stack, service: &Service, address: Ipv4Addr) -> bool {
        let body = containers::unlabeled(stack, service, address);
        let (config, image) = (&self.config, &self.image);
        let (entrypoint, command) = match (body.entrypoint, body.cmd) {
            (Some(entrypoint), command) => (Some(entrypoint), command),
            (None, command) => (image.entrypoint.clone(), command.or_else(|| image.cmd.clone())),
        };
        // Every field of our requests, also those that a service leaves empty.
        let request = serde_json::to_value(&body.host_config).unwrap_or_default();
        let asked = request.as_object().into_iter().flat_map(|map| map.keys());
        let asked: Vec<&String> = asked.filter(|key| !LIMITS.contains(&key.as_str())).collect();
        let wanted_host = normalized(body.host_config);
        let has_host = normalized(Some(&self.host));
        self.address == Some(address.to_string())
            && config.hostname == body.hostname
            && config.stop_timeout == body.stop_timeout
            && same(&config.entrypoint, &entrypoint)
            && same(&config.cmd, &command)
            && same(&config.user, &body.user.or_else(|| image.user.clone()))
            && same(&config.healthcheck, &body.healthcheck.or_else(|| image.healthcheck.clone()))
            && environment(config.env.as_deref(), None) == environment(body.env.as_deref(), image.env.as_deref())
            && asked.iter().all(|key| wanted_host.get(key) == has_host.get(key))
    }
}

/// Variables, with those of an image that are not set.
fn environment<'a>(own: Option<&'a [String]>, image: Option<&'a [String]>) -> BTreeSet<&'a str> {
    let name = |variable: &'a str| variable.split_once('=').map_or(variable, |(name, _)| name);
    let own: BTreeSet<&str> = own.unwrap_or_default().iter().map(String::as_str).collect();
    let set: BTreeSet<&str> = own.iter().map(|variable| name(variable)).collect();
    let image = image.unwrap_or_default().iter().map(String::as_str).filter(|variable| !set.contains(name(variable)));
    own.iter().copied().chain(image).collect()
}

fn same(one: &impl Serialize, other: &impl Serialize) -> bool {
    normalized(Some(one)) == normalized(Some(other))
}

/// JSON without what Docker leaves out or adds when it stores a request: empty values, and the prefix
/// of capabilities.
fn normalized(value: Option<impl Serialize>) -> Value {
    stripped(serde_json::to_value(value).unwrap_or_default())
}

fn stripped(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) => false,
    };
    match value {
        Value::Object(map) => {
            let map = map.into_iter().map(|(key, value)| (key, stripped(value)));
            Value::Object(map.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(stripped).collect()),
        Value::String(text) => Value::String(text.strip_prefix("CAP_").map_or_else(|| text.clone(), str::to_owned)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stoa_model::{
        limits::Limits,
        stack::{EnvValue, VolumeName},
    };

    use super::*;
    use crate::fixture::{stack, web};

    /// The container as Docker 20.10 stores and answers it.
    fn inspected() -> ContainerInspectResponse {
        serde_json::from_value(json!({
            "Config": {
                "Hostname": "web", "User": "33:33", "Env": ["PASSWORD=s3cret=", "PATH=/bin"],
                "Cmd": ["run", "$(not a shell)"], "Entrypoint": ["/start"], "StopTimeout": 20,
                "Healthcheck": {
                    "Test": ["CMD", "true"], "Interval": 30_000_000_000_i64, "Timeout": 5_000_000_000_i64,
                    "StartPeriod": 500_000_000, "Retries": 3
                }
            },
            "HostConfig": {
                "Memory": 1, "MemorySwap": 1, "NanoCpus": 1, "PidsLimit": 1, "CapAdd": ["CAP_NET_BIND_SERVICE"],
                "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges:true"], "ReadonlyRootfs": true, "Init": true,
                "Privileged": false, "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=16777216,mode=1777"},
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
                "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
                "NetworkMode": "stoa-shop-0000000007_default", "ShmSize": 67_108_864,
                "Mounts": [{
                    "Type": "volume", "Source": "stoa-shop-0000000007_data", "Target": "/data", "ReadOnly": true
                }]
            },
            "NetworkSettings": {"Networks": {
                "stoa-shop-0000000007_default": {"IPAMConfig": {"IPv4Address": "10.213.0.2"}}
            }}
        }))
        .unwrap()
    }

    fn image() -> ImageConfig {
        serde_json::from_value(
            json!({"Env": ["PATH=/bin", "PASSWORD=default"], "Entrypoint": ["/start"], "Cmd": ["x"]}),
        )
        .unwrap()
    }

    #[test]
    fn only_what_would_give_another_container_differs() {
        let stack = stack(vec![web()]);
        let legacy = Legacy::new(&inspected(), image(), &stack);
        let address: Ipv4Addr = "10.213.0.2".parse().unwrap();
        assert!(legacy.equals(&stack, &Service { limits: Limits::DEFAULT, ..web() }, address));
        assert!(!legacy.equals(&stack, &web(), "10.213.0.3".parse().unwrap()));
        type Edit = fn(&mut Service);
        let edits: [Edit; 10] = [
            |s| drop(s.environment.insert("PASSWORD".into(), EnvValue("other".into()))),
            |s| drop(s.environment.remove("PASSWORD")),
            |s| s.command = None,
            |s| s.entrypoint = Some(vec!["/other".into()]),
            |s| s.user = None,
            |s| s.health = None,
            |s| s.read_only = false,
            |s| s.cap_add.clear(),
            |s| s.mounts[0].volume = VolumeName("other".into()),
            |s| s.tmpfs.clear(),
        ];
        for (n, edit) in edits.into_iter().enumerate() {
            let mut service = web();
            edit(&mut service);
            assert!(!legacy.equals(&stack, &service, address), "edit {n} was not seen");
        }
    }
}
