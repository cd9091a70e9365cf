//! Group commit for SQLite: commits survive a power failure, and share syncs.
//!
//! With `synchronous=FULL`, SQLite syncs its write-ahead log inside each commit while the next writer waits:
//! thirty concurrent orders wait for thirty syncs. With `synchronous=NORMAL`, which keeps the file
//! consistent, a commit only appends to the log and the next writer continues at once; the committer then
//! waits for a sync that started after its commit. Everyone who waits meanwhile shares the next sync.
//!
//! In between, others can read data that is not durable yet. Whatever they write based on it comes later in
//! the same log, so it can't become durable without it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{sync::Mutex, task::spawn_blocking};

use crate::DbError;

/// Syncs the write-ahead log of one database.
pub(crate) struct WalSync {
    log: PathBuf,
    /// Number of commits.
    committed: AtomicU64,
    /// Number of commits known to be durable. The lock is held during a sync.
    synced: Mutex<u64>,
}

impl WalSync {
    /// For the database file at `database`.
    pub(crate) fn new(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self { log: log.into(), committed: AtomicU64::new(0), synced: Mutex::new(0) }
    }

    /// Waits until everything committed before this call is durable.
    ///
    /// # Errors
    /// `Unavailable` if the log can't be synced: what would survive is then unknown.
    pub(crate) async fn sync_commit(&self) -> Result<(), DbError> {
        let mine = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut synced = self.synced.lock().await;
        if *synced >= mine {
            return Ok(());
        }
        let all = self.committed.load(Ordering::SeqCst);
        let log = self.log.clone();
        // Opened each time: SQLite replaces the log when the last connection closes.
        let done = spawn_blocking(move || File::open(log)?.sync_data()).await;
        done.map_err(std::io::Error::other).flatten().map_err(|error| DbError::Unavailable(error.into()))?;
        *synced = all;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn concurrent_commits_share_one_sync() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("stoa.db-wal"), b"frames").expect("a log");
        let wal_sync = Arc::new(WalSync::new(&folder.path().join("stoa.db")));
        let running_sync = wal_sync.synced.lock().await;
        let mut waiting = JoinSet::new();
        for _ in 0..30 {
            let wal_sync = wal_sync.clone();
            waiting.spawn(async move { wal_sync.sync_commit().await });
        }
        while wal_sync.committed.load(Ordering::SeqCst) < 30 {
            tokio::task::yield_now().await;
        }
        drop(running_sync);
        waiting.join_next().await.expect("one").expect("no panic").expect("durable");
        assert_eq!(*wal_sync.synced.lock().await, 30, "the first sync is enough for all");
        assert!(waiting.join_all().await.into_iter().all(|done| done.is_ok()));
    }

    #[tokio::test]
    async fn a_missing_log_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let wal_sync = WalSync::new(&folder.path().join("stoa.db"));
        assert!(matches!(wal_sync.sync_commit().await, Err(DbError::Unavailable(_))));
    }
}
