//! An edge on a real socket, upstreams that behave as badly as a test wants, and a raw client.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use stoa_edge::{Config, EmbeddedEdge, Fallback, Shutdown, Timeouts, listen};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
    traffic::Traffic,
};
use stoa_provider::edge::Edge;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Nothing in these tests takes longer, however busy the machine is, unless it hangs.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A timeout of the edge that a test waits for, and within which it must have done its part: long enough for a busy
/// machine.
pub const SHORT_TIMEOUT: Duration = Duration::from_secs(3);

pub const HOST: &str = "shop.example.com";
pub const OTHER_HOST: &str = "neighbour.example.com";

pub fn config() -> Config {
    Config {
        threads: 2,
        timeouts: Timeouts { drain: Duration::from_secs(30), ..Timeouts::default() },
        ..Config::default()
    }
}

pub fn impatient(change: impl FnOnce(&mut Timeouts)) -> Config {
    let mut config = config();
    change(&mut config.timeouts);
    config
}

pub fn site() -> SiteId {
    SiteId::from_uuid(Uuid::from_u128(42))
}

/// The site of `OTHER_HOST`.
pub fn other() -> SiteId {
    SiteId::from_uuid(Uuid::from_u128(43))
}

pub struct TestEdge {
    pub edge: Arc<EmbeddedEdge>,
    pub address: SocketAddr,
    pub retire: CancellationToken,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<std::io::Result<()>>,
}

impl TestEdge {
    /// An edge that routes `HOST` to `upstream`, with a body limit of 1000 bytes.
    pub async fn to(upstream: SocketAddr) -> Self {
        Self::with(config(), Target::Upstream(upstream)).await
    }

    pub async fn showing(notice: Notice) -> Self {
        Self::with(config(), Target::Notice(notice)).await
    }

    pub async fn with(config: Config, target: Target) -> Self {
        let edge = Self::start(config, None);
        edge.route(1, target).await;
        edge
    }

    pub fn start(config: Config, fallback: Option<Arc<dyn Fallback>>) -> Self {
        let edge = Arc::new(EmbeddedEdge::new(config, fallback).unwrap());
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (retire, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let (there, ending) = (Arc::clone(&edge), Shutdown { retire: retire.clone(), drain: shutdown.clone() });
        let serving = tokio::spawn(async move { there.serve(listener, ending).await });
        Self { edge, address, retire, shutdown, serving }
    }

    pub async fn route(&self, version: u64, target: Target) {
        self.route_up_to(version, target, 1000).await;
    }

    pub async fn route_up_to(&self, version: u64, target: Target, max_body: u64) {
        self.route_within(version, target, RouteLimits::body(max_body)).await;
    }

    /// Routes `HOST`, and `OTHER_HOST` of another site to the same target without any limits.
    pub async fn route_within(&self, version: u64, target: Target, limits: RouteLimits) {
        let other = Route { site: other(), target: target.clone(), limits: RouteLimits::body(1000), secure: false };
        let route = Route { site: site(), target, limits, secure: false };
        let routes = [(HOST, route), (OTHER_HOST, other)];
        let routes = routes.into_iter().map(|(name, route)| (Hostname::parse(name).unwrap(), route)).collect();
        self.edge.apply(RoutingTable { version, routes, ..RoutingTable::default() }).await.unwrap();
    }

    pub async fn connect(&self) -> Raw {
        Raw { stream: TcpStream::connect(self.address).await.unwrap(), buf: Vec::new() }
    }

    /// Sends bytes over a fresh connection and reads until the edge closes it.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut raw = self.connect().await;
        raw.write(bytes).await;
        raw.rest().await
    }

    /// A GET for `HOST` with these further header lines.
    pub async fn get(&self, lines: &str) -> String {
        self.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{lines}Connection: close\r\n\r\n")).await
    }

    pub fn counts(&self) -> Traffic {
        self.counts_of(site())
    }

    pub fn counts_of(&self, site: SiteId) -> Traffic {
        self.edge.snapshot().into_iter().find(|(id, _)| *id == site).unwrap().1
    }

    /// Waits until the counters say so.
    pub async fn counted(&self, enough: impl Fn(&Traffic) -> bool) -> Traffic {
        until(|| Some(self.counts()).filter(|counts| enough(counts))).await
    }
}

/// Waits until `look` sees something.
pub async fn until<T>(look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < TEST_TIMEOUT, "what was waited for did not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A connection from `client`, a loopback address.
pub async fn connect_from(client: [u8; 4], at: SocketAddr) -> Raw {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((client, 0).into()).unwrap();
    Raw { stream: socket.connect(at).await.unwrap(), buf: Vec::new() }
}

/// Of requests from `client`, a loopback address, so many per second for `seconds`, each on a connection of its own: how
/// many were sent, and how many were answered 200.
pub async fn visit_from(client: [u8; 4], at: SocketAddr, per_second: u64, seconds: u64) -> (u64, u64) {
    let (mut sent, mut served) = (0, 0);
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / per_second));
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..per_second * seconds {
        ticks.tick().await;
        sent += 1;
        answers.spawn(async move {
            let mut raw = connect_from(client, at).await;
            raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
            status(&raw.rest().await) == 200
        });
    }
    while let Some(answer) = answers.join_next().await {
        served += u64::from(answer.unwrap());
    }
    (sent, served)
}

/// A connection without any idea of HTTP.
pub struct Raw<S = TcpStream> {
    pub stream: S,
    pub buf: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.unwrap();
    }

    /// As `write`; the other side may have closed already.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        timeout(TEST_TIMEOUT, self.stream.write_all(bytes.as_ref())).await.expect("nobody reads what is written")
    }

    /// Everything until the other side closes; a reset ends it too.
    pub async fn rest(&mut self) -> String {
        let read =
            timeout(TEST_TIMEOUT, self.stream.read_to_end(&mut self.buf)).await.expect("the connection stays open");
        drop(read);
        String::from_utf8_lossy(&std::mem::take(&mut self.buf)).into_owned()
    }

    /// Everything up to and with `mark`.
    pub async fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.buf.windows(mark.len()).position(|window| window == mark.as_bytes()) {
                let seen: Vec<u8> = self.buf.drain(..at + mark.len()).collect();
                return String::from_utf8_lossy(&seen).into_owned();
            }
            let read = timeout(TEST_TIMEOUT, self.stream.read_buf(&mut self.buf)).await;
            let so_far = String::from_utf8_lossy(&self.buf).into_owned();
            let read = read.unwrap_or_else(|_| panic!("{mark:?} does not come after {so_far:?}")).unwrap();
            assert!(read > 0, "closed before {mark:?}, after {so_far:?}");
        }
    }

    /// The next request's head; nothing if the connection ends before.
    pub async fn head(&mut self) -> Option<String> {
        while !self.buf.windows(4).any(|window| window == b"\r\n\r\n") {
            if self.stream.read_buf(&mut self.buf).await.ok()? == 0 {
                return None;
            }
        }
        Some(self.until("\r\n\r\n").await)
    }

    /// The next bytes; nothing if the connection ends before.
    pub async fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buf.len() < length {
            if self.stream.read_buf(&mut self.buf).await.ok()? == 0 {
                return None;
            }
        }
        Some(self.buf.drain(..length).collect())
    }

    /// Head and body of one message with a Content-Length or none.
    pub async fn message(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let length: usize = field(&head, "content-length").map_or(0, |text| text.parse().unwrap());
        while self.buf.len() < length {
            let read = timeout(TEST_TIMEOUT, self.stream.read_buf(&mut self.buf))
                .await
                .expect("the body does not come")
                .unwrap();
            assert!(read > 0, "closed in the middle of a body");
        }
        let body: Vec<u8> = self.buf.drain(..length).collect();
        head + &String::from_utf8_lossy(&body)
    }
}

/// The value of a header field in a message's text.
pub fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let head = message.split("\r\n\r\n").next().unwrap();
    let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

pub fn status(message: &str) -> u16 {
    message.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no response: {message:?}"))
}

pub fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").unwrap().1
}

/// A service that does with each connection what a script says; the second argument counts them.
pub async fn upstream<F, A>(script: F) -> SocketAddr
where
    F: Fn(Raw, usize) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(script(Raw { stream, buf: Vec::new() }, number));
        }
    });
    address
}

/// A service that answers each request with the very bytes it got.
pub async fn mirror() -> SocketAddr {
    upstream(|mut raw, _| async move {
        loop {
            let Some(head) = raw.head().await else { return };
            let mut seen = head.clone();
            if field(&head, "transfer-encoding").is_some() {
                seen += &raw.until("0\r\n").await;
                seen += &raw.until("\r\n").await;
            } else if let Some(length) = field(&head, "content-length") {
                let Some(body) = raw.bytes(length.parse().unwrap()).await else { return };
                seen += &String::from_utf8_lossy(&body);
            }
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len())).await;
        }
    })
    .await
}

/// A service that gives each request the same bytes as its answer, and closes.
pub async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    upstream(move |mut raw, _| {
        let answer = answer.clone();
        async move {
            raw.until("\r\n\r\n").await;
            raw.write(answer).await;
        }
    })
    .await
}

/// An address where nobody listens, and nobody will.
pub fn nobody() -> SocketAddr {
    crate::port::free_port()
}
