//! The handle on the database, and transactions.
//!
//! SQLite takes one writer at a time. Writers queue up for it in memory, in the order they came, and
//! begin with BEGIN IMMEDIATE; nobody polls a lock. Readers have connections of their own and never
//! wait for the writer (write-ahead log). On MySQL and PostgreSQL all share one pool, at READ COMMITTED:
//! what must not change between a look and a write is locked by row or guarded by a constraint.

use std::{marker::PhantomData, ops::Deref, pin::Pin, sync::Arc, time::Duration};

use sea_orm::{DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{DbError, Retry, open, schema, wal_sync::Durable};

/// A future that can be sent between threads.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file on this machine.
    Sqlite,
    /// MariaDB or MySQL.
    MySql,
    /// PostgreSQL.
    Postgres,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// SQLite only: whose turn it is to write.
    queue: Option<Arc<Mutex<()>>>,
    /// SQLite only: makes commits durable.
    durable: Option<Arc<Durable>>,
}

/// A transaction: everything in it is written by [`commit`](Self::commit), or nothing when it is
/// dropped. Never wait for the network while you hold one.
pub struct Tx {
    // Dropped in this order: rolled back first, then the next writer's turn.
    tx: DatabaseTransaction,
    turn: Option<OwnedMutexGuard<()>>,
    durable: Option<Arc<Durable>>,
}

/// Something to read from: [`Db`], or a [`Tx`] that also sees its own writes.
pub trait Conn: Raw {}

mod raw {
    /// What only this crate can reach.
    pub trait Raw: Sync {
        /// SeaORM's side of it.
        type Orm: sea_orm::ConnectionTrait;
        /// SeaORM's side of it.
        fn raw(&self) -> &Self::Orm;
    }
}
pub(crate) use raw::Raw;

impl Db {
    /// Opens a database: `sqlite:///path/to/stoa.db?mode=rwc`, `mysql://user:password@host/name` or
    /// `postgres://user:password@host/name`.
    ///
    /// # Errors
    /// `Unavailable` if it can't be reached, `Other` if the URL is of no known kind.
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        let open::Opened { backend, reader, writer, durable } = open::open(url).await?;
        let queue = (backend == Backend::Sqlite).then(Arc::default);
        Ok(Self { inner: Arc::new(Inner { backend, reader, writer, queue, durable: durable.map(Arc::new) }) })
    }

    /// Brings the schema up to date; does nothing if it is. Safe when two processes do it at once.
    ///
    /// # Errors
    /// `Busy` if another process takes over a minute at it; `Other` if the database belongs to a newer
    /// release.
    pub async fn migrate(&self) -> Result<(), DbError> {
        schema::migrate(self, i64::MAX).await
    }

    /// As [`migrate`](Self::migrate), but applies nothing after the migration numbered `last`: for
    /// tests of how an older database is brought up to date.
    ///
    /// # Errors
    /// As `migrate`.
    #[doc(hidden)]
    pub async fn migrate_to(&self, last: i64) -> Result<(), DbError> {
        schema::migrate(self, last).await
    }

    /// Names of the migrations that [`migrate`](Self::migrate) would apply.
    ///
    /// # Errors
    /// As `migrate`.
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, DbError> {
        Ok(schema::pending(self).await?.iter().map(|migration| migration.name).collect())
    }

    /// Asks whether the database answers.
    ///
    /// # Errors
    /// If it doesn't.
    pub async fn ping(&self) -> Result<(), DbError> {
        Ok(self.inner.reader.ping().await?)
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Begins a transaction; on SQLite, after all who asked before.
    ///
    /// # Errors
    /// `Busy` if another process holds SQLite's writer for over 10 seconds.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let turn = match &self.inner.queue {
            Some(queue) => Some(Arc::clone(queue).lock_owned().await),
            None => None,
        };
        let sqlite_transaction_mode = turn.is_some().then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let tx = self.inner.writer.begin_with_options(options).await?;
        Ok(Tx { tx, turn, durable: self.inner.durable.clone() })
    }

    /// Runs `body` in a transaction and commits if it succeeds. If another transaction was in the way,
    /// all of it is run again, up to 5 times: `body` must do nothing but read and write this database.
    ///
    /// ```no_run
    /// # async fn example(db: &stoa_db::Db) -> Result<(), stoa_db::DbError> {
    /// let version = db.write(|tx| Box::pin(async move { stoa_db::meta::routes_version_bump(&tx).await })).await?;
    /// # let _: u64 = version; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What `body` answers, or the commit.
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

    /// Closes all connections, once their work is done. On SQLite this also folds the write-ahead log
    /// back into the file.
    pub async fn close(&self) {
        for connection in [&self.inner.reader, &self.inner.writer] {
            if let Err(error) = connection.close_by_ref().await {
                tracing::warn!(%error, "closing the database");
            }
        }
    }
}

impl Tx {
    /// Writes it all. When this returns, a power failure can't take it back.
    ///
    /// # Errors
    /// `Busy` if nothing was written; `Unavailable` if nobody knows.
    pub async fn commit(self) -> Result<(), DbError> {
        let Self { tx, turn, durable } = self;
        tx.commit().await?;
        drop(turn);
        match durable {
            Some(durable) => durable.wait().await,
            None => Ok(()),
        }
    }
}

/// The transaction inside [`Db::write`]; use it as a [`Tx`]. `'a` is what its closure borrows.
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
