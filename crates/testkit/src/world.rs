//! The inventory of everything that sites leave anywhere, one line per thing, for comparison.

use std::{collections::BTreeSet, fmt, path::Path};

use stoa_db::{backups, leases, secrets, sites, tasks};
use stoa_model::{id::SiteId, route::Target, site::Site};

use crate::TestPlatform;

/// Everything that exists, each line beginning with its kind: `site`, `lease`, `secret`,
/// `credential`, `schedule`, `network`, `volume`, `container`, `file`, `route`, `notice`, `mail`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct World(BTreeSet<String>);

impl World {
    /// The lines of a kind, without the kind.
    pub fn of(&self, kind: &str) -> Vec<&str> {
        let of_kind = |line| str::strip_prefix(line, kind).and_then(|rest: &str| rest.strip_prefix(' '));
        self.0.iter().filter_map(|line| of_kind(line)).collect()
    }

    /// The number of lines of a kind.
    pub fn count(&self, kind: &str) -> usize {
        self.of(kind).len()
    }

    /// Without the lines of these kinds.
    #[must_use]
    pub fn without(&self, kinds: &[&str]) -> Self {
        let kept = |line: &&String| !kinds.iter().any(|kind| line.split(' ').next() == Some(kind));
        Self(self.0.iter().filter(kept).cloned().collect())
    }

    /// Without saying which operation created a resource: undoing an update replaces a container again.
    #[must_use]
    pub fn without_origins(&self) -> Self {
        let line = |line: &String| match line.split_once(" made by ") {
            Some((name, rest)) => format!("{name}{}", rest.find(',').map_or("", |at| &rest[at..])),
            None => line.clone(),
        };
        Self(self.0.iter().map(line).collect())
    }

    /// The lines that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// Whether nothing exists.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, line: String) {
        self.0.insert(line);
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World\n{self}")
    }
}

impl TestPlatform {
    /// The current inventory, without deleted sites.
    ///
    /// # Panics
    /// If something can't be read.
    pub async fn world(&self) -> World {
        let mut world = World::default();
        for site in sites::sites_all_live(&self.db).await.expect("sites") {
            self.site_rows(&site, &mut world).await;
        }
        for (site, subnet) in leases::leases(&self.db).await.expect("leases") {
            world.add(format!("lease {subnet} of {site}"));
        }
        for thing in self.engine.things() {
            let state = thing.state.map(|state| format!(", {state:?}")).unwrap_or_default();
            world.add(format!("{} made by {}{state}", thing.name, thing.operation));
        }
        files(&self.data_dir().join("sites"), self.data_dir(), &mut world);
        for (host, route) in &self.edge.routes() {
            world.add(match &route.target {
                Target::Upstream(upstream) => format!("route {host} leads to {upstream}"),
                Target::Redirect(to) => format!("route {host} redirects to {to}"),
                Target::Notice(notice) => format!("notice {host} is {notice:?}"),
            });
        }
        let counts = tasks::task_counts(&self.db).await.expect("counts");
        if counts != tasks::TaskCounts::default() {
            world.add(format!("mail {counts:?}"));
        }
        world
    }

    async fn site_rows(&self, site: &Site, world: &mut World) {
        let id = site.id;
        world.add(format!(
            "site {id} {} is {}, route {:?}, revision {:?}",
            site.hostname,
            site.state(),
            site.upstream,
            site.revision
        ));
        for name in self.secrets_of(id).await {
            world.add(format!("secret {name} of {id}"));
        }
        for login in secrets::credentials_get(&self.db, id).await.expect("credentials") {
            world.add(format!("credential {} of {id}", login.label));
        }
        if let Some(schedule) = backups::backup_schedule_get(&self.db, id).await.expect("a schedule") {
            world.add(format!("schedule of {id} by {}", schedule.job));
        }
    }

    /// The names of a site's secrets.
    pub async fn secrets_of(&self, site: SiteId) -> Vec<String> {
        secrets::secrets_get(&self.db, site).await.expect("secrets").into_keys().collect()
    }
}

/// Every file and every empty folder below `folder`, by its path from `root`.
fn files(folder: &Path, root: &Path, world: &mut World) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut empty = true;
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        empty = false;
        if path.is_dir() { files(&path, root, world) } else { world.add(line(&path, root)) }
    }
    if empty && folder != root.join("sites") {
        world.add(format!("{}/", line(folder, root)));
    }
}

fn line(path: &Path, root: &Path) -> String {
    format!("file {}", path.strip_prefix(root).unwrap_or(path).display())
}
