//! SQLite on a disk that is really full. It then ends a transaction by itself, and the driver must not treat it as
//! open: everything after it would be acknowledged and never written.

use std::{fs, io::Write, path::PathBuf, process::Command};

use stoa_db::{Db, DbError, meta};
use tempfile::TempDir;

async fn set(db: &Db, value: &str) -> Result<(), DbError> {
    db.write(|tx| Box::pin(async move { meta::meta_set(&tx, "test", value).await })).await
}

async fn get(db: &Db) -> Option<String> {
    meta::meta_get(db, "test").await.unwrap()
}

/// A disk of 2 MB, until it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(home.path()).status();
        if !mount.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: mounting a small disk needs root");
            return None;
        }
        Some(Self(home))
    }

    fn url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.0.path().join("stoa.db").display())
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.ballast()).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Connections may still be open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn writes_after_a_full_disk_are_durable() {
    let Some(disk) = SmallDisk::mount() else { return };
    let db = Db::connect(&disk.url()).await.unwrap();
    db.migrate().await.unwrap();
    let other = Db::connect(&disk.url()).await.unwrap();
    for round in 0..5 {
        disk.fill();
        let long = "x".repeat(100_000);
        for _ in 0..4 {
            assert!(matches!(set(&db, &long).await, Err(DbError::Full(_))), "the disk is full");
        }
        disk.make_room();
        // A dropped transaction, and a committed one.
        drop(db.begin().await.unwrap());
        let value = format!("round {round}");
        set(&db, &value).await.unwrap();
        assert_eq!(get(&other).await, Some(value), "an acknowledged write is not visible to others");
        set(&other, "theirs").await.expect("the writer is free");
    }
}

#[tokio::test]
async fn a_migration_on_a_full_disk_changes_nothing_and_can_be_repeated() {
    let Some(disk) = SmallDisk::mount() else { return };
    let db = Db::connect(&disk.url()).await.unwrap();
    db.migrate_to(1).await.unwrap();
    set(&db, "kept").await.unwrap();
    let pending = db.pending_migrations().await.unwrap();
    disk.fill();
    for _ in 0..2 {
        let failed = db.migrate().await;
        assert!(matches!(failed, Err(DbError::Full(_))), "{failed:?}");
        assert_eq!(db.pending_migrations().await.unwrap(), pending, "it is all or nothing");
    }
    assert_eq!(get(&db).await.as_deref(), Some("kept"));
    disk.make_room();
    db.migrate().await.unwrap();
    assert!(db.pending_migrations().await.unwrap().is_empty());
    assert_eq!(get(&db).await.as_deref(), Some("kept"));
}
