//! A database for one test: SQLite in the test's folder, or with `STOA_TEST_DATABASE=mysql` or `postgres` a
//! new one on the server of `STOA_TEST_MYSQL_URL` or `STOA_TEST_POSTGRES_URL` (`crates/db/tests/databases`
//! starts both).

use std::path::Path;

use sea_orm::{ConnectionTrait, Database};
use stoa_db::{Backend, Db};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// A database that is dropped with this value.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    server: Option<(String, String)>,
}

impl TestDatabase {
    pub(crate) async fn new(backend: Backend, folder: &Path) -> Self {
        let name = format!("stoa_{}", Uuid::now_v7().simple());
        match backend {
            Backend::Sqlite => {
                std::fs::write(folder.join("stoa.db"), migrated().await).expect("a database");
                Self { url: sqlite(folder), server: None }
            }
            Backend::MySql => {
                let server = server("STOA_TEST_MYSQL_URL");
                admin(&server, &format!("CREATE DATABASE {name}")).await;
                let (base, query) = server.split_once('?').unwrap_or((&server, ""));
                let url = format!("{}/{name}?{query}", base.trim_end_matches('/'));
                Self { url, server: Some((server, format!("DROP DATABASE {name}"))) }
            }
            Backend::Postgres => {
                let server = server("STOA_TEST_POSTGRES_URL");
                admin(&server, &format!("CREATE SCHEMA {name}")).await;
                let sign = if server.contains('?') { "&" } else { "?" };
                let url = format!("{server}{sign}options[search_path]={name}");
                Self { url, server: Some((server, format!("DROP SCHEMA {name} CASCADE"))) }
            }
        }
    }
}

impl TestDatabase {
    /// Sets a customer's password as releases before people (schema 7) did: in `customers` only.
    pub(crate) async fn set_customer_password(&self, email: &str, hash: &str) {
        let connection = Database::connect(&self.url).await.expect("the test's database");
        let change = format!("UPDATE customers SET password_hash = '{hash}' WHERE email = '{email}'");
        connection.execute_unprepared(&change).await.expect("changed");
        connection.close().await.expect("closed");
    }

    /// Renames a table: away, as if the disk were damaged, or back.
    pub(crate) async fn rename(&self, from: &str, to: &str) {
        admin(&self.url, &format!("ALTER TABLE {from} RENAME TO {to}")).await;
    }
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/stoa.db?mode=rwc", folder.display())
}

/// An empty database with its tables, made once because that takes longer than most tests.
async fn migrated() -> &'static [u8] {
    static EMPTY: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = async || {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::connect(&sqlite(folder.path())).await.expect("a connection");
        db.migrate().await.expect("migrated");
        db.close().await;
        std::fs::read(folder.path().join("stoa.db")).expect("a database")
    };
    EMPTY.get_or_init(make).await
}

/// The database of tests that don't choose one.
pub(crate) fn default_backend() -> Backend {
    match std::env::var("STOA_TEST_DATABASE").as_deref() {
        Ok("mysql") => Backend::MySql,
        Ok("postgres") => Backend::Postgres,
        _ => Backend::Sqlite,
    }
}

/// Whether platforms on a database server consist of several processes: `STOA_TEST_PROCESSES=several`.
pub(crate) fn is_split() -> bool {
    std::env::var("STOA_TEST_PROCESSES").is_ok_and(|value| value == "several")
}

impl Drop for TestDatabase {
    /// In a detached thread: the test's connections hold locks until its runtime ends, which is after
    /// this. If the program ends first, the database stays on the server, which is temporary.
    fn drop(&mut self) {
        let Some((server, sql)) = self.server.take() else { return };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(admin(&server, &sql));
        });
    }
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("set {variable} to the URL of the test server"))
}

async fn admin(server: &str, sql: &str) {
    let connection = Database::connect(server).await.expect("the test server answers");
    connection.execute_unprepared(sql).await.expect("allowed");
    connection.close().await.expect("closed");
}
