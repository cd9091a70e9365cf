//! The verbs of the command line. They call the same service layer as pages and API, with the rights of the
//! platform itself, directly on the database.

pub mod audit;
pub mod blueprints;
pub mod certificates;
pub mod config;
pub mod customers;
pub mod domains;
pub mod firewall;
pub mod init;
pub mod jobs;
pub mod limits;
pub mod mail;
pub mod manual;
pub mod nginx;
pub mod plans;
pub mod sites;
pub mod staff;
pub mod subscriptions;
pub mod tasks;
pub mod trial;

use std::{iter, process::ExitCode};

use anyhow::Result;
use stoa_core::view::{Finding, Listing, PageNumber, Verdict};
use stoa_model::site::Health;
use stoa_sites::{Drift, view::SiteView};

use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

/// Migrates the database.
pub async fn migrate(config: &Config, out: &Output) -> Result<()> {
    bootstrap::migrate(config).await?;
    out.show(&serde_json::json!({ "migrated": true }), |_| "The database is up to date.".into())
}

/// Checks everything. Exits with 1 if something is wrong.
pub async fn doctor(config: &Config, out: &Output) -> Result<ExitCode> {
    let control = bootstrap::control(config).await?;
    let findings = control.doctor(&control.core.system_context("doctor")).await?;
    out.show(&findings, |findings| {
        let rows = findings.iter().flat_map(|f| {
            let remedy = f.remedy.as_ref().map(|text| [String::new(), String::new(), format!("→ {text}")]);
            iter::once([mark(f).to_owned(), f.check.clone(), f.found.clone()]).chain(remedy)
        });
        table(["", "Check", "Found"], rows)
    })?;
    let bad = findings.iter().any(|f| f.verdict == Verdict::Bad);
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The first `limit` items of a list that is found page by page; all of them without a limit.
async fn first_items<T>(
    find: impl AsyncFn(PageNumber) -> stoa_core::Result<Listing<T>>,
    limit: Option<usize>,
) -> Result<Vec<T>> {
    let (mut items, limit) = (Vec::new(), limit.unwrap_or(usize::MAX));
    for page in 1.. {
        let found = find(PageNumber::new(page)).await?;
        let is_last = found.items.is_empty();
        items.extend(found.items);
        if is_last || items.len() >= limit || items.len() as u64 >= found.total {
            break;
        }
    }
    items.truncate(limit);
    Ok(items)
}

fn mark(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Warning => "note",
        Verdict::Bad => "BAD",
    }
}

/// Compares what should run with what runs, and repairs it.
pub async fn sync(config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let drifts = control.sites.sync(&control.core.system_context("sync")).await?;
    differences(&drifts, "Everything runs as it should.", out)
}

/// Removes what deleted sites left behind.
pub async fn cleanup(confirm: &Confirm, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    confirm.ask("Remove everything that deleted sites left behind, volumes included?")?;
    let found = control.sites.cleanup(&control.core.system_context("cleanup")).await?;
    differences(&found, "Nothing to remove.", out)
}

fn differences(drifts: &[Drift], none: &str, out: &Output) -> Result<()> {
    out.show(drifts, |drifts| {
        if drifts.is_empty() {
            return none.into();
        }
        let row = |d: &Drift| {
            let why = d.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            [d.what.clone(), d.found.clone(), format!("{}{why}", format!("{:?}", d.repair).to_lowercase())]
        };
        table(["What", "Found", "Done"], drifts.iter().map(row))
    })
}

/// Every site's state and health, as the server last observed them. Exits with 1 if a site that should run
/// does not.
pub async fn health(config: &Config, out: &Output) -> Result<ExitCode> {
    let control = bootstrap::control(config).await?;
    let all = sites::all(&control).await?;
    out.show(&all, |all| {
        if all.is_empty() {
            return "There are no sites yet.".into();
        }
        let since = |s: &SiteView| s.health_at.map(when).unwrap_or_default();
        let row = |s: &SiteView| [s.hostname.clone(), s.state.to_string(), s.health.to_string(), since(s)];
        table(["Site", "State", "Health", "Since"], all.iter().map(row))
    })?;
    let bad = |s: &SiteView| s.state.should_run() && matches!(s.health, Health::Down | Health::Unhealthy);
    Ok(if all.iter().any(bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
