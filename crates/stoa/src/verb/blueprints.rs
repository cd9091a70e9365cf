//! `stoa blueprints`: checking a blueprint's folder, which needs neither database nor engine, and listing outdated
//! sites.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use stoa_sites::{blueprints::load_one, view::OutdatedSite};

use crate::{
    bootstrap,
    config::Config,
    output::{Output, table},
};

/// How much of a version's hash a table shows; enough for `stoa sites update --to`.
const SHOWN_VERSION_CHARS: usize = 12;

#[derive(Subcommand)]
pub enum Blueprints {
    /// Check a blueprint's folder and print the stack that it produces, as Compose.
    Check {
        /// The folder with `compose.yaml`.
        folder: PathBuf,
    },
    /// List the sites that an update would change: their blueprint has a newer version, or an image has changed.
    Outdated,
}

pub async fn run(verb: &Blueprints, config: &Config, out: &Output) -> Result<()> {
    match verb {
        Blueprints::Check { folder } => check(folder, out),
        Blueprints::Outdated => {
            let control = bootstrap::control(config).await?;
            let sites = control.sites.list_outdated(&control.core.system_context("blueprints")).await?;
            out.show(&sites, |sites| list(sites))
        }
    }
}

/// `stoa blueprints check`, which also works without a configuration.
pub fn check(folder: &Path, out: &Output) -> Result<()> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let loaded = load_one(&folder)?;
    out.text(&loaded.blueprint.check_report()?)
}

fn list(sites: &[OutdatedSite]) -> String {
    if sites.is_empty() {
        return "All sites are up to date.".into();
    }
    let shown = |version: &str| version.chars().take(SHOWN_VERSION_CHARS).collect::<String>();
    let row = |site: &OutdatedSite| {
        let version = site.version.as_deref().map_or_else(|| "not pinned yet".to_owned(), shown);
        let images = site.changed_images.join(", ");
        [site.hostname.clone(), site.blueprint.clone(), version, shown(&site.current_version), images]
    };
    table(["Site", "Blueprint", "Version", "Current version", "Changed images"], sites.iter().map(row))
}
