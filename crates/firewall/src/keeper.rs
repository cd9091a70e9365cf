//! Keeps the firewall in force: looks, repairs, writes down what it found.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process,
    time::Duration,
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStdout},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use crate::{
    host::{self, Error, Part},
    policy::Policy,
    status::{Repair, Status},
};

/// Time between two looks. Changes of nftables are looked at when they happen; this is for the rest, and for those that
/// were missed.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// Docker changes rules with every network: one look is enough for the changes of this time.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// Only one process per machine keeps the firewall; the next one waits.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the policy in force until `stop`, and its [`Status`] in this directory. `policy` is asked at every look, as name
/// servers change. The rules stay when it ends, as containers may run on, but for the
/// redirect of DNS.
///
/// # Errors
/// The directory can't be used. What is wrong with the firewall is no error but part of the status.
pub async fn keep(policy: impl AsyncFn() -> Policy, directory: &Path, stop: &CancellationToken) -> Result<(), Error> {
    let failed = |source: io::Error| Error::Io { what: format!("using {}", directory.display()), source };
    fs::create_dir_all(directory).map_err(failed)?;
    let lock = File::create(directory.join("lock")).map_err(failed)?;
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = time::sleep(LOCK_INTERVAL) => {}
        }
    }
    let mut keeper = Keeper { listing: None, policy: None, repairs: 0, last_repair: None, problem: None };
    let mut changes = Changes::default();
    loop {
        // Before looking, so that no change is missed in between.
        changes.follow();
        keeper.look(policy().await).await;
        keeper.status().write(directory).map_err(failed)?;
        let looked = Instant::now();
        tokio::select! {
            () = stop.cancelled() => break,
            () = changes.next() => time::sleep_until(looked + MIN_INTERVAL).await,
            () = time::sleep(INTERVAL) => {}
        }
    }
    // Nobody looks from now on whether the name server answers.
    if keeper.policy.as_ref().is_some_and(|policy| policy.dns_port.is_some()) {
        keeper.look(Policy { dns_port: None, ..policy().await }).await;
    }
    Ok(())
}

struct Keeper {
    /// The table after our last change.
    listing: Option<String>,
    /// What was put in force.
    policy: Option<Policy>,
    repairs: u64,
    last_repair: Option<Repair>,
    problem: Option<String>,
}

impl Keeper {
    async fn look(&mut self, policy: Policy) {
        let is_new = self.policy.as_ref() != Some(&policy);
        let mut problems = Vec::new();
        for part in Part::ALL {
            if let Err(error) = self.ensure(part, &policy, is_new).await {
                problems.push(format!("{}: {error}", part.missing()));
            }
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        if self.problem != problem {
            match &problem {
                Some(problem) => tracing::error!(problem, "the tenant firewall is not in force"),
                None => tracing::info!("the tenant firewall is in force"),
            }
        }
        self.policy = Some(policy);
        self.problem = problem;
    }

    async fn ensure(&mut self, part: Part, policy: &Policy, is_new: bool) -> Result<(), Error> {
        let listing = self.listing.clone().unwrap_or_default();
        let holds = part.holds(policy, &listing).await?;
        if holds && !is_new {
            return Ok(());
        }
        part.apply(policy).await?;
        if part == Part::Table {
            self.listing = host::listing().await?;
        }
        if !is_new {
            tracing::error!(missing = part.missing(), "the tenant firewall was changed from outside; it is restored");
            self.repairs += 1;
            self.last_repair = Some(Repair { at: Timestamp::now(), missing: part.missing().to_owned() });
        }
        Ok(())
    }

    fn status(&self) -> Status {
        Status {
            checked_at: Timestamp::now(),
            problem: self.problem.clone(),
            repairs: self.repairs,
            last_repair: self.last_repair.clone(),
            pid: process::id(),
        }
    }
}

/// The changes of nftables as they happen.
#[derive(Default)]
struct Changes(Option<(Child, ChildStdout)>);

impl Changes {
    /// Starts to follow them, unless it does already.
    fn follow(&mut self) {
        if self.0.is_none() {
            let monitor = host::monitor().ok();
            self.0 = monitor.and_then(|mut child| {
                let output = child.stdout.take()?;
                Some((child, output))
            });
        }
    }

    /// Waits for changes, and takes all that are there; for ever if they can't be followed.
    async fn next(&mut self) {
        let mut text = [0; 16 << 10];
        if let Some((_, output)) = &mut self.0
            && output.read(&mut text).await.is_ok_and(|length| length > 0)
        {
            return;
        }
        self.0 = None;
        std::future::pending().await
    }
}
