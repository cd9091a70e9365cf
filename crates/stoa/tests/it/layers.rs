//! Holds the import table of ARCHITECTURE.md: who may use whom.

use std::{collections::BTreeMap, fs, path::Path};

/// Each crate and what of ours it may import. `stoa` may import everything, `testkit` everything
/// but `stoa`, and is for tests only.
const ALL: &[&str] = &[
    "util",
    "model",
    "saga",
    "db",
    "provider",
    "docker",
    "edge",
    "firewall",
    "submission",
    "integrations",
    "core",
    "accounts",
    "domains",
    "sites",
    "billing",
    "control",
    "web",
];

const TABLE: &[(&str, &[&str])] = &[
    ("util", &[]),
    ("model", &[]),
    ("saga", &["util"]),
    ("db", &["model", "saga"]),
    ("provider", &["model"]),
    ("docker", &["util", "model", "provider"]),
    ("edge", &["util", "model", "provider"]),
    ("firewall", &["util"]),
    ("submission", &["model"]),
    ("integrations", &["util", "model", "provider"]),
    ("core", &["util", "model", "db", "saga", "integrations"]),
    ("accounts", &["model", "db", "integrations", "core"]),
    ("domains", &["model", "provider", "db", "integrations", "core"]),
    (
        "sites",
        &["util", "model", "provider", "db", "saga", "submission", "integrations", "core", "accounts", "domains"],
    ),
    ("billing", &["model", "db", "integrations", "core", "accounts", "sites"]),
    (
        "control",
        &["model", "provider", "db", "firewall", "integrations", "core", "accounts", "domains", "sites", "billing"],
    ),
    ("web", &["util", "model", "core", "accounts", "domains", "sites", "billing", "control"]),
    ("testkit", ALL),
    ("stoa", ALL),
];

fn manifests() -> BTreeMap<String, toml::Table> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_dir(crates)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|folder| {
            let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            (folder.file_name().unwrap().to_str().unwrap().to_owned(), toml::from_str(&text).unwrap())
        })
        .collect()
}

fn ours(manifest: &toml::Table, section: &str) -> Vec<String> {
    let Some(dependencies) = manifest.get(section) else { return Vec::new() };
    dependencies.as_table().unwrap().keys().filter_map(|name| name.strip_prefix("stoa-").map(str::to_owned)).collect()
}

#[test]
fn every_crate_is_in_the_table_and_imports_only_what_it_may() {
    let manifests = manifests();
    let listed: Vec<_> = TABLE.iter().map(|(name, _)| *name).collect();
    for (name, manifest) in &manifests {
        assert!(listed.contains(&name.as_str()), "crates/{name} is not in the import table");
        let may = TABLE.iter().find(|(n, _)| n == name).map(|(_, may)| *may).unwrap();
        for import in ours(manifest, "dependencies") {
            assert!(may.contains(&import.as_str()), "crates/{name} must not import stoa-{import}");
        }
    }
    assert_eq!(manifests.len(), TABLE.len(), "the import table names a crate that is not there");
}

#[test]
fn the_table_in_the_architecture_document_is_this_one() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let text = fs::read_to_string(document).unwrap();
    for (name, may) in TABLE.iter().filter(|(name, _)| !matches!(*name, "testkit" | "stoa")) {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("no row for {name}"));
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap().trim();
        let expected = if may.is_empty() { "nothing of ours".to_owned() } else { may.join(", ") };
        assert_eq!(cell, expected, "the row of {name}");
    }
}

/// `model` never reads clock, disk, network or randomness.
#[test]
fn the_model_is_pure() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/src");
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = fs::read_to_string(&entry).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for banned in [
                "std::fs",
                "std::env",
                "SystemTime",
                "Instant::now",
                "Timestamp::now",
                "getrandom",
                "std::process",
                "tokio",
            ] {
                let is_test = entry.components().any(|part| part.as_os_str() == "tests") || entry.ends_with("tests.rs");
                assert!(is_test || !code.contains(banned), "{} uses {banned}", entry.display());
            }
        }
    }
}
