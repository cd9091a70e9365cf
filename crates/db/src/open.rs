//! Opens the connections, each kind of database with the settings that make it keep its promises.

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

use crate::{Backend, DbError, wal_sync::Durable};

/// How long anybody waits for a lock or a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections to a database server.
const CONNECTIONS: u32 = 10;
/// Connections that read a SQLite file.
const READERS: u32 = 4;

/// What was opened.
pub(crate) struct Opened {
    pub(crate) backend: Backend,
    pub(crate) reader: DatabaseConnection,
    pub(crate) writer: DatabaseConnection,
    /// What makes a commit durable, where the database doesn't by itself.
    pub(crate) durable: Option<Durable>,
}

pub(crate) async fn open(url: &str) -> Result<Opened, DbError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => sqlite(url).await,
        Some("mysql" | "mariadb") => mysql(url).await,
        Some("postgres" | "postgresql") => postgres(url).await,
        _ => Err(DbError::other("the database's URL must begin with sqlite://, mysql:// or postgres://")),
    }
    .map_err(|error| match error {
        // Whatever goes wrong at the door, there is no database behind it.
        DbError::Busy(source) => DbError::Unavailable(source),
        error => error,
    })
}

/// One writer and several readers that can't write. SQLite keeps the file sound by itself; that commits
/// survive a power failure too is [`Durable`]'s part.
async fn sqlite(url: &str) -> Result<Opened, DbError> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(300);
    if url.contains("mode=rwc") {
        private_file(options.get_filename()).map_err(|error| DbError::Unavailable(error.into()))?;
    }
    let pool = |size| {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(size)
            .acquire_timeout(PATIENCE * 3)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // SQLite itself ends a transaction that meets a full disk or a broken one. The driver then
            // takes it for open for ever: what it commits on this connection is not written any more.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
    };
    let durable = Durable::new(options.get_filename());
    let writer = pool(1).connect_with(options.clone()).await?;
    // Rows come from SQLite's thread through a channel; a wide one spares most of the switching when a
    // reader wants thousands.
    let options = options.pragma("query_only", "on").row_buffer_size(1_000);
    let reader = pool(READERS).connect_with(options).await?;
    Ok(Opened {
        backend: Backend::Sqlite,
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        durable: Some(durable),
    })
}

/// Makes the file before SQLite does, readable by its owner only; SQLite gives its log the same mode.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn mysql(url: &str) -> Result<Opened, DbError> {
    let options = MySqlConnectOptions::from_str(url)?.charset("utf8mb4");
    let pool = MySqlPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for setting in [
                    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                    "SET SESSION innodb_lock_wait_timeout = 10",
                    // Without this a text too long is cut instead of refused.
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
    Ok(Opened { backend: Backend::MySql, reader: pool.clone(), writer: pool, durable: None })
}

async fn postgres(url: &str) -> Result<Opened, DbError> {
    let options = PgConnectOptions::from_str(url)?
        .options([("lock_timeout", "10s"), ("default_transaction_isolation", "read committed")]);
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE).connect_with(options).await?;
    let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Ok(Opened { backend: Backend::Postgres, reader: pool.clone(), writer: pool, durable: None })
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        crate::error::classify(std::sync::Arc::new(error))
    }
}
