//! SQLite on a disk that is really full. It then ends a transaction by itself, and the driver must not treat it as
//! open: everything after it would be acknowledged and never written.

use std::{fs, io::Write, path::Path, process::Command};

use stoa_db::{Db, DbError, meta};

async fn set(db: &Db, value: &str) -> Result<(), DbError> {
    db.write(|tx| Box::pin(async move { meta::meta_set(&tx, "test", value).await })).await
}

async fn get(db: &Db) -> Option<String> {
    meta::meta_get(db, "test").await.unwrap()
}

fn fill(disk: &Path) {
    let mut file = fs::File::create(disk.join("ballast")).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[tokio::test]
async fn writes_after_a_full_disk_are_durable() {
    let home = tempfile::tempdir().unwrap();
    let disk = home.path();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(disk).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: mounting a small disk needs root");
        return;
    }
    let url = format!("sqlite://{}?mode=rwc", disk.join("stoa.db").display());
    let ended = tokio::spawn(async move {
        let db = Db::connect(&url).await.unwrap();
        db.migrate().await.unwrap();
        let other = Db::connect(&url).await.unwrap();
        for round in 0..5 {
            let disk = Path::new(url.trim_start_matches("sqlite://").trim_end_matches("/stoa.db?mode=rwc"));
            fill(disk);
            let long = "x".repeat(100_000);
            for _ in 0..4 {
                assert!(matches!(set(&db, &long).await, Err(DbError::Full(_))), "the disk is full");
            }
            fs::remove_file(disk.join("ballast")).unwrap();
            // A dropped transaction, and a committed one.
            drop(db.begin().await.unwrap());
            let value = format!("round {round}");
            set(&db, &value).await.unwrap();
            assert_eq!(get(&other).await, Some(value), "an acknowledged write is not visible to others");
            set(&other, "theirs").await.expect("the writer is free");
        }
    })
    .await;
    let _ = Command::new("umount").arg("-l").arg(disk).status();
    ended.unwrap();
}

#[tokio::test]
async fn a_migration_on_a_full_disk_changes_nothing_and_can_be_repeated() {
    let home = tempfile::tempdir().unwrap();
    let disk = home.path();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(disk).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: mounting a small disk needs root");
        return;
    }
    let disk_path = disk.to_owned();
    let ended = tokio::spawn(async move {
        let url = format!("sqlite://{}?mode=rwc", disk_path.join("stoa.db").display());
        let db = Db::connect(&url).await.unwrap();
        db.migrate_to(1).await.unwrap();
        set(&db, "kept").await.unwrap();
        let pending = db.pending_migrations().await.unwrap();
        fill(&disk_path);
        for _ in 0..2 {
            let failed = db.migrate().await;
            assert!(matches!(failed, Err(DbError::Full(_))), "{failed:?}");
            assert_eq!(db.pending_migrations().await.unwrap(), pending, "it is all or nothing");
        }
        assert_eq!(get(&db).await.as_deref(), Some("kept"));
        fs::remove_file(disk_path.join("ballast")).unwrap();
        db.migrate().await.unwrap();
        assert!(db.pending_migrations().await.unwrap().is_empty());
        assert_eq!(get(&db).await.as_deref(), Some("kept"));
    })
    .await;
    let _ = Command::new("umount").arg("-l").arg(disk).status();
    ended.unwrap();
}
