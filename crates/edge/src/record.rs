//! The record of one request: made when its head is read, and written when it is dropped, which is when
//! the last byte of the response has left or the exchange is abandoned.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime},
};

use http::request::Parts;
use stoa_util::{ClientNetwork, Ipv6Prefix};

use crate::{
    access_log::{self, LogEntry},
    client::ClientConnection,
    connection_state::{StreamState, WaitTimer},
    limits::{Admission, Refusal},
    page::{Page, RenderedPages},
    stats::{CLIENT_LEFT, RequestOutcome, SiteStats},
    table::SiteEntry,
};

/// What is known of a request so far.
#[derive(Debug)]
pub(crate) struct RequestRecord {
    client: Arc<ClientConnection>,
    pub(crate) stream: Arc<StreamState>,
    started: Instant,
    pub(crate) site: Option<Arc<SiteStats>>,
    pub(crate) status: u16,
    pub(crate) bytes_out: u64,
    /// Its place in the site's limiter, which counts it as open.
    admission: Option<Admission>,
    /// Shared with the request's body, if it has one.
    bytes_in: Option<Arc<AtomicU64>>,
    line: Option<Box<LogEntry>>,
    /// Answers the request if its head was refused.
    pub(crate) refusal: Option<Page>,
}

impl RequestRecord {
    pub(crate) fn start(client: Arc<ClientConnection>, stream: Arc<StreamState>, parts: &Parts) -> Self {
        let refusal = client.state.begin_request();
        let line = client.worker.shared.log.is_some().then(|| {
            Box::new(LogEntry {
                time: SystemTime::now(),
                site: None,
                host: String::new(),
                method: parts.method.clone(),
                path: access_log::shorten_path(parts.uri.path()),
                client: client.address(&parts.headers),
                served: RequestOutcome::default(),
            })
        });
        Self {
            client,
            stream,
            started: Instant::now(),
            site: None,
            status: CLIENT_LEFT,
            bytes_out: 0,
            admission: None,
            bytes_in: None,
            line,
            refusal,
        }
    }

    /// Times the wait for the client to send more of the request's body.
    pub(crate) fn body_timer(&self) -> WaitTimer {
        let limit = self.client.worker.shared.config.timeouts.idle;
        WaitTimer::new(&self.stream, |stream| &stream.body, limit)
    }

    /// Times the wait for the client to take the response.
    pub(crate) fn send_timer(&self) -> WaitTimer {
        let limit = self.client.worker.shared.config.timeouts.response;
        WaitTimer::new(&self.stream, |stream| &stream.send, limit)
    }

    /// The pages of this edge.
    pub(crate) fn pages(&self) -> &RenderedPages {
        &self.client.worker.shared.pages
    }

    /// Enforces the limits of the site. An admitted request counts as open until this record is
    /// dropped.
    pub(crate) fn admit(&mut self, site: &SiteEntry, client: IpAddr) -> Result<(), Refusal> {
        let client = ClientNetwork::of(client, Ipv6Prefix::Subnet);
        self.admission = Some(site.stats.limiter.enter(&site.limits, &client, self.started)?);
        Ok(())
    }

    /// The counter for the bytes of the request's body.
    pub(crate) fn bytes_in(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.bytes_in.get_or_insert_default())
    }

    /// Sets the host for the log.
    pub(crate) fn set_host(&mut self, name: &str) {
        if let Some(line) = &mut self.line {
            line.host = name.to_owned();
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.client.state.end_request(&self.stream);
        let bytes_in = self.bytes_in.as_ref().map_or(0, |bytes| bytes.load(Relaxed));
        let served =
            RequestOutcome { status: self.status, bytes_in, bytes_out: self.bytes_out, took: self.started.elapsed() };
        if let Some(site) = &self.site {
            if let Some(admission) = self.admission {
                site.limiter.leave(admission);
            }
            site.count(self.client.worker.index, &served);
        }
        if let (Some(mut line), Some(log)) = (self.line.take(), &self.client.worker.shared.log) {
            line.site = self.site.as_ref().map(|site| site.site);
            line.served = served;
            log.write(line);
        }
    }
}
