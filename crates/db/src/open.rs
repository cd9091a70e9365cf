//! Opens connections, with the settings that each kind of database needs for durability and isolation.

use std::{path::Path, str::FromStr, time::Duration};

use sea_orm::{
    DatabaseConnection, SqlxMySqlConnector, SqlxPostgresConnector, SqlxSqliteConnector,
    sqlx::{
        self, Connection, Executor,
        mysql::{MySqlConnectOptions, MySqlPoolOptions},
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};

use crate::{Backend, DbError, wal_sync::WalSync};

/// Longest wait for a lock or a connection.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Pool size for a database server.
const MAX_CONNECTIONS: u32 = 10;
/// Pool size for readers of a SQLite file.
const MAX_SQLITE_READERS: u32 = 4;

/// The opened connections of one database.
pub(crate) struct Connections {
    pub(crate) backend: Backend,
    pub(crate) reader: DatabaseConnection,
    pub(crate) writer: DatabaseConnection,
    /// SQLite only: makes commits durable.
    pub(crate) wal_sync: Option<WalSync>,
}

pub(crate) async fn open(url: &str) -> Result<Connections, DbError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => sqlite(url).await,
        Some("mysql" | "mariadb") => mysql(url).await,
        Some("postgres" | "postgresql") => postgres(url).await,
        _ => Err(DbError::other("the database URL must begin with sqlite://, mysql:// or postgres://")),
    }
    .map_err(|error| match error {
        // While connecting, every failure means that the database is unavailable.
        DbError::Busy(source) => DbError::Unavailable(source),
        error => error,
    })
}

/// One writer and several read-only readers. SQLite keeps the file consistent; [`WalSync`] makes commits
/// survive a power failure.
async fn sqlite(url: &str) -> Result<Connections, DbError> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(LOCK_TIMEOUT)
        .statement_cache_capacity(300);
    if url.contains("mode=rwc") {
        create_private_file(options.get_filename()).map_err(|error| DbError::Unavailable(error.into()))?;
    }
    let pool = |size| {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(size)
            .acquire_timeout(LOCK_TIMEOUT * 3)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // SQLite ends a transaction by itself on a full or failing disk, but the driver still counts it
            // as open: later commits on this connection would not be written.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
    };
    let wal_sync = WalSync::new(options.get_filename());
    let writer = pool(1).connect_with(options.clone()).await?;
    // Rows arrive from SQLite's thread through a channel; a large buffer avoids most of the thread switches
    // when a query returns thousands.
    let options = options.pragma("query_only", "on").row_buffer_size(1_000);
    let reader = pool(MAX_SQLITE_READERS).connect_with(options).await?;
    Ok(Connections {
        backend: Backend::Sqlite,
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        wal_sync: Some(wal_sync),
    })
}

/// Creates the file before SQLite does, readable by its owner only; SQLite gives its log the same mode.
fn create_private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn mysql(url: &str) -> Result<Connections, DbError> {
    let options = MySqlConnectOptions::from_str(url)?.charset("utf8mb4");
    let pool = MySqlPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(LOCK_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for setting in [
                    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                    "SET SESSION innodb_lock_wait_timeout = 10",
                    // Without strict mode, MySQL truncates text that is too long instead of rejecting it.
                    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
                ] {
                    connection.execute(setting).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    let pool = SqlxMySqlConnector::from_sqlx_mysql_pool(pool);
    Ok(Connections { backend: Backend::MySql, reader: pool.clone(), writer: pool, wal_sync: None })
}

async fn postgres(url: &str) -> Result<Connections, DbError> {
    let options = PgConnectOptions::from_str(url)?
        .options([("lock_timeout", "10s"), ("default_transaction_isolation", "read committed")]);
    let pool = PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(LOCK_TIMEOUT)
        .connect_with(options)
        .await?;
    let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Ok(Connections { backend: Backend::Postgres, reader: pool.clone(), writer: pool, wal_sync: None })
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        crate::error::classify(std::sync::Arc::new(error))
    }
}
