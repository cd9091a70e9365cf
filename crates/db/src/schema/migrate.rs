//! Applies migrations.

use sea_orm::{ConnectionTrait, Statement};

use super::{MIGRATIONS, Migration, render};
use crate::{Backend, Conn, Db, DbError, Tx, db::Raw};

const CREATE_MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
    (version bigint NOT NULL PRIMARY KEY, name varchar(255) NOT NULL)";

/// The migrations that are not applied yet.
///
/// # Errors
/// `Other` if an unknown migration is applied: the database belongs to a newer release.
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
    if db.raw().query_one_raw(statement(db.backend(), exists)).await?.is_none() {
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
    for migration in missing(tx, backend).await?.into_iter().filter(|migration| migration.version <= last) {
        tracing::info!(version = migration.version, name = migration.name, "migrating the database");
        for statement in render::statements(migration, backend) {
            tx.raw().execute_unprepared(&statement).await?;
        }
        for added in migration.columns {
            let column_exists = statement(backend, &render::has_column(added.0, added.1, backend));
            if tx.raw().query_one_raw(column_exists).await?.is_none() {
                tx.raw().execute_unprepared(&render::add_column(*added, backend)).await?;
            }
        }
        for statement in migration.backfill {
            tx.raw().execute_unprepared(statement).await?;
        }
        let values = [migration.version.into(), migration.name.into()];
        let insert = match backend {
            Backend::Postgres => "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
            Backend::Sqlite | Backend::MySql => "INSERT INTO schema_migrations (version, name) VALUES (?, ?)",
        };
        tx.raw().execute_raw(Statement::from_sql_and_values(backend.into(), insert, values)).await?;
    }
    Ok(())
}

async fn missing(c: &impl Conn, backend: Backend) -> Result<Vec<&'static Migration>, DbError> {
    let rows = c.raw().query_all_raw(statement(backend, "SELECT version FROM schema_migrations")).await?;
    let applied = rows.iter().map(|row| row.try_get::<i64>("", "version")).collect::<Result<Vec<_>, _>>()?;
    if let Some(newer) = applied.iter().find(|version| MIGRATIONS.iter().all(|known| known.version != **version)) {
        return Err(DbError::other(format!(
            "the database has migration {newer}, which belongs to a newer release; run that release"
        )));
    }
    Ok(MIGRATIONS.iter().filter(|known| !applied.contains(&known.version)).collect())
}

fn statement(backend: Backend, sql: &str) -> Statement {
    Statement::from_string(backend.into(), sql.to_owned())
}
