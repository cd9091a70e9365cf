//! Is everything there that Stoa needs? Each finding says how to mend it.

use std::time::Duration;

use stoa_db::{jobs, tasks};
use stoa_model::{account::Role, job::JobState, net::Subnet};
use stoa_provider::engine::EngineInfo;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    Control, RequestContext, Result,
    reconcile::Behind,
    sites::Disk,
    view::{Finding, Verdict},
};

/// A check that found what it should.
pub(crate) fn good(check: &str, found: impl Into<String>) -> Finding {
    Finding { check: check.into(), verdict: Verdict::Good, found: found.into(), remedy: None }
}

/// A check that found something to mend.
pub(crate) fn wrong(check: &str, verdict: Verdict, found: impl Into<String>, remedy: &str) -> Finding {
    Finding { check: check.into(), verdict, found: found.into(), remedy: Some(remedy.into()) }
}

impl Control {
    /// Looks at everything; for staff.
    ///
    /// # Errors
    /// Without the role support. What is broken is a finding, no error.
    pub async fn doctor(&self, cx: &RequestContext) -> Result<Vec<Finding>> {
        cx.require(Role::Support)?;
        let machine = self.engine.describe().await;
        let engines = machine.as_ref().ok().and_then(|info| info.data_directory.as_deref());
        let mut findings =
            vec![self.check_database().await, self.check_key(), self.check_disk(engines), self.check_edge().await];
        match machine {
            Ok(info) => {
                let version =
                    format!("{} {}, {} cores, {} memory", info.kind, info.version, info.cores, human(info.memory));
                findings.push(good("engine", version));
                findings.push(self.check_subnets(&info));
                findings.extend(self.check_images().await);
            }
            Err(error) => {
                let remedy = "Start Docker (`systemctl start docker`, or run `dockerd`) and see that this user may use its socket.";
                findings.push(wrong("engine", Verdict::Bad, error.to_string(), remedy));
            }
        }
        findings.push(self.check_names().await);
        findings.push(self.check_certificates().await);
        findings.push(self.check_jobs().await);
        findings.push(self.check_tasks().await);
        Ok(findings)
    }

    /// Whether this process can serve: the database answers.
    pub async fn ready(&self) -> bool {
        self.db.ping().await.is_ok()
    }

    async fn check_database(&self) -> Finding {
        if let Err(error) = self.db.ping().await {
            return wrong(
                "database",
                Verdict::Bad,
                error.to_string(),
                "Start the database, or mend `database` in the configuration.",
            );
        }
        match self.db.pending_migrations().await {
            Ok(pending) if pending.is_empty() => good("database", format!("{:?}, up to date", self.db.backend())),
            Ok(pending) => wrong(
                "database",
                Verdict::Bad,
                format!("{} migrations are missing", pending.len()),
                "Stop the server, copy the database and run `stoa migrate`.",
            ),
            Err(error) => {
                let remedy = "If it belongs to a newer release, run that one, or restore the copy from before the upgrade; \
                              else see that the database runs.";
                wrong("database", Verdict::Bad, error.to_string(), remedy)
            }
        }
    }

    fn check_key(&self) -> Finding {
        good("master key", format!("key {}; keep a copy of its file apart from the database's backup", self.key.id()))
    }

    fn check_disk(&self, engines: Option<&str>) -> Finding {
        let least = self.settings.min_free_disk;
        let remedy = "Free some room or enlarge the disk; `docker system df` shows what images and volumes take.";
        let Disk { folder, free } = match self.disk_free(engines) {
            Ok(disk) => disk,
            Err(error) => {
                return wrong("disk", Verdict::Bad, error.for_operator(), "See that the data directory exists.");
            }
        };
        let found = format!("{} free for {}", human(free.0), folder.display());
        if free < least {
            wrong("disk", Verdict::Bad, format!("{found}: new sites are refused below {least}"), remedy)
        } else if free.0 < least.0.saturating_mul(4) {
            wrong("disk", Verdict::Warning, found, remedy)
        } else {
            good("disk", found)
        }
    }

    async fn check_edge(&self) -> Finding {
        let address = self.settings.edge_address;
        if !matches!(timeout(Duration::from_secs(2), TcpStream::connect(address)).await, Ok(Ok(_))) {
            let remedy = "Start `stoa serve`; if another program has the port, change `listen`.";
            return wrong("edge", Verdict::Bad, format!("nobody listens on {address}"), remedy);
        }
        match self.edge_behind().await {
            Ok(None) => good("edge", format!("listens on {address}")),
            Ok(Some(Behind { since, why })) => {
                let found = format!("has taken over no new addresses and certificates since {since:.0}: {why}");
                let remedy = "Mend what it says; it is tried again every minute. Until then it serves what it had.";
                wrong("edge", Verdict::Bad, found, remedy)
            }
            Err(error) => wrong("edge", Verdict::Bad, error.for_operator(), "See that the database runs."),
        }
    }

    fn check_subnets(&self, info: &EngineInfo) -> Finding {
        let pool: &Subnet = &self.settings.subnet_pool;
        let own = |name: &str| name.starts_with("stoa-");
        let strange: Vec<_> = info.subnets.iter().filter(|(name, net)| !own(name) && net.overlaps(pool)).collect();
        if strange.is_empty() {
            return good("address pool", format!("{pool}: room for {} sites", pool.blocks()));
        }
        let names: Vec<_> = strange.iter().map(|(name, net)| format!("{name} ({net})")).collect();
        let remedy = "Set `subnet_pool` to a private network that nothing else on this machine uses.";
        wrong(
            "address pool",
            Verdict::Warning,
            format!("{pool} overlaps with {}; those addresses are left out", names.join(", ")),
            remedy,
        )
    }

    async fn check_images(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for loaded in self.blueprints.iter() {
            let check = format!("blueprint {}", loaded.blueprint.name);
            match self.images_missing(loaded).await {
                Ok(missing) if missing.is_empty() => {
                    let notices = self.notices(loaded).await;
                    findings.push(if notices.is_empty() {
                        good(&check, "its images are there")
                    } else {
                        let remedy = "See images/README.md: build again with WOOCOMMERCE_ZIP=/path/to/woocommerce.zip, or with internet.";
                        wrong(&check, Verdict::Warning, notices.join(" "), remedy)
                    });
                }
                Ok(missing) => {
                    let found = format!("missing: {}; it can't be ordered", missing.join(", "));
                    findings.push(wrong(&check, Verdict::Bad, found, "Run `make images`."));
                }
                Err(error) => findings.push(wrong(&check, Verdict::Bad, error.to_string(), "See that Docker runs.")),
            }
        }
        if findings.is_empty() {
            findings.push(wrong(
                "blueprints",
                Verdict::Bad,
                "there are none",
                "Set `blueprints` to the folder of blueprints.",
            ));
        }
        findings
    }

    async fn check_jobs(&self) -> Finding {
        let counts = match jobs::job_counts(&self.db).await {
            Ok(counts) => counts,
            Err(error) => return wrong("jobs", Verdict::Bad, error.to_string(), "See that the database runs."),
        };
        let of = |state| counts.iter().find(|(s, _)| *s == state).map_or(0, |(_, n)| *n);
        let stuck = of(JobState::Stuck);
        let found = format!(
            "{} waiting, {} running, {stuck} stuck",
            of(JobState::Queued),
            of(JobState::Running) + of(JobState::Unwinding)
        );
        if stuck == 0 {
            return good("jobs", found);
        }
        wrong(
            "jobs",
            Verdict::Bad,
            found,
            "Look at them with `stoa jobs list --state stuck`, then `stoa jobs resume` or `abandon`.",
        )
    }

    async fn check_tasks(&self) -> Finding {
        match tasks::task_counts(&self.db).await {
            Ok(counts) if counts.failed == 0 => good("mail", format!("{} waiting", counts.waiting)),
            Ok(counts) => wrong(
                "mail",
                Verdict::Warning,
                format!("{} letters could not be sent", counts.failed),
                "See the log for the reason.",
            ),
            Err(error) => wrong("mail", Verdict::Bad, error.to_string(), "See that the database runs."),
        }
    }
}

/// An amount for people: one decimal of GiB.
fn human(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
