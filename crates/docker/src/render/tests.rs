use std::{collections::BTreeMap, time::Duration};

use bollard::models::ContainerCreateBody;
use stoa_model::{
    id::{JobId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    stack::{EnvValue, Health, Mount, ProjectName, Service, ServiceName, Stack, Tmpfs, VolumeName},
};
use uuid::Uuid;

use super::*;

fn origin() -> Origin<'static> {
    Origin { installation: "here", operation: JobId::from_uuid(Uuid::from_u128(9)) }
}

fn stack() -> Stack {
    let site = SiteId::from_uuid(Uuid::from_u128(7));
    let web = Service {
        name: ServiceName("web".into()),
        image: "stoa/wordpress:1".parse().unwrap(),
        entrypoint: None,
        command: Some(vec!["run".into(), "$(not a shell)".into()]),
        environment: BTreeMap::from([("PASSWORD".into(), EnvValue("s3cret=".into()))]),
        address: "10.213.0.2".parse().unwrap(),
        mounts: vec![Mount { volume: VolumeName("data".into()), path: "/data".into(), read_only: true }],
        tmpfs: vec![Tmpfs { path: "/tmp".into(), size: Bytes::mib(16), mode: 0o1777 }],
        limits: Limits { memory: Bytes::mib(256), cpu: MilliCpu(500), pids: 100 },
        user: Some("33:33".into()),
        cap_add: vec!["NET_BIND_SERVICE".into()],
        read_only: true,
        health: Some(Health {
            test: vec!["CMD".into(), "true".into()],
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            retries: 3,
            start_period: Duration::from_millis(500),
        }),
        stop_grace: Duration::from_secs(20),
        depends_on: Vec::new(),
    };
    Stack {
        project: ProjectName::of(site, "shop"),
        site,
        directory: "/srv/sites/shop".into(),
        subnet: "10.213.0.0/28".parse().unwrap(),
        volumes: Vec::new(),
        services: vec![web],
    }
}

fn rendered(stack: &Stack) -> ContainerCreateBody {
    container(stack, &stack.services[0], origin())
}

#[test]
fn a_container_has_every_hardening_field() {
    let body = serde_json::to_value(rendered(&stack())).unwrap();
    let host = &body["HostConfig"];
    let expected = serde_json::json!({
        "Memory": 256 << 20, "MemorySwap": 256 << 20, "NanoCpus": 500_000_000, "PidsLimit": 100,
        "CapDrop": ["ALL"], "CapAdd": ["NET_BIND_SERVICE"], "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": false, "ReadonlyRootfs": true, "Init": true, "PublishAllPorts": false,
        "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=16777216,mode=1777"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "RestartPolicy": {"Name": "unless-stopped"},
        "NetworkMode": "stoa-shop-0000000007_default",
        "Mounts": [{"Type": "volume", "Source": "stoa-shop-0000000007_data", "Target": "/data", "ReadOnly": true}],
    });
    // The whole of it: a field that is added must be added here too, on purpose.
    assert_eq!(*host, expected);
}

#[test]
fn a_container_is_what_its_service_says() {
    let body = serde_json::to_value(rendered(&stack())).unwrap();
    assert_eq!(body["Image"], "stoa/wordpress:1");
    assert_eq!(body["Hostname"], "web");
    assert_eq!(body["User"], "33:33");
    assert_eq!(body["Cmd"], serde_json::json!(["run", "$(not a shell)"]));
    assert_eq!(body["Env"], serde_json::json!(["PASSWORD=s3cret="]));
    assert_eq!(body["StopTimeout"], 20);
    assert_eq!(body["Healthcheck"]["StartPeriod"], 500_000_000);
    let endpoint = &body["NetworkingConfig"]["EndpointsConfig"]["stoa-shop-0000000007_default"];
    assert_eq!(endpoint["IPAMConfig"]["IPv4Address"], "10.213.0.2");
    assert_eq!(endpoint["Aliases"], serde_json::json!(["web"]));
    assert!(body.get("ExposedPorts").is_none());
}

#[test]
fn a_container_carries_composes_labels_and_ours() {
    let labels = rendered(&stack()).labels.unwrap();
    for (key, value) in [
        ("com.docker.compose.project", "stoa-shop-0000000007"),
        ("com.docker.compose.service", "web"),
        ("com.docker.compose.container-number", "1"),
        ("com.docker.compose.oneoff", "False"),
        ("com.docker.compose.project.working_dir", "/srv/sites/shop"),
        ("com.docker.compose.project.config_files", "/srv/sites/shop/compose.yaml"),
        ("stoa.installation", "here"),
        ("stoa.site", "site_00000000000000000000000000000007"),
        ("stoa.operation", "job_00000000000000000000000000000009"),
    ] {
        assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(labels.contains_key("com.docker.compose.version"));
}

#[test]
fn the_hash_follows_the_configuration_and_nothing_else() {
    let hash = |stack: &Stack| rendered(stack).labels.unwrap()["com.docker.compose.config-hash"].clone();
    let mut other = stack();
    other.services[0].environment.insert("PASSWORD".into(), EnvValue("another".into()));
    assert_eq!(hash(&stack()), hash(&stack()));
    assert_ne!(hash(&stack()), hash(&other));
}

#[test]
fn a_bridge_name_fits_the_kernel() {
    let request = network(&stack(), origin());
    let name = &request.options.unwrap()["com.docker.network.bridge.name"];
    assert_eq!(name.len(), 15, "{name}");
    let config = request.ipam.unwrap().config.unwrap().remove(0);
    assert_eq!((config.subnet.as_deref(), config.gateway.as_deref()), (Some("10.213.0.0/28"), Some("10.213.0.1")));
}

#[test]
fn a_volume_that_only_a_mount_names_is_made_too() {
    assert_eq!(volume_names(&stack()).into_iter().collect::<Vec<_>>(), [&VolumeName("data".into())]);
}
