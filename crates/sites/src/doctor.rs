//! The doctor's checks of engine, disk, address pool and blueprints.

use stoa_core::{
    doctor::{first_few, good, wrong},
    view::{Finding, Verdict},
};
use stoa_provider::engine::{Engine, EngineInfo};

use crate::{Sites, capacity::Disk};

impl Sites {
    /// Whether stacks can run: the engine answers, the disk has room, images are there.
    pub async fn doctor(&self) -> Vec<Finding> {
        let default = self.engines.default();
        let engine = default.describe().await;
        let data_directory = engine.as_ref().ok().and_then(|info| info.data_directory.as_deref());
        let mut findings = vec![self.check_disk(data_directory)];
        match engine {
            Ok(info) => {
                let version =
                    format!("{} {}, {} cores, {} memory", info.kind, info.version, info.cores, gibibytes(info.memory));
                findings.push(good("engine", version));
                findings.push(check_lease_pool(&**default, &info));
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
    let foreign = info.in_use.iter().filter(|(name, range)| is_foreign(name) && overlaps(*range));
    let names: Vec<_> = foreign.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return good("address pool", format!("{}: room for {} sites", pool.name, pool.count));
    }
    let remedy = "Set `subnet_pool` to a private network that nothing else on this machine uses.";
    let found = format!("{} overlaps with {}; those addresses are left out", pool.name, names.join(", "));
    wrong("address pool", Verdict::Warning, found, remedy)
}

/// An amount for people: one decimal of GiB.
fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
