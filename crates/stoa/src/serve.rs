//! `stoa serve`: the server, the whole platform in one process.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::Instant,
};

use anyhow::Result;
use axum::{Router, body::Body};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use stoa_edge::{ClientInfo, Fallback, FallbackBody, RequestBody};
use stoa_web::ClientAddress;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    bootstrap,
    config::Config,
    ingress::{Ingress, Listeners},
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

/// Serves until SIGTERM or SIGINT.
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
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    tracing::info!(listen = %config.listen, portal = control.settings().portal_url, ready_ms = started_at.elapsed().as_millis(), "ready");
    let (served, ()) = tokio::join!(ingress.serve(listeners, &stop), control.run(stop.clone()));
    served?;
    tracing::info!("stopped");
    Ok(())
}

async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("can't handle signals; stop this process with SIGKILL, it will recover");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping; running jobs continue at the next start");
    stop.cancel();
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
