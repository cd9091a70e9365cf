//! Tests over whole blueprints.

mod dollars;
mod hostile;
mod reading;
mod refusals;
mod refusals_around;
mod rendering;
mod shipped;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Blueprint, RenderInputs};
use crate::{
    compose,
    id::SiteId,
    stack::{ProjectName, Stack},
};

/// A small blueprint that is fine; tests change a line of it.
const GOOD: &str = r#"services:
  web:
    image: ${IMAGE:-stoa/app:1}
    environment:
      TITLE: ${TITLE}
      FLAG: "${FLAG}"
    volumes: ["data:/srv/data"]
    depends_on: [db]
  db:
    image: stoa/db:1
    environment: ["PASSWORD=${PASSWORD}"]
  tool:
    profiles: [tools]
    image: stoa/tool:1
    depends_on: {db: {condition: service_started}}
  cache:
    profiles: [caching]
    image: stoa/cache:1
volumes:
  data: {}
x-stoa:
  name: app
  title: App
  description: An app.
  kind: site
  route: {service: web, port: 8080}
  health: /health
  variables:
    TITLE: {from: site.title}
    PASSWORD: {generate: password, length: 24}
    FLAG: {default: "off"}
    IMAGE: {default: "stoa/app:1"}
  hooks:
    claim: {service: web, command: [claim], stdin: {title: "${TITLE}"}}
    dump: {service: db, command: [dump]}
    restore: {service: db, command: [restore]}
  backup: {volumes: [data], database: true}
"#;

fn good() -> Blueprint {
    parsed(GOOD)
}

fn parsed(text: &str) -> Blueprint {
    Blueprint::parse("compose.yaml", text).unwrap_or_else(|problems| panic!("{}", told(&problems)))
}

fn told(problems: &[super::Problem]) -> String {
    problems.iter().map(|p| format!("{p}\n")).collect()
}

fn inputs(pairs: &[(&str, &str)]) -> RenderInputs {
    let site = SiteId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0123_4567_89ab));
    RenderInputs {
        site,
        project: ProjectName::of(site, "janes-shop"),
        directory: PathBuf::from("/srv/stoa/sites/janes-shop"),
        main_limits: None,
        profiles: Vec::new(),
        values: pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        images: BTreeMap::new(),
    }
}

/// Names and addresses as Docker gives them in the first block of its default pool: addresses count
/// over all services of the blueprint, so that a profile that is switched on moves none.
fn network(blueprint: &Blueprint, stack: &Stack) -> compose::Network {
    let address = |(n, spec): (usize, &super::ServiceSpec)| (spec.name.clone(), format!("10.213.0.{}", n + 2));
    compose::Network {
        name: format!("{}_default", stack.project),
        subnet: "10.213.0.0/28".into(),
        gateway: "10.213.0.1".into(),
        addresses: blueprint.services.iter().enumerate().map(address).collect(),
        volumes: stack.volumes.iter().map(|v| (v.clone(), format!("{}_{v}", stack.project))).collect(),
    }
}

/// What the Compose on this machine reads from a file; `None`, with a note, where there is none or
/// `STOA_SKIP_COMPOSE` is set.
fn compose_config<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    if std::env::var_os("STOA_SKIP_COMPOSE").is_some() {
        println!("SKIPPED: STOA_SKIP_COMPOSE is set");
        return None;
    }
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("stoa-compose-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("compose.yaml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new("docker-compose").arg("-f").arg(&file).arg("config").stdin(Stdio::null()).output();
    std::fs::remove_dir_all(&folder).unwrap();
    let Ok(output) = output else {
        println!("SKIPPED: docker-compose is not installed");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_saphyr::from_slice(&output.stdout).unwrap())
}

/// Compose's own reading of a value: `$$` is a dollar.
fn undollar(value: &serde_json::Value) -> String {
    value.as_str().unwrap().replace("$$", "$")
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}
