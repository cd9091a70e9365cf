//! `stoa serve`: the whole platform in one process.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{Router, body::Body};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use stoa_edge::{ClientInfo, Embedded, Fallback, FallbackBody, LogConfig, RequestBody, listen};
use stoa_web::ClientAddress;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{config::Config, wire};

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
    let portal = Arc::new(Portal::default());
    let edge = Arc::new(edge(config, portal.clone())?);
    let control = wire::control(config, Some(edge.clone())).await?;
    let _ = portal.0.set(stoa_web::router(control.clone()));
    let listener = listen(config.listen).with_context(|| {
        format!("listening on {}: another program may have the port; stop it, or change `listen`", config.listen)
    })?;
    let https = match config.https()? {
        Some(at) => Some(listen(at).with_context(|| {
            format!("listening on {at}: another program may have the port; stop it, or change `https_listen`")
        })?),
        None => None,
    };
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    tracing::info!(listen = %config.listen, portal = control.settings().portal_url, ready_ms = began.elapsed().as_millis(), "ready");
    let secure = async {
        match https {
            Some(listener) => edge.serve_tls(listener, stop.clone()).await,
            None => Ok(()),
        }
    };
    let (plain, secure, ()) = tokio::join!(edge.serve(listener, stop.clone()), secure, control.run(stop.clone()));
    plain.and(secure).context("serving")?;
    tracing::info!("stopped");
    Ok(())
}

fn edge(config: &Config, portal: Arc<Portal>) -> Result<Embedded> {
    let logs = config.data_dir.join("logs");
    std::fs::create_dir_all(&logs).with_context(|| format!("making {}", logs.display()))?;
    let edge = stoa_edge::Config {
        platform_hosts: config.platform_hosts(),
        product_name: config.product_name.clone(),
        public_http_port: if config.public_port == 0 { config.listen.port() } else { config.public_port },
        public_https_port: config.public_https_port()?,
        hsts_seconds: config.hsts_days.saturating_mul(24 * 3600),
        proxy_protocol: config.announcing()?,
        trusted_proxies: config.trusted()?,
        timeouts: stoa_edge::Timeouts { drain: Duration::from_secs(10), ..Default::default() },
        log: config.access_log.then(|| LogConfig::new(logs.join("access.jsonl"))),
        ..Default::default()
    };
    Embedded::new(edge, Some(portal)).context("starting the edge")
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
