//! The side of the clients in bench/edge: certificates for it, and TLS handshakes.
//!
//! ```text
//! edge_load certificate FILE NAME ...
//! edge_load certificates FOLDER COUNT
//! edge_load handshakes ADDRESS NAMES CONNECTIONS SECONDS [--resume] [--tls12] [--mlkem] [--once]
//! ```
//!
//! * `certificate`: self-signed for these names (ECDSA P-256), as `FILE.crt` and `FILE.key`.
//! * `certificates`: one each for the first COUNT names `site-0.bench.test` …, called after them.
//! * `handshakes`: so many connections at once, each for the next of NAMES names, shaken hands on,
//!   and closed in good order (which is when a client has got its tickets). `--resume` lets them
//!   resume their last session with a name, each its own; with `--once` every name is asked for once, instead of
//!   SECONDS. Clients would rather have X25519, as not every peer knows more, or with `--mlkem`
//!   the hybrid of it and ML-KEM-768, as browsers do. Certificates are not verified, which keeps this
//!   program cheaper than what it measures. It prints one line of JSON.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    net::SocketAddr,
    path::Path,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, HandshakeKind,
    client::Resumption,
    crypto::{
        aws_lc_rs,
        aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768},
    },
    version::{TLS12, TLS13},
};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

#[path = "shared/trusting.rs"]
mod trusting;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: edge_load certificate FILE NAME ... | certificates FOLDER COUNT | handshakes ADDRESS NAMES CONNECTIONS SECONDS [--resume] [--tls12] [--mlkem] [--once]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["certificate", file, names @ ..] => write_certificate(file, names.iter().map(|name| (*name).into()).collect()),
        ["certificates", folder, count] => {
            let folder = Path::new(folder);
            (0..count.parse::<u32>()?).map(name).try_for_each(|name| write_certificate(folder.join(&name), vec![name]))
        }
        ["handshakes", address, names, connections, seconds, options @ ..] => {
            let has = |option| options.contains(&option);
            let load = Rc::new(Load {
                address: address.parse()?,
                names: names.parse()?,
                end: Instant::now() + Duration::from_secs_f64(seconds.parse()?),
                once: has("--once"),
                next: Cell::default(),
                outcome: RefCell::default(),
            });
            let (began, tasks) = (Instant::now(), LocalSet::new());
            for _ in 0..connections.parse::<u32>()? {
                let connector = connector(load.names as usize, has("--resume"), has("--tls12"), has("--mlkem"))?;
                tasks.spawn_local(Rc::clone(&load).run(connector));
            }
            tasks.await;
            load.print(began.elapsed())
        }
        _ => Err(USAGE.into()),
    }
}

fn name(number: u32) -> String {
    format!("site-{number}.bench.test")
}

fn write_certificate(file: impl AsRef<Path>, names: Vec<String>) -> Result<()> {
    let key = KeyPair::generate()?;
    // What is after the last dot of a name is no extension.
    let named = |end: &str| format!("{}.{end}", file.as_ref().display());
    std::fs::write(named("crt"), CertificateParams::new(names)?.self_signed(&key)?.pem())?;
    Ok(std::fs::write(named("key"), key.serialize_pem())?)
}

fn connector(names: usize, resume: bool, tls12: bool, mlkem: bool) -> Result<TlsConnector> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = if mlkem { vec![X25519MLKEM768, X25519] } else { vec![X25519] };
    // Of TLS 1.2 clients it also tells which keys of certificates they understand.
    provider.kx_groups.push(SECP256R1);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[if tls12 { &TLS12 } else { &TLS13 }])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trusting::Trusting))
        .with_no_client_auth();
    config.resumption = if resume { Resumption::in_memory_sessions(names * 8 + 256) } else { Resumption::disabled() };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What the connections share.
struct Load {
    address: SocketAddr,
    names: u32,
    end: Instant,
    once: bool,
    next: Cell<u32>,
    outcome: RefCell<Outcome>,
}

#[derive(Default)]
struct Outcome {
    /// Microseconds from before the connection to after the handshake.
    took: Vec<u128>,
    resumed: usize,
    failed: usize,
    error: Option<String>,
}

impl Load {
    async fn run(self: Rc<Self>, connector: TlsConnector) {
        while if self.once { self.next.get() < self.names } else { Instant::now() < self.end } {
            let number = self.next.replace(self.next.get() + 1) % self.names;
            let shaken = timeout(Duration::from_secs(10), self.shake(&connector, name(number))).await;
            let mut outcome = self.outcome.borrow_mut();
            match shaken.unwrap_or_else(|_| Err("no handshake within 10 s".into())) {
                Ok((took, resumed)) => {
                    outcome.took.push(took.as_micros());
                    outcome.resumed += usize::from(resumed);
                }
                Err(error) => {
                    outcome.failed += 1;
                    outcome.error = Some(error.to_string());
                }
            }
        }
    }

    async fn shake(&self, connector: &TlsConnector, name: String) -> Result<(Duration, bool)> {
        let began = Instant::now();
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut stream = connector.connect(ServerName::try_from(name)?, stream).await?;
        let took = began.elapsed();
        stream.shutdown().await?;
        // The tickets come before the end; not every server says goodbye first.
        let _end = stream.read(&mut [0; 512]).await;
        Ok((took, stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)))
    }

    fn print(&self, elapsed: Duration) -> Result<()> {
        let mut outcome = self.outcome.borrow_mut();
        outcome.took.sort_unstable();
        let at =
            |share: usize| outcome.took.get(outcome.took.len() * share / 100).map_or(0.0, |took| *took as f64 / 1e6);
        let told = serde_json::json!({
            "count": outcome.took.len(), "rps": outcome.took.len() as f64 / elapsed.as_secs_f64(), "failed": outcome.failed,
            "resumed": outcome.resumed, "p50": at(50), "p99": at(99), "seconds": elapsed.as_secs_f64(), "error": outcome.error,
        });
        use std::io::Write;
        Ok(writeln!(std::io::stdout(), "{told}")?)
    }
}
