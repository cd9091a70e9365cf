//! A bare edge for benchmarks: routes `site-0.bench.test` …, and `localhost`, to one upstream until
//! it is killed.
//!
//! ```text
//! edge_proxy LISTEN UPSTREAM ROUTES [THREADS] [--tls ADDRESS] [--cert FILE --key FILE] [--certificates N [--from FOLDER]]
//! ```
//!
//! * `LISTEN`, `UPSTREAM`: addresses, like `127.0.0.1:18611`. `ROUTES`: how many names. `THREADS`:
//!   as many as there are cores unless given.
//! * `--tls ADDRESS`: serves TLS there too. Without `--cert`, one certificate for `*.bench.test` and
//!   `localhost` is generated (ECDSA P-256, self-signed), so clients must not verify it. A client
//!   that can only ask for a name that resolves (wrk) asks for `localhost`, and may then send any
//!   of the names as its `Host`.
//! * `--cert FILE --key FILE`: PEM files, served for all these names whatever they say.
//! * `--certificates N`: generates further certificates, one for each of the first N names; they
//!   win over the one for all names. `--from FOLDER` reads them from there instead, as
//!   `edge_load certificates` has written them.
//!
//! What it took to apply the table is told on standard error.

use std::{collections::HashMap, error::Error, io::Write, net::SocketAddr, path::Path, sync::Arc, time::Instant};

use rcgen::{CertificateParams, KeyPair};
use stoa_edge::{Config, EmbeddedEdge, listen};
use stoa_model::{
    certificate::{CertName, Certificate},
    host::Hostname,
    id::{CertificateId, SiteId},
    route::{Route, RouteLimits, RoutingTable, Target},
    routes::Routes,
};
use stoa_provider::edge::Edge;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: edge_proxy LISTEN UPSTREAM ROUTES [THREADS] [--tls ADDRESS] [--cert FILE --key FILE] [--certificates N [--from FOLDER]]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (plain, options) = arguments(std::env::args().skip(1))?;
    let [address, upstream, routes, threads @ ..] = plain.as_slice() else { return Err(USAGE.into()) };
    let mut config = Config::default();
    if let [threads] = threads {
        config.threads = threads.parse()?;
    }
    let tls = options.get("--tls").map(|address| address.parse::<SocketAddr>()).transpose()?;
    config.public_https_port = tls.map(|address| address.port());
    let certificates = Arc::new(if tls.is_some() { certificates(&options)? } else { Vec::new() });
    let routes = routes_to(upstream.parse()?, routes.parse()?)?;
    let edge = EmbeddedEdge::new(config, None)?;
    let began = Instant::now();
    edge.apply(RoutingTable { version: 1, routes, certificates, ..RoutingTable::default() }).await?;
    writeln!(std::io::stderr(), "applied in {:.1} ms", began.elapsed().as_secs_f64() * 1e3)?;
    let plain = edge.serve(listen(address.parse()?)?, CancellationToken::new());
    match tls {
        Some(address) => {
            tokio::try_join!(plain, edge.serve_tls(listen(address)?, CancellationToken::new()))?;
        }
        None => plain.await?,
    }
    Ok(())
}

/// The arguments without a name, and the options with their values.
fn arguments(mut all: impl Iterator<Item = String>) -> Result<(Vec<String>, HashMap<String, String>)> {
    let (mut plain, mut options) = (Vec::new(), HashMap::new());
    while let Some(argument) = all.next() {
        match argument.as_str() {
            "--tls" | "--cert" | "--key" | "--certificates" | "--from" => {
                let value = all.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"))?;
                options.insert(argument, value);
            }
            unknown if unknown.starts_with('-') => return Err(format!("unknown option {unknown}\n{USAGE}").into()),
            _ => plain.push(argument),
        }
    }
    Ok((plain, options))
}

fn routes_to(upstream: SocketAddr, count: u128) -> Result<Routes> {
    let route = |number: u128, name: &str| {
        let site = SiteId::from_uuid(Uuid::from_u128(number));
        let target = Target::Upstream(upstream);
        Ok((Hostname::parse(name)?, Route { site, target, limits: RouteLimits::body(100 << 20), secure: false }))
    };
    (0..count).map(|number| route(number, &name(number))).chain([route(count, "localhost")]).collect()
}

fn name(number: u128) -> String {
    format!("site-{number}.bench.test")
}

fn certificates(options: &HashMap<String, String>) -> Result<Vec<Arc<Certificate>>> {
    let all = vec![CertName::below(Hostname::parse("bench.test")?), CertName::host(Hostname::parse("localhost")?)];
    let first = match (options.get("--cert"), options.get("--key")) {
        (Some(chain), Some(key)) => read(0, all, chain, key)?,
        (None, None) => generated(0, all)?,
        _ => return Err(format!("--cert and --key belong together\n{USAGE}").into()),
    };
    let count: u128 = options.get("--certificates").map_or(Ok(0), |count| count.parse())?;
    let further = (0..count).map(|number| {
        let (id, names) = (number + 1, vec![CertName::host(Hostname::parse(&name(number))?)]);
        let Some(folder) = options.get("--from").map(Path::new) else { return generated(id, names) };
        let file = |end: &str| folder.join(format!("{}.{end}", name(number)));
        read(id, names, file("crt"), file("key"))
    });
    std::iter::once(Ok(first)).chain(further).map(|certificate| Ok(Arc::new(certificate?))).collect()
}

fn read(id: u128, names: Vec<CertName>, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Certificate> {
    let id = CertificateId::from_uuid(Uuid::from_u128(id));
    let (chain, key) = (std::fs::read_to_string(chain)?, std::fs::read_to_string(key)?.into());
    Ok(Certificate { id, names, chain, key })
}

fn generated(id: u128, names: Vec<CertName>) -> Result<Certificate> {
    let key = KeyPair::generate()?;
    let written = names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let chain = CertificateParams::new(written)?.self_signed(&key)?.pem();
    let id = CertificateId::from_uuid(Uuid::from_u128(id));
    Ok(Certificate { id, names, chain, key: key.serialize_pem().into() })
}
