//! The blueprints that Stoa ships, against their golden files and against Compose.
//! `UPDATE_GOLDEN=1 cargo test -p stoa-model shipped` rewrites the golden files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{Blueprint, compose_config, inputs, network, told};
use crate::{blueprint::HookName, compose, limits::Limits};

/// What a golden case is rendered with.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(default)]
    main_limits: Option<Limits>,
    values: BTreeMap<String, String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints")
}

fn shipped() -> Vec<(PathBuf, String, Blueprint)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let folder = entry.unwrap().path();
        let file = folder.join("compose.yaml");
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let blueprint = Blueprint::parse(&file.to_string_lossy(), &text);
        let blueprint = blueprint.unwrap_or_else(|problems| panic!("{}", told(&problems)));
        all.push((folder, text, blueprint));
    }
    assert!(all.len() >= 2);
    all
}

#[test]
fn a_blueprint_has_its_folders_name_and_a_readme() {
    for (folder, _, blueprint) in shipped() {
        assert_eq!(folder.file_name().unwrap().to_str(), Some(blueprint.name.as_str()));
        assert!(folder.join("README.md").exists());
    }
}

#[test]
fn cases_render_as_written() {
    for (folder, _, blueprint) in shipped() {
        let mut count = 0;
        for entry in fs::read_dir(folder.join("cases")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let case: Case = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut inputs = inputs(&[]);
            (inputs.profiles, inputs.main_limits, inputs.values) = (case.profiles, case.main_limits, case.values);
            let stack = blueprint.render(&inputs).unwrap();
            let rendered = compose::render(&stack, Some(&network(&blueprint, &stack)));
            let golden = path.with_extension("yaml");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&golden, &rendered).unwrap();
            }
            assert_eq!(rendered, fs::read_to_string(&golden).unwrap_or_default(), "{}", golden.display());
            compose_config::<serde_json::Value>(&rendered);
            count += 1;
        }
        assert!(count > 0, "{} has no cases", folder.display());
    }
}

#[test]
fn compose_accepts_the_blueprints_and_their_examples() {
    for (_, text, blueprint) in shipped() {
        compose_config::<serde_json::Value>(&text);
        compose_config::<serde_json::Value>(&blueprint.check_report().unwrap());
    }
}

#[test]
fn woocommerce_is_what_the_platform_expects() {
    let (_, _, blueprint) = shipped().into_iter().find(|(_, _, b)| b.name == "woocommerce").unwrap();
    for name in [HookName::Claim, HookName::Login, HookName::SetDomain, HookName::Dump, HookName::Restore] {
        assert!(blueprint.hook(name).is_some(), "{name:?}");
    }
    assert_eq!(blueprint.profiles().into_iter().collect::<Vec<_>>(), ["phpmyadmin", "redis"]);
    assert!(blueprint.services.iter().all(|s| !s.environment.contains_key("ADMIN_PASSWORD")));
    let routed = blueprint.service(&blueprint.route.service).unwrap();
    assert!(routed.read_only && routed.cap_add.is_empty());
}
