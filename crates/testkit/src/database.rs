//! A database for one test. SQLite in the test's own folder; with `STOA_TEST_DATABASE=mysql` or
//! `postgres`, one of its own on the server that `STOA_TEST_MYSQL_URL` or `STOA_TEST_POSTGRES_URL`
//! names (`crates/db/tests/databases` starts both).

use std::path::Path;

use sea_orm::{ConnectionTrait, Database};
use stoa_db::{Backend, Db};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// A database that is dropped with this value.
pub(crate) struct Made {
    pub(crate) url: String,
    server: Option<(String, String)>,
}

impl Made {
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

impl Made {
    /// Takes a table away, as a damaged disk would, or brings it back.
    pub(crate) async fn rename(&self, from: &str, to: &str) {
        admin(&self.url, &format!("ALTER TABLE {from} RENAME TO {to}")).await;
    }
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/stoa.db?mode=rwc", folder.display())
}

/// An empty database with its tables: made once, for that takes longer than most tests.
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

/// Which database tests run on that don't say.
pub(crate) fn default_backend() -> Backend {
    match std::env::var("STOA_TEST_DATABASE").as_deref() {
        Ok("mysql") => Backend::MySql,
        Ok("postgres") => Backend::Postgres,
        _ => Backend::Sqlite,
    }
}

impl Drop for Made {
    /// On a thread that nobody waits for: the test's own connections hold locks until its runtime is
    /// gone, and that is gone only after this. Should the program end first, the server that is
    /// thrown away after the tests keeps it.
    fn drop(&mut self) {
        let Some((server, sql)) = self.server.take() else { return };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(admin(&server, &sql));
        });
    }
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} says where the database is to be made"))
}

async fn admin(server: &str, sql: &str) {
    let connection = Database::connect(server).await.expect("the test server answers");
    connection.execute_unprepared(sql).await.expect("allowed");
    connection.close().await.expect("closed");
}
