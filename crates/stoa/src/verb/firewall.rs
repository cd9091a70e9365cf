//! `stoa firewall`: what sites' containers may reach. These verbs use no database, and all but `status` need the capability
//! CAP_NET_ADMIN.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use jiff::Timestamp;
use stoa_firewall::{Condition, Status};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, handover, output::Output, site_network};

#[derive(Subcommand)]
pub enum Firewall {
    /// Say whether the firewall is in force, as its keeper saw it last.
    Status,
    /// Put the firewall in force now.
    Apply,
    /// Keep it in force until the end of this process; for a service of its own (deploy/systemd).
    Keep,
    /// Remove it, to uninstall Stoa. First set `firewall.enabled = false` and stop its keeper, which puts it back.
    Remove,
}

pub async fn run(verb: &Firewall, config: &Config, out: &Output) -> Result<ExitCode> {
    match verb {
        Firewall::Status => return status(config, out),
        Firewall::Apply => {
            require_permission()?;
            stoa_firewall::apply(&config.firewall_policy()?).await?;
            out.show(&serde_json::json!({ "applied": true }), |_| "The firewall is in force.".into())?;
        }
        Firewall::Keep => {
            require_permission()?;
            keep(config).await?;
        }
        Firewall::Remove => {
            require_permission()?;
            stoa_firewall::remove().await?;
            out.show(&serde_json::json!({ "removed": true }), |_| "The firewall's rules are removed.".into())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Exits with 1 if it is not in force.
fn status(config: &Config, out: &Output) -> Result<ExitCode> {
    let condition = Condition::read(&config.firewall.state_dir, Timestamp::now());
    let (in_force, status) = match &condition {
        Condition::InForce(status) => (true, Some(status)),
        Condition::Broken(status) | Condition::Stale(status) => (false, Some(status)),
        Condition::Unknown => (false, None),
    };
    out.show(&serde_json::json!({ "in_force": in_force, "status": status }), |_| {
        format!("{}\n{}", condition.sentence(), status.and_then(Status::restored).unwrap_or_default())
            .trim_end()
            .to_owned()
    })?;
    Ok(if in_force { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn keep(config: &Config) -> Result<()> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("registering for signals")?;
    let ended = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
        ended.cancel();
    });
    handover::announce_ready();
    site_network::keep_policy(config, &[], &stop).await
}

fn require_permission() -> Result<()> {
    if !stoa_firewall::is_permitted() {
        bail!(
            "changing the firewall needs root, or the capability CAP_NET_ADMIN as stoa-firewall.service has it (docs/operate.md)"
        );
    }
    Ok(())
}
