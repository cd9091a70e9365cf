//! `stoa serve`: the whole platform in one process.

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
    config::Config,
    ingress::{Listeners, Ingress},
    bootstrap, traefik,
};

/// The portal behind the edge. The edge is made first, as the service layer needs it.
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
    let began = Instant::now();
    open_many_files();
    // First, so that all mistakes are told, and nothing is made in a directory that others can read.
    config.settings()?;
    bootstrap::data_directory(config)?;
    let portal = Arc::new(Portal::default());
    let ingress = Ingress::new(config, portal.clone())?;
    let control = bootstrap::control_for_server(config, ingress.provider.clone()).await?;
    let mut router = stoa_web::router(control.clone());
    if let Some(documents) = ingress.documents.clone() {
        router = router.merge(traefik::router(documents, config.traefik.clone()));
    }
    let _ = portal.0.set(router);
    let listeners = Listeners::open(config)?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    tracing::info!(listen = %config.listen, portal = control.settings().portal_url, ready_ms = began.elapsed().as_millis(), "ready");
    let (served, ()) = tokio::join!(ingress.serve(listeners, &stop), control.run(stop.clone()));
    served?;
    tracing::info!("stopped");
    Ok(())
}

async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals can't be heard; stop this process with SIGKILL, it recovers");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping; jobs under way are gone on with at the next start");
    stop.cancel();
}

/// Each visitor is an open file. The soft limit that processes begin with is for old programs that
/// can't count further (systemd.exec(5), LimitNOFILE); the hard one is the administrator's word.
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: now.maximum, maximum: now.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, open_files = ?now.current, "the limit of open files could not be raised");
    }
}
