//! The doctor's checks of engine, disk, address pool and blueprints.

use std::path::Path;
use stoa_core::{
    doctor::{first_few, good, wrong},
    view::{Finding, Verdict},
};
use stoa_db::sites;
use stoa_provider::engine::{Engine, EngineInfo, NetworkMtu};

use crate::{Sites, capacity::Disk, kernel_limits};

impl Sites {
    /// Whether stacks can run: the engine answers, the disk has room, images are there.
    pub async fn doctor(&self) -> Vec<Finding> {
        let default = self.engines.default();
        let engine = default.describe().await;
        let data_directory = engine.as_ref().ok().and_then(|info| info.data_directory.as_deref());
        let mut findings = vec![self.check_disk(data_directory), self.check_kernel_limits().await];
        match engine {
            Ok(info) => {
                let version =
                    format!("{} {}, {} cores, {} memory", info.kind, info.version, info.cores, gibibytes(info.memory));
                findings.push(good("engine", version));
                findings.push(check_lease_pool(&**default, &info));
                findings.extend(info.mtu.as_ref().map(check_mtu));
                findings.extend(self.check_images().await);
                findings.push(self.check_data().await);
            }
            Err(error) => {
                let remedy = "Start Docker (`systemctl start docker`, or run `dockerd`) and see that this user may use its socket.";
                findings.push(wrong("engine", Verdict::Bad, error.to_string(), remedy));
            }
        }
        findings
    }

    fn check_disk(&self, engines: Option<&str>) -> Finding {
        let least = self.core.settings.min_free_disk;
        let remedy = "Free some room or enlarge the disk; `docker system df` shows what images and volumes take.";
        let Disk { folder, free } = match self.disk_free(engines) {
            Ok(disk) => disk,
            Err(error) => {
                return wrong("disk", Verdict::Bad, error.for_operator(), "See that the data directory exists.");
            }
        };
        let found = format!("{} free for {}", gibibytes(free.0), folder.display());
        if free < least {
            wrong("disk", Verdict::Bad, format!("{found}: new sites are refused below {least}"), remedy)
        } else if free.0 < least.0.saturating_mul(4) {
            wrong("disk", Verdict::Warning, found, remedy)
        } else {
            good("disk", found)
        }
    }

    async fn check_kernel_limits(&self) -> Finding {
        let counts = sites::site_counts(&self.core.db, None).await.unwrap_or_default();
        let running = counts.iter().filter(|(state, _)| state.should_run()).map(|(_, count)| count).sum();
        kernel_limits::check(Path::new("/proc/sys/fs"), running)
    }

    /// Whether all volumes of all sites are there.
    async fn check_data(&self) -> Finding {
        match self.sites_without_data().await {
            Ok(names) if names.is_empty() => good("data", "every site's volumes are there"),
            Ok(names) => {
                let remedy = "Bring the volumes back (docs/operate.md, \"A site's data is missing\"); the sites are not started until then.";
                wrong("data", Verdict::Bad, format!("missing: {}", first_few(&names)), remedy)
            }
            Err(error) => wrong("data", Verdict::Bad, error.for_operator(), "See that Docker and the database run."),
        }
    }

    async fn check_images(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for loaded in self.blueprints.iter() {
            let check = format!("blueprint {}", loaded.blueprint.name);
            match self.missing_images(loaded).await {
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
}

/// Whether something else on the engine uses what sites are placed on.
fn check_lease_pool(engine: &dyn Engine, info: &EngineInfo) -> Finding {
    let Some(pool) = engine.lease_pool(info) else { return good("address pool", "this engine needs none") };
    let is_foreign = |name: &str| !name.starts_with("stoa-");
    let overlaps = |(from, to): (i64, i64)| from < pool.end() && to > pool.first;
    let foreign: Vec<_> = info.in_use.iter().filter(|(name, range)| is_foreign(name) && overlaps(*range)).collect();
    if let Some((name, _)) = foreign.iter().find(|(_, range)| !pool.taken.contains(range)) {
        let remedy = "Set `subnet_pool` to a private network that this machine has no route to, such as one of 10.0.0.0/8 or 172.16.0.0/12.";
        let found = format!("{} lies in {name}: where sites are, this machine can't reach what is there", pool.name);
        return wrong("address pool", Verdict::Warning, found, remedy);
    }
    let names: Vec<_> = foreign.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return good("address pool", format!("{}: room for {} sites", pool.name, pool.count));
    }
    let remedy = "Set `subnet_pool` to a private network that nothing else on this machine uses.";
    let found = format!("{} overlaps with {}; those addresses are left out", pool.name, names.join(", "));
    wrong("address pool", Verdict::Warning, found, remedy)
}

/// Whether sites' networks allow larger packets than the machine's way out carries.
fn check_mtu(mtu: &NetworkMtu) -> Finding {
    let wanted = format!("sites' networks get {} bytes, as {}", mtu.wanted, mtu.source);
    if mtu.larger.is_empty() {
        return good("packet size", wanted);
    }
    let names: Vec<_> = mtu.larger.iter().map(|(name, mtu)| format!("{name} ({mtu})")).collect();
    let remedy = "Stop each of these sites, run `docker compose down` in its directory, and start it: its network and its containers are made again, with the same data.";
    let found = format!("{wanted}, but {} allow larger packets, which get lost on the way", first_few(&names));
    wrong("packet size", Verdict::Warning, found, remedy)
}

/// An amount for people: one decimal of GiB.
fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
