//! Applies migrations.

use sea_orm::{ConnectionTrait, Statement};

use super::{MIGRATIONS, Migration, render};
use crate::{Backend, Conn, Db, DbError, Tx, db::Raw};

const CREATE_MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
    (version bigint NOT NULL PRIMARY KEY, name varchar(255) NOT NULL)";
/// See [`Migration::oldest_release`]; NULL in rows that releases before migration 4 have written.
const OLDEST_RELEASE: (&str, &str, &str) = ("schema_migrations", "oldest_release", "bigint");

/// The migrations that are not applied yet.
///
/// # Errors
/// `Other` if an unknown migration is applied that this release can't run on.
pub(crate) async fn pending(db: &Db) -> Result<Vec<&'static Migration>, DbError> {
    let exists = match db.backend() {
        Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'",
        Backend::MySql => {
            "SELECT table_name FROM information_schema.tables \
                WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'"
        }
        Backend::Postgres => {
            "SELECT table_name FROM information_schema.tables \
                WHERE table_schema = current_schema() AND table_name = 'schema_migrations'"
        }
    };
    if !holds(db, exists, db.backend()).await? {
        return Ok(MIGRATIONS.iter().collect());
    }
    missing(db, db.backend()).await
}

/// Applies pending migrations up to number `last`, one process at a time.
pub(crate) async fn migrate(db: &Db, last: i64) -> Result<(), DbError> {
    if pending(db).await?.iter().all(|migration| migration.version > last) {
        return Ok(());
    }
    let tx = db.begin().await?;
    let backend = db.backend();
    match backend {
        Backend::Sqlite => apply(&tx, backend, last).await?,
        Backend::Postgres => {
            tx.raw().query_one_raw(statement(backend, "SELECT pg_advisory_xact_lock(8390057281)")).await?;
            apply(&tx, backend, last).await?;
        }
        Backend::MySql => {
            let lock = "SELECT GET_LOCK(MD5(CONCAT('stoa.', DATABASE())), 60) = 1 AS got";
            let got = tx.raw().query_one_raw(statement(backend, lock)).await?;
            if got.map(|row| row.try_get::<Option<i32>>("", "got")).transpose()?.flatten().is_none_or(|got| got != 1) {
                return Err(DbError::Busy("another process is migrating the database".into()));
            }
            let done = apply(&tx, backend, last).await;
            // The lock belongs to the connection, which returns to the pool.
            let unlock = "SELECT RELEASE_LOCK(MD5(CONCAT('stoa.', DATABASE())))";
            tx.raw().query_one_raw(statement(backend, unlock)).await?;
            done?;
        }
    }
    tx.commit().await
}

async fn apply(tx: &Tx, backend: Backend, last: i64) -> Result<(), DbError> {
    tx.raw().execute_unprepared(CREATE_MIGRATIONS_TABLE).await?;
    add_column(tx, OLDEST_RELEASE, backend).await?;
    for migration in missing(tx, backend).await?.into_iter().filter(|migration| migration.version <= last) {
        tracing::info!(version = migration.version, name = migration.name, "migrating the database");
        for statement in render::statements(migration, backend) {
            tx.raw().execute_unprepared(&statement).await?;
        }
        for added in migration.columns {
            add_column(tx, *added, backend).await?;
        }
        for (table, index) in migration.primary_keys {
            add_primary_key(tx, table, index, backend).await?;
        }
        for index in migration.indexes {
            if !holds(tx, &render::has_index(index, backend), backend).await? {
                tx.raw().execute_unprepared(&render::add_index(index, backend)).await?;
            }
        }
        for statement in migration.backfill {
            tx.raw().execute_unprepared(statement).await?;
        }
        record(tx, migration, backend).await?;
    }
    Ok(())
}

async fn record(tx: &Tx, migration: &Migration, backend: Backend) -> Result<(), DbError> {
    let values = [migration.version.into(), migration.name.into(), migration.oldest_release.into()];
    let insert = match backend {
        Backend::Postgres => "INSERT INTO schema_migrations (version, name, oldest_release) VALUES ($1, $2, $3)",
        Backend::Sqlite | Backend::MySql => {
            "INSERT INTO schema_migrations (version, name, oldest_release) VALUES (?, ?, ?)"
        }
    };
    tx.raw().execute_raw(Statement::from_sql_and_values(backend.into(), insert, values)).await?;
    Ok(())
}

async fn add_column(tx: &Tx, added: (&str, &str, &str), backend: Backend) -> Result<(), DbError> {
    if !holds(tx, &render::has_column(added.0, added.1, backend), backend).await? {
        tx.raw().execute_unprepared(&render::add_column(added, backend)).await?;
    }
    Ok(())
}

/// Makes a unique index of NOT NULL columns the primary key. On SQLite and MySQL such an index serves as one.
async fn add_primary_key(tx: &Tx, table: &str, index: &str, backend: Backend) -> Result<(), DbError> {
    let has_key = format!(
        "SELECT 1 FROM information_schema.table_constraints WHERE table_schema = current_schema() \
            AND table_name = '{table}' AND constraint_type = 'PRIMARY KEY'"
    );
    if backend == Backend::Postgres && !holds(tx, &has_key, backend).await? {
        let add = format!("ALTER TABLE {table} ADD CONSTRAINT {index} PRIMARY KEY USING INDEX {index}");
        tx.raw().execute_unprepared(&add).await?;
    }
    Ok(())
}

async fn missing(c: &impl Conn, backend: Backend) -> Result<Vec<&'static Migration>, DbError> {
    let has_range = holds(c, &render::has_column(OLDEST_RELEASE.0, OLDEST_RELEASE.1, backend), backend).await?;
    let range = if has_range { "oldest_release" } else { "NULL" };
    let query = format!(
        "SELECT version, CAST({range} AS {}) AS oldest_release FROM schema_migrations",
        match backend {
            Backend::MySql => "signed",
            Backend::Sqlite | Backend::Postgres => "bigint",
        }
    );
    let rows = c.raw().query_all_raw(statement(backend, &query)).await?;
    let mut applied = Vec::new();
    let newest = MIGRATIONS.last().map_or(0, |migration| migration.version);
    for row in rows {
        let version: i64 = row.try_get("", "version")?;
        let oldest_release: Option<i64> = row.try_get("", "oldest_release")?;
        if version > newest && oldest_release.is_none_or(|oldest| oldest > newest) {
            return Err(DbError::other(format!(
                "the database has migration {version}, which this release can't run on (it knows migrations up to \
                    {newest}); run the newer release"
            )));
        }
        applied.push(version);
    }
    Ok(MIGRATIONS.iter().filter(|known| !applied.contains(&known.version)).collect())
}

async fn holds(c: &impl Conn, query: &str, backend: Backend) -> Result<bool, DbError> {
    Ok(c.raw().query_one_raw(statement(backend, query)).await?.is_some())
}

fn statement(backend: Backend, sql: &str) -> Statement {
    Statement::from_string(backend.into(), sql.to_owned())
}
