//! `stoa serve`: the server. By default one process is the whole platform; on a database server, several can share it
//! out by their roles.

use std::{
    convert::Infallible,
    io::{self, IsTerminal},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use axum::{Router, body::Body};
use clap::ValueEnum;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use stoa_control::Roles;
use stoa_edge::{ClientInfo, Fallback, FallbackBody, RequestBody, Shutdown};
use stoa_web::ClientAddress;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    bootstrap,
    config::Config,
    data_owner::ensure_data_owner,
    handover::{self, Successor},
    ingress::{Ingress, Listeners, Sockets},
    site_mail, site_network, traefik,
};

/// The portal behind the edge. The router comes later: the service layer needs the edge first.
#[derive(Default)]
struct Portal(OnceLock<Router>);

impl Fallback for Portal {
    fn call(&self, request: Request<RequestBody>) -> BoxFuture<'static, Response<FallbackBody>> {
        let router = self.0.get().cloned().unwrap_or_default();
        let (mut parts, body) = request.into_parts();
        if let Some(client) = parts.extensions.get::<ClientInfo>() {
            let address = ClientAddress(client.address);
            parts.extensions.insert(address);
        }
        let answer = router.oneshot(Request::from_parts(parts, Body::new(body)));
        Box::pin(async move {
            let response = answer.await.unwrap_or_else(|never: Infallible| match never {});
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
    }
}

/// Run the server: portal, API and sites.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// What this process does, such as `edge,web` or `worker`. Fewer than all need MariaDB or PostgreSQL, and together
    /// the processes must have all roles.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Role::Edge, Role::Web, Role::Worker])]
    roles: Vec<Role>,
}

/// A part of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Receives visitors and forwards them to sites.
    Edge,
    /// Serves the portal and the API.
    Web,
    /// Runs jobs, tasks and reconcilers.
    Worker,
}

impl Serve {
    /// The roles, if this configuration permits them.
    fn roles(&self, config: &Config) -> Result<Roles> {
        let has = |role| self.roles.contains(&role);
        let roles = Roles { edge: has(Role::Edge), web: has(Role::Web), worker: has(Role::Worker) };
        if roles != Roles::ALL && config.has_sqlite() {
            bail!(
                "--roles: the database is SQLite, which only one process may use, so that process must have all roles. \
                 Set `database` to MariaDB or PostgreSQL, or leave --roles out"
            );
        }
        if roles.edge != roles.web && config.web_listen.0.is_none() {
            bail!(
                "--roles: where edge and web are different processes, set `web_listen` to the address of the web process"
            );
        }
        Ok(roles)
    }
}

/// Serves until SIGTERM or SIGINT, or until another process has taken over after SIGHUP.
pub async fn serve(verb: &Serve, config: &Config) -> Result<()> {
    let started_at = Instant::now();
    let signals = Signals::register().context("registering for signals")?;
    raise_open_file_limit();
    // First, so that all mistakes are reported, and nothing is created in a directory that others can read.
    config.settings()?;
    let roles = verb.roles(config)?;
    ensure_data_owner(&config.data_dir)?;
    bootstrap::data_directory(config)?;
    let portal = Arc::new(Portal::default());
    let has_visitors = roles.edge || roles.web;
    let ingress = has_visitors.then(|| Ingress::new(config, roles, portal.clone())).transpose()?;
    let edge = ingress.as_ref().filter(|_| roles.edge).map(|ingress| ingress.provider.clone());
    let control = bootstrap::control_for_server(config, edge).await?;
    if roles.web {
        let mut router = stoa_web::router(control.clone());
        if let Some(provider) = ingress.as_ref().and_then(|ingress| ingress.traefik.clone()) {
            router = router.merge(traefik::router(provider, config.traefik.clone()));
        }
        let _ = portal.0.set(router);
    }
    let listeners = Listeners::open(config, roles)?;
    // Before the first connection: without routes, a site would be answered as unknown.
    if let Err(error) = control.load().await {
        tracing::error!(%error, "certificates or routes could not be loaded; trying again");
    }
    let end = End::default();
    let drain_time = Duration::from_secs(u64::from(config.drain_seconds));
    tokio::spawn(signals.follow(listeners.sockets()?, end.clone(), drain_time));
    let (ready_ms, listen) = (started_at.elapsed().as_millis(), listeners.address());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), roles = %verb, listen, portal = control.core.portal_url(), ready_ms, "ready");
    let serving = async {
        let served = match &ingress {
            Some(ingress) => {
                let shutdown = Shutdown { retire: end.retire.clone(), drain: end.stop.clone() };
                ingress.serve(listeners, shutdown).await
            }
            None => {
                end.retire.cancelled().await;
                Ok(())
            }
        };
        // All connections have ended.
        end.stop.cancel();
        served
    };
    handover::announce_ready();
    let site_network = async {
        if roles.worker {
            site_network::run(config, &control, &end.retire).await;
        }
    };
    let submission = async {
        if roles.worker {
            site_mail::run(config, &control, &end.retire).await;
        }
    };
    let running = control.run(roles, end.retire.clone(), end.stop.clone());
    let (served, (), (), ()) = tokio::join!(serving, running, site_network, submission);
    served?;
    tracing::info!("stopped");
    Ok(())
}

impl std::fmt::Display for Serve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.roles.iter().filter_map(ValueEnum::to_possible_value);
        f.write_str(&names.map(|name| name.get_name().to_owned()).collect::<Vec<_>>().join(","))
    }
}

/// How the server ends.
#[derive(Debug, Clone, Default)]
struct End {
    /// Another process has taken over: no new work, no new connections.
    retire: CancellationToken,
    /// End soon.
    stop: CancellationToken,
}

/// The signals that steer the server. Registered before anything else, so that none ends a process that starts.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Started from a terminal: SIGHUP says that it was closed.
    is_in_terminal: bool,
}

impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            is_in_terminal: io::stdin().is_terminal(),
        })
    }

    /// Returns when the server should stop.
    async fn stopped(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends the server on SIGTERM and SIGINT, and replaces it on SIGHUP.
    async fn follow(mut self, sockets: Sockets, end: End, drain_time: Duration) {
        // Without a successor's sockets there is nothing to hand over any more.
        let mut sockets = Some(sockets);
        loop {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hangup.recv() => {
                    if self.is_in_terminal {
                        break;
                    }
                    let Some(mut successor) = sockets.as_ref().and_then(start_successor) else { continue };
                    let waited = tokio::select! {
                        // Dropping the successor ends it.
                        () = self.stopped() => break,
                        waited = successor.wait() => waited,
                    };
                    match waited {
                        Ok(pid) => {
                            let program = successor.program().display();
                            tracing::info!(successor = pid, %program, drain_seconds = drain_time.as_secs(), "handed over; serving open connections");
                            // Else clients would wait here if the successor ended.
                            sockets = None;
                            retire(&end, drain_time);
                        }
                        Err(error) => {
                            let error = format!("{error:#}");
                            tracing::error!(error, "could not hand over; this process serves on");
                        }
                    }
                }
            }
        }
        tracing::info!("stopping; running jobs continue at the next start");
        end.retire.cancel();
        end.stop.cancel();
    }
}

fn start_successor(sockets: &Sockets) -> Option<Successor> {
    tracing::info!("starting the program again, to hand over to it");
    let started = sockets.try_clone().and_then(Successor::start);
    let failed = |error: &anyhow::Error| {
        tracing::error!(error = format!("{error:#}"), "could not hand over; this process serves on");
    };
    started.inspect_err(failed).ok()
}

/// Serves the open connections only, for at most this long.
fn retire(end: &End, drain_time: Duration) {
    end.retire.cancel();
    let stop = end.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(drain_time).await;
        stop.cancel();
    });
}

/// Each visitor is an open file. The default soft limit exists for old programs that use select()
/// (systemd.exec(5), LimitNOFILE); the hard limit is the administrator's decision.
fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let current = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: current.maximum, maximum: current.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, limit = ?current.current, "can't raise the limit of open files");
    }
}
