//! A database for one test, and fixtures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, Database};
use stoa_db::{Db, DbError, accounts, jobs, sites};
use stoa_model::{
    account::{Actor, Customer},
    host::{Hostname, Subdomain},
    id::{CustomerId, JobId, SiteId},
    job::{Job, JobKind, JobState, Lane},
    limits::Limits,
    route::RouteLimits,
    site::{Health, Lifecycle, Power, Site},
    stack::ProjectName,
    text::{AdminUser, CompanyName, EmailAddress, SiteTitle},
};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    MySql,
    Postgres,
}

/// A database for one test.
#[derive(Clone)]
pub struct Bed {
    pub db: Db,
    pub kind: Kind,
    pub url: String,
    numbers: Arc<AtomicU32>,
}

/// A fixed time plus `ms` milliseconds.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("a time")
}

pub const MINUTE: Duration = Duration::from_secs(60);

impl Bed {
    /// Runs a test on a new database, which is dropped even if the test fails.
    pub async fn run<F: Future<Output = ()> + Send + 'static>(kind: Kind, test: fn(Self) -> F) {
        Self::run_at(kind, i64::MAX, test).await;
    }

    /// Like [`run`](Self::run), on a schema without the migrations after number `last`.
    pub async fn run_at<F: Future<Output = ()> + Send + 'static>(kind: Kind, last: i64, test: fn(Self) -> F) {
        let Some(made) = Made::new(kind).await else { return };
        let db = Db::connect(&made.url).await.expect("a connection");
        db.migrate_to(last).await.expect("migrated");
        let bed = Self { db: db.clone(), kind, url: made.url.clone(), numbers: Arc::default() };
        let outcome = tokio::spawn(test(bed)).await;
        db.close().await;
        made.drop().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic.into_panic());
        }
    }

    pub fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An id that sorts after all earlier ones.
    pub fn uuid(&self) -> Uuid {
        Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(self.number()))
    }

    pub fn new_customer(&self) -> Customer {
        let id = CustomerId::from_uuid(self.uuid());
        let email = EmailAddress::parse(&format!("c{}@example.com", id.uuid().as_u128() & 0xffff_ffff));
        Customer {
            id,
            email: email.expect("an address"),
            company: CompanyName::parse("Jane's „Shop\" 🛒 ").expect("a name"),
            created_at: at(0),
        }
    }

    pub async fn customer(&self) -> Customer {
        let customer = self.new_customer();
        let tx = self.db.begin().await.expect("a transaction");
        accounts::customer_insert(&tx, &customer, "hash").await.expect("inserted");
        tx.commit().await.expect("committed");
        customer
    }

    pub fn new_site(&self, customer: CustomerId, label: &str) -> Site {
        let id = SiteId::from_uuid(self.uuid());
        let subdomain = Subdomain::parse(label).expect("a label");
        Site {
            id,
            customer,
            blueprint: "woocommerce".into(),
            profiles: vec!["cache".into(), "mail".into()],
            title: SiteTitle::parse("A title").expect("a title"),
            hostname: subdomain.under(&Hostname::parse("stoa.test").expect("a base")).expect("a hostname"),
            project: ProjectName::of(id, subdomain.as_str()),
            subdomain,
            url: None,
            admin_user: AdminUser::parse("jane").expect("a name"),
            admin_email: EmailAddress::parse("jane@example.com").expect("an address"),
            lease: None,
            limits: Limits::DEFAULT,
            edge: RouteLimits::body(64 << 20),
            lifecycle: Lifecycle::Pending,
            power: Power::On,
            suspensions: Vec::new(),
            engine: "docker".to_owned(),
            placement: None,
            revision: 0,
            blueprint_version: None,
            reason: None,
            upstream: None,
            health: Health::Unknown,
            health_at: None,
            created_at: at(0),
            deleted_at: None,
            purge_at: None,
        }
    }

    pub async fn site(&self, customer: CustomerId, label: &str) -> Site {
        let site = self.new_site(customer, label);
        self.insert_site(&site).await.expect("inserted");
        site
    }

    pub async fn insert_site(&self, site: &Site) -> Result<(), DbError> {
        let tx = self.db.begin().await?;
        sites::site_insert(&tx, site).await?;
        tx.commit().await
    }

    pub fn new_job(&self, site: SiteId) -> Job {
        Job {
            id: JobId::from_uuid(self.uuid()),
            site,
            kind: JobKind::Create,
            lane: Lane::Interactive,
            state: JobState::Queued,
            actor: Actor::System,
            cancel_requested: false,
            error: None,
            error_detail: None,
            queued_at: at(0),
            started_at: None,
            ended_at: None,
        }
    }

    pub async fn insert_job(&self, job: &Job) -> Result<(), DbError> {
        let tx = self.db.begin().await?;
        jobs::job_insert(&tx, job, &plan()).await?;
        tx.commit().await
    }

    /// A new customer's site with one queued job.
    pub async fn queued(&self) -> Job {
        let customer = self.customer().await;
        let site = self.site(customer.id, &format!("shop-{}", self.number())).await;
        let job = self.new_job(site.id);
        self.insert_job(&job).await.expect("inserted");
        job
    }

    /// Runs SQL on a connection of its own.
    pub async fn raw(&self, sql: &str) -> u64 {
        self.try_raw(sql).await.expect("ran")
    }

    /// Runs SQL that may be refused.
    pub async fn try_raw(&self, sql: &str) -> Result<u64, sea_orm::DbErr> {
        let raw = Database::connect(&self.url).await.expect("a connection");
        let done = raw.execute_unprepared(sql).await;
        raw.close().await.expect("closed");
        Ok(done?.rows_affected())
    }
}

/// A database created for a test.
struct Made {
    url: String,
    server: Option<(String, String)>,
    _dir: Option<tempfile::TempDir>,
}

impl Made {
    async fn new(kind: Kind) -> Option<Self> {
        let name = format!("stoa_{}", Uuid::now_v7().simple());
        match kind {
            Kind::Sqlite => {
                let dir = tempfile::tempdir().expect("a directory");
                let url = format!("sqlite://{}/stoa.db?mode=rwc", dir.path().display());
                Some(Self { url, server: None, _dir: Some(dir) })
            }
            Kind::MySql => {
                let server = reachable("STOA_TEST_MYSQL_URL")?;
                admin(&server, &format!("CREATE DATABASE {name}")).await;
                let (base, query) = server.split_once('?').unwrap_or((&server, ""));
                let url = format!("{}/{name}?{query}", base.trim_end_matches('/'));
                Some(Self { url, server: Some((server, format!("DROP DATABASE {name}"))), _dir: None })
            }
            Kind::Postgres => {
                let server = reachable("STOA_TEST_POSTGRES_URL")?;
                admin(&server, &format!("CREATE SCHEMA {name}")).await;
                let url =
                    format!("{server}{}options[search_path]={name}", if server.contains('?') { "&" } else { "?" });
                Some(Self { url, server: Some((server, format!("DROP SCHEMA {name} CASCADE"))), _dir: None })
            }
        }
    }

    async fn drop(self) {
        if let Some((server, sql)) = &self.server {
            admin(server, sql).await;
        }
    }
}

fn reachable(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("SKIPPED: {variable} is not set; crates/db/tests/databases starts a server and sets it");
    }
    url
}

async fn admin(server: &str, sql: &str) {
    let connection = Database::connect(server).await.expect("the test server answers");
    connection.execute_unprepared(sql).await.expect("allowed");
    connection.close().await.expect("closed");
}

/// The plan of every job.
pub fn plan() -> serde_json::Value {
    serde_json::json!({"step": [1, "two", null]})
}

/// A claim of an interactive job by a worker with room to spare.
pub fn claim(owner: &str, now: Timestamp, lease: Duration) -> jobs::Claim<'_> {
    jobs::Claim { owner, lane: Lane::Interactive, last_slot: false, now, lease }
}
