//! The database handle, and transactions.
//!
//! SQLite has one writer at a time. Writers queue for it in memory, first come first served, and start with
//! BEGIN IMMEDIATE, so no lock is polled. Readers have their own connections and never wait for the writer
//! (write-ahead log). On MySQL and PostgreSQL all share one pool at READ COMMITTED: what must not change
//! between a read and a write is locked by row or guarded by a constraint.

use std::{marker::PhantomData, ops::Deref, pin::Pin, sync::Arc, time::Duration};

use sea_orm::{DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{DbError, Retry, core::audit_key::AuditKey, open, schema, wal_sync::WalSync};

/// A future that can be sent between threads.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// Kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, a file on this machine.
    Sqlite,
    /// MariaDB or MySQL.
    MySql,
    /// PostgreSQL.
    Postgres,
}

impl Backend {
    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::MySql => "MariaDB or MySQL",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
    /// Signs the entries of the audit trail.
    audit_key: Option<Arc<AuditKey>>,
}

struct Inner {
    backend: Backend,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// SQLite only: the queue of writers.
    write_queue: Option<Arc<Mutex<()>>>,
    /// SQLite only: makes commits durable.
    wal_sync: Option<Arc<WalSync>>,
}

/// A transaction: [`commit`](Self::commit) writes all of it; dropping it writes nothing. Never wait for the
/// network while holding one.
pub struct Tx {
    // Drop order matters: roll back first, then admit the next writer.
    tx: DatabaseTransaction,
    write_permit: Option<OwnedMutexGuard<()>>,
    wal_sync: Option<Arc<WalSync>>,
    audit_key: Option<Arc<AuditKey>>,
}

/// A source of reads: [`Db`], or a [`Tx`], which also sees its own writes.
pub trait Conn: Raw {}

mod raw {
    /// Access to SeaORM, for this crate only.
    pub trait Raw: Sync {
        /// SeaORM's connection type.
        type Orm: sea_orm::ConnectionTrait;
        /// SeaORM's connection.
        fn raw(&self) -> &Self::Orm;
    }
}
pub(crate) use raw::Raw;

impl Db {
    /// Opens a database: `sqlite:///path/to/stoa.db?mode=rwc`, `mysql://user:password@host/name` or
    /// `postgres://user:password@host/name`.
    ///
    /// # Errors
    /// `Unavailable` if it can't be reached, `Other` if the URL scheme is unknown.
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        Ok(Self::over(open::open(url).await?))
    }

    /// Like [`connect`](Self::connect), and calls `seen` with each statement: for tests that look at how it is executed.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[doc(hidden)]
    pub async fn connect_observed(
        url: &str,
        seen: impl Fn(&sea_orm::Statement) + Clone + Send + Sync + 'static,
    ) -> Result<Self, DbError> {
        let mut connections = open::open(url).await?;
        for connection in [&mut connections.reader, &mut connections.writer] {
            let seen = seen.clone();
            connection.set_metric_callback(move |info| seen(info.statement));
        }
        Ok(Self::over(connections))
    }

    fn over(connections: open::Connections) -> Self {
        let open::Connections { backend, reader, writer, wal_sync } = connections;
        let write_queue = (backend == Backend::Sqlite).then(Arc::default);
        let wal_sync = wal_sync.map(Arc::new);
        Self { inner: Arc::new(Inner { backend, reader, writer, write_queue, wal_sync }), audit_key: None }
    }

    /// The same database; entries of the audit trail that are written through this handle are signed with `key`.
    #[must_use]
    pub fn with_audit_key(self, key: AuditKey) -> Self {
        Self { audit_key: Some(Arc::new(key)), ..self }
    }

    /// Applies all pending migrations; idempotent. Several processes may call it at once.
    ///
    /// # Errors
    /// `Busy` if another process migrates for more than a minute; `Other` if the database belongs to a newer
    /// release.
    pub async fn migrate(&self) -> Result<(), DbError> {
        schema::migrate(self, i64::MAX).await
    }

    /// Like [`migrate`](Self::migrate), but stops after the migration numbered `last`: for tests that upgrade
    /// an older schema.
    #[doc(hidden)]
    pub async fn migrate_to(&self, last: i64) -> Result<(), DbError> {
        schema::migrate(self, last).await
    }

    /// Names of the migrations that [`migrate`](Self::migrate) would apply.
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, DbError> {
        Ok(schema::pending(self).await?.iter().map(|migration| migration.name).collect())
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        Ok(self.inner.reader.ping().await?)
    }

    /// The kind of database.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Whether it is a server, which processes on several machines can use at the same time.
    pub fn is_server(&self) -> bool {
        self.backend() != Backend::Sqlite
    }

    /// Begins a transaction; on SQLite, after all earlier callers have finished theirs.
    ///
    /// # Errors
    /// `Busy` if another process holds SQLite's writer for over 10 seconds.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let write_permit = match &self.inner.write_queue {
            Some(queue) => Some(Arc::clone(queue).lock_owned().await),
            None => None,
        };
        let sqlite_transaction_mode = write_permit.is_some().then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let tx = self.inner.writer.begin_with_options(options).await?;
        Ok(Tx { tx, write_permit, wal_sync: self.inner.wal_sync.clone(), audit_key: self.audit_key.clone() })
    }

    /// Runs `body` in a transaction and commits if it succeeds. On a conflict with another transaction,
    /// `body` runs again, up to 5 times in all, so it must only read and write this database.
    ///
    /// ```no_run
    /// # async fn example(db: &stoa_db::Db) -> Result<(), stoa_db::DbError> {
    /// db.write(|tx| Box::pin(async move { stoa_db::core::meta::meta_set(&tx, "greeting", "hello").await })).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of `body`, or of the commit.
    pub async fn write<'a, T, E, F>(&self, mut body: F) -> Result<T, E>
    where
        F: for<'t> FnMut(WriteTx<'t, 'a>) -> BoxFuture<'t, Result<T, E>>,
        E: From<DbError> + Retry,
    {
        let mut attempt = 1;
        loop {
            let done = async {
                let tx = self.begin().await?;
                let value = body(WriteTx { tx: &tx, scope: PhantomData }).await?;
                tx.commit().await?;
                Ok(value)
            };
            match done.await {
                Err(error) if E::is_busy(&error) && attempt < 5 => {
                    tokio::time::sleep(Duration::from_millis(5 << attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// Closes all connections once their work is done. On SQLite this also merges the write-ahead log into
    /// the database file.
    pub async fn close(&self) {
        for connection in [&self.inner.reader, &self.inner.writer] {
            if let Err(error) = connection.close_by_ref().await {
                tracing::warn!(%error, "could not close a database connection cleanly");
            }
        }
    }
}

impl Tx {
    /// Signs the entries of the audit trail, if this process has the key.
    pub(crate) fn audit_key(&self) -> Option<&AuditKey> {
        self.audit_key.as_deref()
    }

    /// Commits. Once this returns, the changes survive a power failure.
    ///
    /// # Errors
    /// `Busy` if nothing was written; `Unavailable` if the outcome is unknown.
    pub async fn commit(self) -> Result<(), DbError> {
        let Self { tx, write_permit, wal_sync, audit_key: _ } = self;
        tx.commit().await?;
        drop(write_permit);
        match wal_sync {
            Some(wal_sync) => wal_sync.sync_commit().await,
            None => Ok(()),
        }
    }
}

/// The transaction inside [`Db::write`]; it derefs to [`Tx`]. `'a` is the lifetime of what the closure borrows.
#[derive(Clone, Copy)]
pub struct WriteTx<'t, 'a> {
    tx: &'t Tx,
    scope: PhantomData<&'t &'a ()>,
}

impl Deref for WriteTx<'_, '_> {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        self.tx
    }
}

impl Raw for Db {
    type Orm = DatabaseConnection;

    fn raw(&self) -> &DatabaseConnection {
        &self.inner.reader
    }
}

impl Raw for Tx {
    type Orm = DatabaseTransaction;

    fn raw(&self) -> &DatabaseTransaction {
        &self.tx
    }
}

impl Raw for WriteTx<'_, '_> {
    type Orm = DatabaseTransaction;

    fn raw(&self) -> &DatabaseTransaction {
        &self.tx.tx
    }
}

impl Conn for Db {}
impl Conn for Tx {}
impl Conn for WriteTx<'_, '_> {}

impl From<Backend> for sea_orm::DbBackend {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite,
            Backend::MySql => Self::MySql,
            Backend::Postgres => Self::Postgres,
        }
    }
}
