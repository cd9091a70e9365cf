//! What an operator may decide about the edge. The defaults suit a single machine.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;

/// The settings of an embedded edge.
#[derive(Debug, Clone)]
pub struct Config {
    /// Worker threads, each with its own runtime, connections and upstream pool.
    pub threads: usize,
    /// Open client connections of all threads. Beyond them, those that have waited longest for a request are closed for
    /// new ones.
    pub max_connections: usize,
    /// Open connections of one client (an address, or an IPv6 /64); more are closed at once. A /56 may have twice as
    /// many, a /48 four times. 0 is no limit. Trusted proxies have none, and a balancer's connections count as its clients'.
    pub max_connections_per_client: usize,
    /// Largest request head in bytes; more is answered 431.
    pub max_head: usize,
    /// Idle upstream connections kept per upstream address and thread.
    pub idle_per_upstream: usize,
    /// Idle upstream connections kept for all upstreams and threads.
    pub idle_upstream: usize,
    /// Upstream connections in use by all threads; requests that need more are answered 503. 0 derives it
    /// from the limit of open files when the edge starts.
    pub max_upstream: usize,
    /// Upstream connections in use for one client (an address, or an IPv6 /48); never more than half of all. 0 is no limit. Trusted
    /// proxies have none.
    pub max_upstream_per_client: usize,
    /// The product's name, at the foot of the pages that the edge shows itself.
    pub product_name: String,
    /// Names and addresses of the platform itself, answered by the fallback. They win over routes.
    pub platform_hosts: Vec<String>,
    /// Another process that answers for `platform_hosts`, instead of the fallback.
    pub platform_upstream: Option<SocketAddr>,
    /// The port at which visitors reach plain HTTP, for redirects.
    pub public_http_port: u16,
    /// The port at which visitors reach HTTPS, for redirects; `None` if there is no HTTPS.
    pub public_https_port: Option<u16>,
    /// `max-age` of HSTS for names that require HTTPS, in seconds (RFC 6797); 0 sends none.
    pub hsts_seconds: u32,
    /// Proxies in front of this edge whose forwarded headers are believed; none by default.
    pub trusted_proxies: Vec<Cidr>,
    /// Balancers in front of this edge that forward TCP and send the client's address first (PROXY protocol,
    /// version 1 or 2). From them the header is required, and its address then is the client's, also for
    /// `trusted_proxies`; none by default.
    pub proxy_protocol: Vec<Cidr>,
    /// How long each part of an exchange may take.
    pub timeouts: Timeouts,
    /// The access log; none by default.
    pub log: Option<LogConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 16_384,
            max_connections_per_client: 1024,
            max_head: 64 * 1024,
            idle_per_upstream: 256,
            idle_upstream: 4096,
            max_upstream: 0,
            max_upstream_per_client: 2048,
            product_name: "Stoa".to_owned(),
            platform_hosts: Vec::new(),
            platform_upstream: None,
            public_http_port: 80,
            public_https_port: None,
            hsts_seconds: 180 * 24 * 60 * 60,
            trusted_proxies: Vec::new(),
            proxy_protocol: Vec::new(),
            timeouts: Timeouts::default(),
            log: None,
        }
    }
}

/// How long each part of an exchange may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Connecting to an upstream; then 502. It is on this machine or near, so nobody is there who takes longer. A lost
    /// packet is sent again after a second.
    pub connect: Duration,
    /// From the end of the request to the head of the response, and between two pieces of its
    /// body; then 504, or the connection is cut.
    pub response: Duration,
    /// A client connection without a request, or a client that stalls in the middle of a body.
    pub idle: Duration,
    /// From the first byte of a request to the end of its head.
    pub header: Duration,
    /// An upgraded connection (WebSocket) on which neither side sends.
    pub tunnel: Duration,
    /// An unused connection to an upstream.
    pub pooled: Duration,
    /// From the shutdown signal until requests in flight are cut.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            response: Duration::from_secs(600),
            idle: Duration::from_secs(75),
            header: Duration::from_secs(15),
            tunnel: Duration::from_secs(600),
            pooled: Duration::from_secs(60),
            drain: Duration::from_secs(30),
        }
    }
}

/// The access log's file and its rotation.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The file; older ones get `.1`, `.2` … appended.
    pub path: PathBuf,
    /// The size in bytes at which a new file is started.
    pub rotate_at: u64,
    /// How many older files are kept.
    pub keep: u32,
    /// Lines that may wait for the disk; more are dropped and counted.
    pub queue: usize,
}

impl LogConfig {
    /// A log at `path`: 64 MB a file, seven older files, 8192 waiting lines.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), rotate_at: 64 << 20, keep: 7, queue: 8192 }
    }
}

/// A range of addresses, like `10.0.0.0/8` or `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr(IpNet);

/// Text that is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading {0:?} as a range of addresses: write an address, or an address and a prefix length like 10.0.0.0/8")]
pub struct BadCidr(String);

impl Cidr {
    /// Whether the address is in the range. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let range = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        range.map(|range: IpNet| Self(range.trunc())).map_err(|_| BadCidr(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_their_addresses() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("192.0.2.77/24", "::ffff:192.0.2.1", "192.0.3.1"),
        ] {
            let cidr: Cidr = range.parse().expect("a range");
            assert!(cidr.contains(inside.parse().expect("an address")), "{range} without {inside}");
            assert!(!cidr.contains(outside.parse().expect("an address")), "{range} with {outside}");
        }
        assert_eq!("192.0.2.77/24".parse::<Cidr>().map(|c| c.to_string()), Ok("192.0.2.0/24".into()));
    }

    #[test]
    fn other_text_is_rejected() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x", "localhost"] {
            assert!(text.parse::<Cidr>().is_err(), "{text:?} was accepted");
        }
    }
}
