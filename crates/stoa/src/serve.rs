//! `stoa serve`: the server, the whole platform in one process.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{Router, body::Body};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use stoa_edge::{ClientInfo, Fallback, FallbackBody, RequestBody, Shutdown};
use stoa_web::ClientAddress;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    bootstrap,
    config::Config,
    handover,
    ingress::{Ingress, Listeners, Sockets},
    traefik,
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

/// Serves until SIGTERM or SIGINT, or until another process has taken over after SIGHUP.
pub async fn serve(config: &Config) -> Result<()> {
    let started_at = Instant::now();
    raise_open_file_limit();
    // First, so that all mistakes are reported, and nothing is created in a directory that others can read.
    config.settings()?;
    bootstrap::data_directory(config)?;
    let portal = Arc::new(Portal::default());
    let ingress = Ingress::new(config, portal.clone())?;
    let control = bootstrap::control_for_server(config, ingress.provider.clone()).await?;
    let mut router = stoa_web::router(control.clone());
    if let Some(provider) = ingress.traefik.clone() {
        router = router.merge(traefik::router(provider, config.traefik.clone()));
    }
    let _ = portal.0.set(router);
    let listeners = Listeners::open(config)?;
    // Before the first connection: without routes, a site would be answered as unknown.
    if let Err(error) = control.load().await {
        tracing::error!(%error, "certificates or routes could not be loaded; trying again");
    }
    let end = End::default();
    let drain_time = Duration::from_secs(u64::from(config.drain_seconds));
    tokio::spawn(follow_signals(listeners.sockets()?, end.clone(), drain_time));
    tracing::info!(listen = %config.listen, portal = control.settings().portal_url, ready_ms = started_at.elapsed().as_millis(), "ready");
    let serving = async {
        let served = ingress.serve(listeners, Shutdown { retire: end.retire.clone(), drain: end.stop.clone() }).await;
        // All connections have ended.
        end.stop.cancel();
        served
    };
    handover::announce_ready()?;
    let (served, ()) = tokio::join!(serving, control.run(end.retire.clone(), end.stop.clone()));
    served?;
    tracing::info!("stopped");
    Ok(())
}

/// How the server ends.
#[derive(Debug, Clone, Default)]
struct End {
    /// Another process has taken over: no new work, no new connections.
    retire: CancellationToken,
    /// End soon.
    stop: CancellationToken,
}

/// Ends the server on SIGTERM and SIGINT, and replaces it on SIGHUP.
async fn follow_signals(sockets: Sockets, end: End, drain_time: Duration) {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut term), Ok(mut int), Ok(mut hangup)) = signals else {
        tracing::error!("can't handle signals; stop this process with SIGKILL, it will recover");
        return;
    };
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hangup.recv(), if !end.retire.is_cancelled() => replace(&sockets, &end, drain_time).await,
        }
    }
    tracing::info!("stopping; running jobs continue at the next start");
    end.retire.cancel();
    end.stop.cancel();
}

/// Hands over to a new process, and retires if that succeeds.
async fn replace(sockets: &Sockets, end: &End, drain_time: Duration) {
    tracing::info!("starting the program again, to hand over to it");
    let started = match sockets.try_clone() {
        Ok(sockets) => tokio::task::spawn_blocking(move || handover::start_successor(sockets)).await,
        Err(error) => Ok(Err(error)),
    };
    match started {
        Ok(Ok(successor)) => {
            tracing::info!(successor, drain_seconds = drain_time.as_secs(), "handed over; serving open connections");
            end.retire.cancel();
            let stop = end.stop.clone();
            tokio::spawn(async move {
                tokio::time::sleep(drain_time).await;
                stop.cancel();
            });
        }
        Ok(Err(error)) => tracing::error!(error = format!("{error:#}"), "could not hand over; this process serves on"),
        Err(panic) => tracing::error!(%panic, "could not hand over; this process serves on"),
    }
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
