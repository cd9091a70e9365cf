//! Changes routes and certificates under load, and counts what visitors notice; for bench/edge.
//!
//! ```text
//! edge_changes CERTIFICATES SITES CHANGES SECONDS UPSTREAM_PORT [nginx ADDRESS PID SITES_FOLDER COMMAND ...]
//! ```
//!
//! * Every site `site-N.bench.test` has an upstream of its own, a loopback address that answers its
//!   own address (`upstream`), and a certificate of its own from the folder CERTIFICATES, as
//!   `edge_load certificates` has written them.
//! * Visitors (`visitors`) come and go over TLS and check every certificate and every answer.
//! * CHANGES changes, or as many as fit into SECONDS: by turns a site gets another upstream, or a
//!   new certificate. Each is timed from its beginning to the first answer, or handshake, that is new.
//! * Changed is an edge in this process or, with `nginx`, an nginx that runs already as PID: the
//!   site's file in SITES_FOLDER is rewritten, or its certificate's, then `COMMAND -t` and SIGHUP
//!   (`-s reload` does the same, but reads the whole configuration once more).
//!
//! It prints one line of JSON.

use std::{
    error::Error,
    io::Write,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use self::{
    changed::Changed,
    sites::{Kind, Sites},
    visitors::Visitors,
};

mod changed;
mod sites;
#[path = "../shared/trusting.rs"]
mod trusting;
mod upstream;
mod visitors;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const VISITORS: usize = 16;

const USAGE: &str =
    "usage: edge_changes CERTIFICATES SITES CHANGES SECONDS UPSTREAM_PORT [nginx ADDRESS PID SITES_FOLDER COMMAND ...]";

// The changes are made on the main thread, so that no visitor waits for them but by the processor.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [certificates, sites, changes, seconds, port, other @ ..] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let (changes, limit) = (changes.parse::<u32>()?, Duration::from_secs(seconds.parse()?));
    let sites = Arc::new(Sites::read(Path::new(certificates), sites.parse()?, port.parse()?)?);
    tokio::spawn(upstream::serve(upstream::listen(sites.port)?));
    let mut changed = match other {
        [] => Changed::embedded(&sites).await?,
        [nginx, address, pid, folder, command @ ..] if nginx == "nginx" && !command.is_empty() => Changed::Nginx {
            address: address.parse()?,
            pid: pid.clone(),
            sites: folder.into(),
            certificates: certificates.into(),
            command: command.to_vec(),
        },
        _ => return Err(USAGE.into()),
    };
    let visitors = Arc::new(Visitors::new(Arc::clone(&sites), changed.address()));
    let tasks: Vec<_> = (0..VISITORS).map(|number| tokio::spawn(Arc::clone(&visitors).stay(number))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (began, mut routes, mut renewals, mut applied) = (Instant::now(), Vec::new(), Vec::new(), Vec::new());
    let busy = on_processor()?;
    for number in 0..changes {
        if began.elapsed() >= limit {
            break;
        }
        let kind = if number % 2 == 0 { Kind::Route } else { Kind::Certificate };
        let site = sites.site(number * 7919);
        let next = site.prepare(kind)?;
        visitors.hot.store(site.number, Relaxed);
        let watcher = tokio::spawn(Arc::clone(&visitors).watch(site.number, kind, site.generation(kind)));
        // It has a connection by then, as somebody has who visits the site right now.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let start = Instant::now();
        site.announce(kind);
        changed.change(site, kind, &next).await?;
        applied.push(start.elapsed());
        let live = watcher.await??.duration_since(start);
        site.settle(kind);
        if kind == Kind::Route { &mut routes } else { &mut renewals }.push(live);
    }
    let elapsed = began.elapsed();
    visitors.over.store(true, Relaxed);
    for task in tasks {
        task.await?;
    }
    let mut told = visitors.counts();
    told["changes"] = (routes.len() + renewals.len()).into();
    told["cpu_ms"] = ((on_processor()? - busy).as_secs_f64() * 1e3 / applied.len().max(1) as f64).into();
    told["seconds"] = elapsed.as_secs_f64().into();
    for (name, times) in [("route_ms", routes), ("certificate_ms", renewals), ("apply_ms", applied)] {
        told[name] = spread(times);
    }
    Ok(writeln!(std::io::stdout(), "{told}")?)
}

/// What this thread has used of a processor: all changes, and nothing of the visitors.
fn on_processor() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split(' ').next().unwrap_or_default().parse()?))
}

/// p50, p99 and the longest, in milliseconds.
fn spread(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort_unstable();
    let at = |share: usize| {
        let index = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    serde_json::json!({ "p50": at(50), "p99": at(99), "max": at(100) })
}
