//! Is there room? Asked before anything is made, and answered from what was seen of the machine in
//! the last seconds, so that an order never waits for the engine.

use crate::Sites;
use std::path::{Path, PathBuf};

use stoa_db::{Conn, Tx, sites, sites::revisions::Images};
use stoa_model::{blueprint::Blueprint, limits::Bytes, placement::LeasePool, site::SiteState};

use crate::blueprints::Loaded;
use stoa_core::{Error, Result};

/// What there is for another site on the default engine.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Bytes of memory that may be promised to sites in all.
    memory: u64,
    /// Where the site's lease comes from, if the engine needs one.
    pub pool: Option<LeasePool>,
    /// The content of its images.
    pub images: Images,
}

/// What a disk has left.
#[derive(Debug)]
pub(crate) struct Disk {
    /// A folder on it.
    pub folder: PathBuf,
    /// For whoever isn't root.
    pub free: Bytes,
}

impl Sites {
    /// Refuses an order that can't be carried out now, of a site whose main service gets the memory `main`. The room that there is goes into the order's
    /// transaction, where [`Sites::order_fits`] has the last word.
    ///
    /// # Errors
    /// The engine is away, an image is missing, or memory or disk would not do.
    pub(crate) async fn ensure_order_possible(&self, loaded: &Loaded, main: Bytes) -> Result<Room> {
        let away = |source| Error::Unavailable {
            message: "New sites can't be made at this moment: the machine that runs them does not answer. \
                      Please try again in a few minutes; nothing was ordered."
                .into(),
            source,
        };
        let missing = self.missing_images(loaded).await.map_err(|e| away(e.into()))?;
        if !missing.is_empty() {
            tracing::error!(
                ?missing,
                blueprint = loaded.blueprint.name,
                "an order was refused: images are missing; run `make images`"
            );
            return Err(Error::Capacity(
                "This kind of site can't be ordered at this moment. We have been told.".into(),
            ));
        }
        let engine = self.engines.default();
        let machine = self.engine_cache.look(&**engine, self.core.clock.now()).await.map_err(|e| away(e.into()))?;
        let room = Room {
            memory: (machine.memory as f64 * self.core.settings.memory_overcommit) as u64,
            pool: engine.lease_pool(&machine),
            images: self.current_images(loaded).await.map_err(|e| away(e.into()))?,
        };
        let needed = memory_beside_main(&loaded.blueprint).saturating_add(main.0);
        self.ensure_memory(&self.core.db, needed, &room).await?;
        let Disk { folder, free } = self.disk_free(machine.data_directory.as_deref())?;
        if free < self.core.settings.min_free_disk {
            let (folder, least) = (folder.display(), self.core.settings.min_free_disk);
            tracing::error!(%folder, %free, %least, "an order was refused: the disk is nearly full");
            return Err(full());
        }
        Ok(room)
    }

    /// Whether a site that was just stored and holds a network still fits. Orders wait for one
    /// another where they lease a network, so of two that saw the same room the second is refused.
    ///
    /// # Errors
    /// If memory would not do.
    pub(crate) async fn ensure_order_fits(&self, tx: &Tx, room: &Room) -> Result<()> {
        self.ensure_memory(tx, 0, room).await
    }

    async fn ensure_memory(&self, c: &impl Conn, needed: u64, room: &Room) -> Result<()> {
        let used = self.memory_promised(c).await?;
        if used.saturating_add(needed) > room.memory {
            tracing::error!(used, needed, room = room.memory, "an order was refused: no memory left to promise");
            return Err(full());
        }
        Ok(())
    }

    /// Whether so much more memory can be promised.
    ///
    /// # Errors
    /// The engine is away, or memory would not do.
    pub(crate) async fn ensure_memory_for(&self, more: u64) -> Result<()> {
        let engine = self.engines.default();
        let machine = self.engine_cache.look(&**engine, self.core.clock.now()).await.map_err(crate::runtime::away)?;
        let room = (machine.memory as f64 * self.core.settings.memory_overcommit) as u64;
        if self.memory_promised(&self.core.db).await?.saturating_add(more) > room {
            let text = "There is no room for a larger site at this moment. We have been told; nothing was changed.";
            return Err(Error::Capacity(text.into()));
        }
        Ok(())
    }

    /// Memory limits of all sites that run or are about to, in bytes.
    async fn memory_promised(&self, c: &impl Conn) -> Result<u64> {
        let mut sum = 0_u64;
        for used in sites::sites_by_blueprint(c, RUNNING).await? {
            let pinned = match used.version {
                Some(version) => Some(self.blueprint_version(&version).await?),
                None => self.blueprints.get(&used.blueprint).cloned(),
            };
            let beside = pinned.map_or(0, |loaded| memory_beside_main(&loaded.blueprint));
            sum = sum.saturating_add(beside.saturating_mul(used.sites)).saturating_add(used.memory);
        }
        Ok(sum)
    }

    /// The disk with less room: the one of the platform's data, or the one where the engine keeps
    /// what customers store. The engine's is left out where this process can't ask it.
    ///
    /// # Errors
    /// The platform's own disk can't be asked.
    pub(crate) fn disk_free(&self, engine: Option<&str>) -> Result<Disk> {
        let ours = room(&self.core.settings.data_dir).map_err(Error::internal)?;
        let engines = engine.and_then(|folder| room(Path::new(folder)).ok());
        Ok(engines.filter(|disk| disk.free < ours.free).unwrap_or(ours))
    }
}

/// Memory limits of a site's services in bytes, without its main service and the optional ones.
fn memory_beside_main(blueprint: &Blueprint) -> u64 {
    let others = blueprint.services.iter().filter(|s| s.profiles.is_empty() && s.name != blueprint.main_service);
    others.map(|s| s.limits.memory.0).sum()
}

fn room(folder: &Path) -> rustix::io::Result<Disk> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(Disk { folder: folder.to_owned(), free: Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)) })
}

/// States whose containers hold memory, or are about to.
const RUNNING: &[SiteState] = &[SiteState::Pending, SiteState::Provisioning, SiteState::Active, SiteState::Updating];

fn full() -> Error {
    Error::Capacity("There is no room for another site at this moment. We have been told; nothing was ordered.".into())
}
