//! A small stack for unit tests, and the containers that it would have.

use std::{collections::BTreeMap, time::Duration};

use stoa_model::{
    id::{JobId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    stack::{EnvValue, Health, Mount, ProjectName, ReplaceStrategy, Service, ServiceName, Stack, Tmpfs, VolumeName},
};
use stoa_provider::engine::{PlacementRequest, Revision, RunState};
use uuid::Uuid;

use crate::{
    containers::{self, DockerLimits, Target},
    inventory::container,
    labels::{self, Origin},
    placement::{DockerPlacement, place},
    verdict::Inspected,
};

pub(crate) fn origin(revision: u32) -> Origin<'static> {
    Origin { installation: "here", operation: JobId::from_uuid(Uuid::from_u128(9)), revision: Revision(revision) }
}

pub(crate) fn web() -> Service {
    Service {
        name: ServiceName("web".into()),
        image: "stoa/wordpress:1".parse().unwrap(),
        image_id: None,
        entrypoint: None,
        command: Some(vec!["run".into(), "$(not a shell)".into()]),
        environment: BTreeMap::from([("PASSWORD".into(), EnvValue("s3cret=".into()))]),
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
        runs_once: false,
        replace: ReplaceStrategy::Recreate,
    }
}

pub(crate) fn stack(services: Vec<Service>) -> Stack {
    let site = SiteId::from_uuid(Uuid::from_u128(7));
    Stack {
        project: ProjectName::of(site, "shop"),
        site,
        directory: "/srv/sites/shop".into(),
        volumes: Vec::new(),
        services,
    }
}

/// 10.213.0.0/28, with a second address for services that start first.
pub(crate) fn placement(stack: &Stack) -> DockerPlacement {
    let services: Vec<ServiceName> = stack.services.iter().map(|service| service.name.clone()).collect();
    let start_first = stack.services.iter().filter(|service| service.replace == ReplaceStrategy::StartFirst);
    let start_first: Vec<ServiceName> = start_first.map(|service| service.name.clone()).collect();
    let request =
        PlacementRequest { lease: Some(0x0ad5_0000), services: &services, start_first: &start_first, previous: None };
    DockerPlacement::read(&place(&request).unwrap()).unwrap()
}

/// The container that Docker would list after this service was deployed.
pub(crate) fn running(target: Target<'_>, service: &Service, instance: u32, revision: u32) -> Inspected {
    let address = target.placement.address(&service.name, instance).unwrap();
    let body = containers::container(target, service, instance, address, origin(revision));
    let image = service.image_id.as_ref().map_or_else(|| format!("sha256:{}", "a".repeat(64)), ToString::to_string);
    let summary = serde_json::json!({
        "Id": format!("{}-{instance}", service.name), "ImageID": image, "Labels": body.labels, "State": "running",
        "Status": "Up 3 seconds"
    });
    Inspected {
        container: container(serde_json::from_value(summary).unwrap()).unwrap(),
        limits: DockerLimits::from(service.limits),
        legacy: None,
        unnamed_volumes: Vec::new(),
    }
}

/// The same as a release before revisions would have created it.
pub(crate) fn running_of_old_release(target: Target<'_>, service: &Service) -> Inspected {
    let found = running(target, service, 1, 0);
    let mut container = found.container;
    for label in [labels::SPEC_HASH, labels::RENDER_VERSION, labels::IMAGE, "stoa.revision"] {
        container.labels.remove(label);
    }
    Inspected { container, ..found }
}

pub(crate) fn in_state(mut found: Inspected, state: RunState) -> Inspected {
    found.container.state = state;
    found
}
