//! Stoa: a self-hosted, multi-tenant hosting platform in one binary.

mod bootstrap;
mod config;
mod confirm;
mod data_owner;
mod handover;
mod help;
mod ingress;
mod output;
mod serve;
mod site_mail;
mod site_network;
mod traefik;
mod verb;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{FromArgMatches, Parser, Subcommand, error::ErrorKind};

use crate::{
    config::{Config, LogFormat},
    output::Output,
};

/// glibc's allocator keeps what was free once: after a look at 10,000 sites, twice as much memory as this one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Hosting platform for stores and sites: run the server, or administer it from the command line.
#[derive(Parser)]
#[command(name = "stoa", version, about)]
struct Cli {
    /// Configuration file; default: the one that the variable STOA_CONFIG names, else none.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Override a setting, such as `--set acme.contact=you@example.com`; `stoa config` lists all settings.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the server: portal, API and sites.
    Serve(serve::Serve),
    /// Check everything that Stoa needs, and say how to fix what is wrong.
    Doctor,
    /// Create the data directory, its master key and a first operator.
    Init(verb::init::Init),
    /// Create an operator, a customer and a first store to try Stoa out.
    Trial(verb::trial::Trial),
    /// Print every setting with its default, its variable and its documentation.
    Config,
    /// Migrate the database to this release's schema.
    Migrate,
    /// Compare what should run with what runs, and repair the differences.
    Sync,
    /// Remove what deleted sites left on the engine and on disk.
    Cleanup(confirm::Confirm),
    /// Regenerate every site's nginx configuration, test it and reload nginx.
    Nginx,
    /// The tenant firewall: status, apply, keep, remove.
    #[command(subcommand)]
    Firewall(verb::firewall::Firewall),
    /// Show every site's health, as the server last observed it.
    Health,
    /// Sites: list, order, start, stop, suspend, update, delete, logs, …
    #[command(subcommand, visible_alias = "site")]
    Sites(verb::sites::Sites),
    /// Customers' own domains: list, add, check, remove, make one the main address.
    #[command(subcommand, visible_alias = "domain")]
    Domains(verb::domains::Domains),
    /// Certificates: list, upload, withdraw.
    #[command(subcommand, visible_alias = "certificate")]
    Certificates(verb::certificates::Certificates),
    /// Jobs: list, show, cancel, resume, abandon.
    #[command(subcommand, visible_alias = "job")]
    Jobs(verb::jobs::Jobs),
    /// Failed tasks, such as e-mails that could not be sent: list, retry, discard.
    #[command(subcommand, visible_alias = "task")]
    Tasks(verb::tasks::Tasks),
    /// E-mail: list what was sent, send a test.
    #[command(subcommand)]
    Mail(verb::mail::Mail),
    /// Blueprints: check a folder, list outdated sites.
    #[command(subcommand, visible_alias = "blueprint")]
    Blueprints(verb::blueprints::Blueprints),
    /// Plans: list, import from a file.
    #[command(subcommand, visible_alias = "plan")]
    Plans(verb::plans::Plans),
    /// Subscriptions: list, mark payments, cancel; orders that wait for their payment.
    #[command(subcommand, visible_alias = "subscription")]
    Subscriptions(verb::subscriptions::Subscriptions),
    /// Customers: add, list, show, verify an address, set a password.
    #[command(subcommand, visible_alias = "customer")]
    Customers(verb::customers::Customers),
    /// Staff: list, add, set passwords; issue, list and revoke API tokens.
    #[command(subcommand)]
    Staff(verb::staff::Staff),
    /// The audit log: list, verify, export.
    #[command(subcommand)]
    Audit(verb::audit::Audit),
    /// Print the completions of a shell: bash, elvish, fish, powershell or zsh.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a folder, one for each verb.
    Man {
        /// The folder; created if it is missing.
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let matches = match help::command().try_get_matches() {
        // Who asks for nothing gets help, not an error.
        Err(error) if is_incomplete(&error) => return help::print(),
        other => other.unwrap_or_else(|error| error.exit()),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let json = cli.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(cli))) {
        Ok(code) => code,
        Err(error) => {
            let text = match error.downcast_ref::<stoa_core::Error>() {
                Some(known) => help::with_list(known.for_operator(), known),
                None => format!("{error:#}"),
            };
            if json {
                eprintln!("{}", serde_json::json!({ "error": text }));
            } else {
                eprintln!("stoa: {}", stoa_util::visible_lines(&text));
            }
            ExitCode::FAILURE
        }
    }
}

fn is_incomplete(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
}

async fn run(cli: Cli) -> Result<ExitCode> {
    let out = Output { json: cli.json };
    // For authors of blueprints, who may have no installation.
    if let Verb::Blueprints(verb::blueprints::Blueprints::Check { folder }) = &cli.verb {
        start_logging(LogFormat::Text, false);
        verb::blueprints::check(folder, &out)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Before the configuration is read: people look here for the right name when it has a mistake.
    if matches!(cli.verb, Verb::Config) {
        verb::config::run(&out)?;
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.verb {
        Verb::Completions { shell } => return verb::manual::completions(*shell),
        Verb::Man { folder } => return verb::manual::pages(folder, &out),
        _ => {}
    }
    // An empty variable is as good as none.
    let variable = std::env::var_os("STOA_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = Config::load(cli.config.or(variable).as_deref(), &cli.set)?;
    start_logging(config.log_format, matches!(cli.verb, Verb::Serve(_)));
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match cli.verb {
        Verb::Serve(verb) => serve::serve(&verb, &config).await?,
        Verb::Init(verb) => verb::init::run(&verb, &config, &out).await?,
        Verb::Trial(verb) => verb::trial::run(&verb, &config, &out).await?,
        Verb::Migrate => verb::migrate(&config, &out).await?,
        Verb::Doctor => return verb::doctor(&config, &out).await,
        Verb::Sync => verb::sync(&config, &out).await?,
        Verb::Cleanup(confirm) => verb::cleanup(&confirm, &config, &out).await?,
        Verb::Nginx => return verb::nginx::run(&config, &out).await,
        Verb::Firewall(verb) => return verb::firewall::run(&verb, &config, &out).await,
        Verb::Health => return verb::health(&config, &out).await,
        Verb::Sites(verb) => verb::sites::run(&verb, &config, &out).await?,
        Verb::Domains(verb) => return verb::domains::run(&verb, &config, &out).await,
        Verb::Certificates(verb) => verb::certificates::run(&verb, &config, &out).await?,
        Verb::Jobs(verb) => verb::jobs::run(&verb, &config, &out).await?,
        Verb::Tasks(verb) => verb::tasks::run(&verb, &config, &out).await?,
        Verb::Mail(verb) => return verb::mail::run(&verb, &config, &out).await,
        Verb::Blueprints(verb) => verb::blueprints::run(&verb, &config, &out).await?,
        Verb::Plans(verb) => verb::plans::run(&verb, &config, &out).await?,
        Verb::Subscriptions(verb) => verb::subscriptions::run(&verb, &config, &out).await?,
        Verb::Customers(verb) => verb::customers::run(&verb, &config, &out).await?,
        Verb::Staff(verb) => verb::staff::run(&verb, &config, &out).await?,
        Verb::Audit(verb) => return verb::audit::run(&verb, &config, &out).await,
        Verb::Config | Verb::Completions { .. } | Verb::Man { .. } => unreachable!("handled above"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error; `RUST_LOG` chooses what.
fn start_logging(format: LogFormat, is_server: bool) {
    use tracing_subscriber::EnvFilter;
    let default = if is_server { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // Below `info` the Docker client logs whole requests, which include secrets of containers.
    let filter = filter.add_directive("bollard=info".parse().expect("a constant directive"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that nobody reads any more must not end the server.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.init(),
    }
}
