use bollard::models::ContainerCreateBody;
use stoa_model::stack::{Dependency, EnvValue, VolumeName};

use super::*;
use crate::fixture::{origin, placement, stack, web};

/// [`config_hash`] of this stack by the code of the release before `stoa.spec-hash` (commit b0cbe64).
const OLD_RELEASE_HASH: &str = "8ed8814e92b844c926561fa6682f2fc7573e27ebf61b4271e17bab336d453371";

fn rendered(service: &Service) -> ContainerCreateBody {
    let stack = stack(vec![service.clone()]);
    let placement = placement(&stack);
    let address = placement.address(&service.name, 1).unwrap();
    container(Target { stack: &stack, placement: &placement }, service, 1, address, origin(5))
}

#[test]
fn the_old_releases_hash_is_pinned() {
    assert_eq!(rendered(&web()).labels.unwrap()[crate::labels::CONFIG_HASH], OLD_RELEASE_HASH);
    let pinned = Service { image_id: Some(format!("sha256:{}", "c".repeat(64)).parse().unwrap()), ..web() };
    let labels = rendered(&pinned).labels.unwrap();
    assert_eq!(labels[crate::labels::CONFIG_HASH], OLD_RELEASE_HASH, "by reference, not by content");
    let stack = stack(vec![web()]);
    let address = "10.213.0.2".parse().unwrap();
    let other_limits = Service { limits: Limits::DEFAULT, ..web() };
    let hash = config_hash_with(&stack, &other_limits, address, web().limits.into());
    assert_eq!(hash, OLD_RELEASE_HASH, "with the limits that the container has");
}

/// Changing this hash replaces every container of every site: see `stoa_provider::engine::spec`.
#[test]
fn the_spec_hash_is_pinned() {
    assert_eq!(spec_hash(&web()), "ec1577fb72ca56d04b8ddfaa8dabe1e6e44e4a88efdeea89bfd67e523d9e1283");
}

#[test]
fn a_container_has_every_hardening_field() {
    let body = serde_json::to_value(rendered(&web())).unwrap();
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
    let body = serde_json::to_value(rendered(&web())).unwrap();
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
    let labels = rendered(&web()).labels.unwrap();
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
        ("stoa.revision", "5"),
        ("stoa.render-version", "1"),
        ("stoa.image", "stoa/wordpress:1"),
    ] {
        assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(labels.contains_key("com.docker.compose.version"));
}

#[test]
fn the_hash_follows_the_configuration_and_nothing_else() {
    let hash = |service: &Service, label: &str| rendered(service).labels.unwrap()[label].clone();
    let mut other = web();
    other.environment.insert("PASSWORD".into(), EnvValue("another".into()));
    for label in [crate::labels::CONFIG_HASH, crate::labels::SPEC_HASH] {
        assert_eq!(hash(&web(), label), hash(&web(), label));
        assert_ne!(hash(&web(), label), hash(&other, label));
    }
    let same = Service { limits: Limits::DEFAULT, depends_on: vec![Dependency::started(web().name)], ..web() };
    assert_eq!(spec_hash(&same), spec_hash(&web()), "what needs no replacing is left out");
}

#[test]
fn a_bridge_name_fits_the_kernel() {
    let request = |mtu| network(&stack(vec![web()]), "10.213.0.0/28".parse().unwrap(), mtu, origin(1));
    assert!(!request(1500).options.unwrap().contains_key(mtu::OPTION));
    let request = request(1420);
    assert_eq!(request.options.as_ref().unwrap()[mtu::OPTION], "1420");
    let name = &request.options.unwrap()["com.docker.network.bridge.name"];
    assert_eq!(name.len(), 15, "{name}");
    let config = request.ipam.unwrap().config.unwrap().remove(0);
    assert_eq!((config.subnet.as_deref(), config.gateway.as_deref()), (Some("10.213.0.0/28"), Some("10.213.0.1")));
}

#[test]
fn a_pinned_image_is_created_from_its_content() {
    let id = format!("sha256:{}", "c".repeat(64));
    let body = rendered(&Service { image_id: Some(id.parse().unwrap()), ..web() });
    assert_eq!(body.image.as_deref(), Some(id.as_str()));
    assert_eq!(body.labels.unwrap()[crate::labels::IMAGE], "stoa/wordpress:1");
}

#[test]
fn manifests_have_dockers_names_and_addresses() {
    let stack = Stack { volumes: vec![VolumeName("data".into())], ..stack(vec![web()]) };
    let manifests = crate::describe::manifests(&stack, &placement(&stack));
    let names: Vec<_> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    assert_eq!(names, ["compose.yaml", ".env"]);
    let file = &manifests[0].text;
    for part in
        ["stoa-shop-0000000007_default", "10.213.0.0/28", "10.213.0.1", "10.213.0.2", "stoa-shop-0000000007_data"]
    {
        assert!(file.contains(part), "{part} is missing in {file}");
    }
    assert_eq!(manifests[1].text, "COMPOSE_PROJECT_NAME=stoa-shop-0000000007\n");
}
