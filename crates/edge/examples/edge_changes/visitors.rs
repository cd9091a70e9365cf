//! Who visits the sites meanwhile, and what they notice.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rustls::{ClientConfig, client::Resumption, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    Result,
    sites::{Found, Kind, Site, Sites},
    spread,
    trusting::Trusting,
};

/// Requests of one connection, and the pause after each.
const REQUESTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) struct Visitors {
    sites: Arc<Sites>,
    address: SocketAddr,
    connector: TlsConnector,
    /// The site that is being changed: half of the visits are for it.
    pub(crate) hot: AtomicU32,
    pub(crate) over: AtomicBool,
    handshakes: AtomicUsize,
    failed: AtomicUsize,
    late: AtomicUsize,
    wrong: AtomicUsize,
    /// Connections that were closed between two requests; browsers ask again by themselves.
    again: AtomicUsize,
    took: Mutex<Vec<Duration>>,
    error: Mutex<Option<String>>,
}

impl Visitors {
    pub(crate) fn new(sites: Arc<Sites>, address: SocketAddr) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13]);
        let mut config = config
            .expect("the provider knows TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting))
            .with_no_client_auth();
        // Who resumes a session sees no certificate.
        config.resumption = Resumption::disabled();
        Self {
            sites,
            address,
            connector: TlsConnector::from(Arc::new(config)),
            hot: AtomicU32::default(),
            over: AtomicBool::default(),
            handshakes: AtomicUsize::default(),
            failed: AtomicUsize::default(),
            late: AtomicUsize::default(),
            wrong: AtomicUsize::default(),
            again: AtomicUsize::default(),
            took: Mutex::default(),
            error: Mutex::default(),
        }
    }

    /// Visits one site after the other until it is over.
    pub(crate) async fn stay(self: Arc<Self>, number: usize) {
        let mut at = u32::try_from(number).unwrap_or(0);
        while !self.over.load(Relaxed) {
            at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = if at & 1 << 20 == 0 { at >> 16 } else { self.hot.load(Relaxed) };
            if let Err(error) = self.visit(self.sites.site(number)).await {
                self.failed.fetch_add(1, Relaxed);
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            }
        }
    }

    async fn visit(&self, site: &Site) -> Result<()> {
        let mut stream = self.connect(site).await?.0;
        for number in 0..REQUESTS {
            let began = Instant::now();
            let mut found = self.ask(site, &mut stream).await;
            if number > 0 && matches!(found, Ok(None)) {
                self.again.fetch_add(1, Relaxed);
                stream = self.connect(site).await?.0;
                found = self.ask(site, &mut stream).await;
            }
            found?.ok_or("closed instead of an answer")?;
            self.took.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
            sleep(PAUSE).await;
        }
        stream.shutdown().await.ok();
        Ok(())
    }

    /// Looks until a generation of a site is there that is newer; the moment at which it was seen.
    pub(crate) async fn watch(self: Arc<Self>, number: u32, kind: Kind, former: u32) -> Result<Instant> {
        let (site, mut kept) = (self.sites.site(number), None);
        loop {
            let found = match (kind, kept.take()) {
                (Kind::Certificate, _) | (_, None) => {
                    let (stream, found) = self.connect(site).await?;
                    kept = Some(stream);
                    (kind == Kind::Certificate).then_some(found)
                }
                (Kind::Route, Some(mut stream)) => {
                    let found = self.ask(site, &mut stream).await?;
                    kept = found.is_some().then_some(stream);
                    found
                }
            };
            if found == Some(Found::New) && site.generation(kind) > former {
                return Ok(Instant::now());
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    async fn connect(&self, site: &Site) -> Result<(TlsStream<TcpStream>, Found)> {
        let oldest = site.oldest_allowed(Kind::Certificate);
        let shaken = timeout(Duration::from_secs(30), async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.connector
                .connect(ServerName::try_from(site.name.clone()).map_err(std::io::Error::other)?, stream)
                .await
        });
        let stream = shaken.await.map_err(|_| "no handshake within 30 s")??;
        self.handshakes.fetch_add(1, Relaxed);
        let proof = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let found = self.count(site.judge_proof(proof, oldest));
        Ok((stream, found))
    }

    /// One request; nothing if the server has closed the connection before it.
    async fn ask(&self, site: &Site, stream: &mut TlsStream<TcpStream>) -> Result<Option<Found>> {
        let oldest = site.oldest_allowed(Kind::Route);
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", site.name);
        let (mut read, mut some) = (Vec::new(), [0; 4096]);
        // Where it can't be written, the answer tells why.
        let _written = stream.write_all(request.as_bytes()).await;
        loop {
            let count = timeout(Duration::from_secs(30), stream.read(&mut some)).await;
            match count.map_err(|_| "no answer within 30 s")? {
                Ok(0) | Err(_) if read.is_empty() => return Ok(None),
                Ok(0) => return Err("closed within an answer".into()),
                Ok(count) => read.extend_from_slice(&some[..count]),
                Err(error) => return Err(error.into()),
            }
            if let Some(body) = body(std::str::from_utf8(&read)?)? {
                return Ok(Some(self.count(site.judge_answer(body, oldest))));
            }
        }
    }

    fn count(&self, found: Found) -> Found {
        match found {
            Found::New | Found::Right => {}
            Found::Late => drop(self.late.fetch_add(1, Relaxed)),
            Found::Wrong => drop(self.wrong.fetch_add(1, Relaxed)),
        }
        found
    }

    pub(crate) fn counts(&self) -> serde_json::Value {
        let took = std::mem::take(&mut *self.took.lock().unwrap_or_else(PoisonError::into_inner));
        let count = |counter: &AtomicUsize| counter.load(Relaxed);
        serde_json::json!({
            "requests": took.len(), "handshakes": count(&self.handshakes), "failed": count(&self.failed),
            "misrouted": count(&self.wrong), "late": count(&self.late), "again": count(&self.again),
            "request_ms": spread(took), "error": *self.error.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }
}

/// The body of a complete answer, nothing if there is more to come.
fn body(text: &str) -> Result<Option<&str>> {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(None) };
    if !head.starts_with("HTTP/1.1 200") {
        return Err(head.lines().next().unwrap_or_default().into());
    }
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.ok_or("an answer without a length")?.1.parse()?;
    Ok((body.len() >= length).then_some(body))
}
