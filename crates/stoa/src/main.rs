//! Stoa: a self-hosted, multi-tenant hosting platform in one binary.

mod config;
mod ingress;
mod output;
mod serve;
mod traefik;
mod verb;
mod bootstrap;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{config::Config, output::Output};

/// Hosting for stores and sites: serve the platform, or work on it from the command line.
#[derive(Parser)]
#[command(name = "stoa", version, about, disable_help_subcommand = true)]
struct Cli {
    /// Configuration file; without one, the defaults hold.
    #[arg(long, global = true, env = "STOA_CONFIG")]
    config: Option<PathBuf>,
    /// Print JSON for programs instead of tables for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve portal, API and sites until stopped.
    Serve,
    /// Check everything that Stoa needs, and say how to mend what is wrong.
    Doctor,
    /// Make the data directory, its master key and a first operator.
    Init(verb::init::Init),
    /// Make an operator, a customer and a first store to try Stoa out with.
    Trial(verb::trial::Trial),
    /// Print every setting with its default.
    Config,
    /// Bring the database up to date.
    Migrate,
    /// Compare what should run with what runs, and repair it.
    Sync,
    /// Remove what deleted sites left on the engine and on disk.
    Cleanup,
    /// Write every site's file for nginx anew, test them, and let nginx take them over.
    Nginx,
    /// Show every site's health, as the serving process last saw it.
    Health,
    /// Sites: list, show, order, start, stop, restart, retry, delete, undelete, purge, login, limits, logs.
    #[command(subcommand)]
    Sites(verb::sites::Sites),
    /// Domains that customers bring along: list, add, check, remove, make the main address.
    #[command(subcommand)]
    Domains(verb::domains::Domains),
    /// Certificates: list, upload, withdraw.
    #[command(subcommand)]
    Certificates(verb::certificates::Certificates),
    /// Jobs: list, show, cancel, resume, abandon.
    #[command(subcommand)]
    Jobs(verb::jobs::Jobs),
    /// Blueprints: check a folder.
    #[command(subcommand)]
    Blueprints(verb::blueprints::Blueprints),
    /// Customers: list, set a password.
    #[command(subcommand)]
    Customers(verb::customers::Customers),
    /// Staff: list, add people, set passwords, issue, list and revoke API tokens.
    #[command(subcommand)]
    Staff(verb::staff::Staff),
    /// Show who did what, newest first.
    Audit(verb::audit::Audit),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let serving = matches!(cli.verb, Verb::Serve);
    start_logging(serving);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(cli)));
    match done {
        Ok(code) => code,
        Err(error) => {
            match error.downcast_ref::<stoa_control::Error>() {
                Some(known) => eprintln!("stoa: {}", known.for_operator()),
                None => eprintln!("stoa: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    let out = Output { json: cli.json };
    if let Verb::Blueprints(verb) = &cli.verb {
        return verb::blueprints::run(verb, &out);
    }
    // Whoever looks for the right word has a configuration that can't be read.
    if matches!(cli.verb, Verb::Config) {
        out.text(config::DEFAULT)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(cli.config.as_deref())?;
    match cli.verb {
        Verb::Serve => serve::serve(&config).await?,
        Verb::Init(verb) => verb::init::run(&verb, &config, &out).await?,
        Verb::Trial(verb) => verb::trial::run(&verb, &config, &out).await?,
        Verb::Migrate => verb::migrate(&config, &out).await?,
        Verb::Doctor => return verb::doctor(&config, &out).await,
        Verb::Sync => verb::sync(&config, &out).await?,
        Verb::Cleanup => verb::cleanup(&config, &out).await?,
        Verb::Nginx => return verb::nginx::run(&config, &out).await,
        Verb::Health => return verb::health(&config, &out).await,
        Verb::Sites(verb) => verb::sites::run(&verb, &config, &out).await?,
        Verb::Domains(verb) => verb::domains::run(&verb, &config, &out).await?,
        Verb::Certificates(verb) => verb::certificates::run(&verb, &config, &out).await?,
        Verb::Jobs(verb) => verb::jobs::run(&verb, &config, &out).await?,
        Verb::Customers(verb) => verb::customers::run(&verb, &config, &out).await?,
        Verb::Staff(verb) => verb::staff::run(&verb, &config, &out).await?,
        Verb::Audit(verb) => verb::audit::run(&verb, &config, &out).await?,
        Verb::Blueprints(_) | Verb::Config => unreachable!("handled above"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Structured lines on standard error; `RUST_LOG` chooses.
fn start_logging(serving: bool) {
    use tracing_subscriber::EnvFilter;
    let usual = if serving { "info" } else { "warn" };
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    // The Docker client logs whole requests below `info`, secrets of containers among them.
    let filter = chosen.add_directive("bollard=info".parse().expect("a constant directive"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if std::env::var("STOA_LOG_FORMAT").is_ok_and(|format| format == "json") { log.json().init() } else { log.init() }
}
