//! Commits on SQLite that survive a power failure, many with one sync.
//!
//! Left to itself (`synchronous=FULL`), SQLite syncs its write-ahead log within each commit while the
//! next writer waits: thirty orders at once wait for thirty syncs. Here a commit only appends to the
//! log (`synchronous=NORMAL`, which keeps the file sound), the next writer goes on at once, and the
//! committer waits for a sync that began after his commit. All who wait meanwhile share the next one.
//!
//! In between, others can see what is not durable yet. Whatever they write on the ground of it lies
//! further on in the same log, so it is never durable without it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{sync::Mutex, task::spawn_blocking};

use crate::DbError;

/// Syncs the write-ahead log of one database.
pub(crate) struct Durable {
    log: PathBuf,
    /// How many commits there were.
    committed: AtomicU64,
    /// How many of them are known to be durable. The lock is held during a sync, and waited for in turn.
    synced: Mutex<u64>,
}

impl Durable {
    /// For the database in this file.
    pub(crate) fn new(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self { log: log.into(), committed: AtomicU64::new(0), synced: Mutex::new(0) }
    }

    /// Returns when everything that was committed before this call is durable.
    ///
    /// # Errors
    /// `Unavailable` if the log can't be synced: nobody knows what would survive then.
    pub(crate) async fn wait(&self) -> Result<(), DbError> {
        let mine = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut synced = self.synced.lock().await;
        if *synced >= mine {
            return Ok(());
        }
        let all = self.committed.load(Ordering::SeqCst);
        let log = self.log.clone();
        // Opened each time: the log is another file after its last user closed the database.
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
    async fn all_who_wait_share_one_sync() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("stoa.db-wal"), b"frames").expect("a log");
        let durable = Arc::new(Durable::new(&folder.path().join("stoa.db")));
        let under_way = durable.synced.lock().await;
        let mut waiting = JoinSet::new();
        for _ in 0..30 {
            let durable = durable.clone();
            waiting.spawn(async move { durable.wait().await });
        }
        while durable.committed.load(Ordering::SeqCst) < 30 {
            tokio::task::yield_now().await;
        }
        drop(under_way);
        waiting.join_next().await.expect("one").expect("no panic").expect("durable");
        assert_eq!(*durable.synced.lock().await, 30, "the first sync is enough for all");
        assert!(waiting.join_all().await.into_iter().all(|done| done.is_ok()));
    }

    #[tokio::test]
    async fn a_log_that_is_not_there_is_no_success() {
        let folder = tempfile::tempdir().expect("a folder");
        let durable = Durable::new(&folder.path().join("stoa.db"));
        assert!(matches!(durable.wait().await, Err(DbError::Unavailable(_))));
    }
}
