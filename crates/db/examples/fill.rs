//! Fills a database for bench/api: `fill URL STAFF_EMAIL SITES`.
//!
//! Two customers get the password of that staff member: `few@bench.test` with ten sites and `many@bench.test` with the
//! others, except that every tenth belongs to a customer of its own. All sites are stopped, so that a platform
//! started on the database has nothing to do; each has its create job and one event.

use std::{env, error::Error};

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    Db, Tx, accounts, history, jobs, sites,
    sites::revisions::{BlueprintVersion, SiteRevision, blueprint_version_put, site_revision_put},
};
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

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the sites are pinned to; any name will do.
const BLUEPRINT_VERSION: &str = "bench";
/// Sites per transaction.
const SITES_PER_TRANSACTION: u32 = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, staff, wanted] = arguments.as_slice() else { return Err("usage: fill URL STAFF_EMAIL SITES".into()) };
    let wanted: u32 = wanted.parse()?;
    let db = Db::connect(url).await?;
    db.migrate().await?;
    let (_, hash) = accounts::staff_by_email(&db, &EmailAddress::parse(staff)?).await?.ok_or("no such staff")?;
    let fill = Fill { hash, began: Timestamp::now() - SignedDuration::from_hours(24) };
    let tx = db.begin().await?;
    let version = BlueprintVersion {
        version: BLUEPRINT_VERSION.into(),
        name: "woocommerce".into(),
        source: include_str!("../../../blueprints/woocommerce/compose.yaml").into(),
        created_at: fill.began,
    };
    blueprint_version_put(&tx, &version).await?;
    let few = fill.customer(&tx, "few", 0).await?;
    let many = fill.customer(&tx, "many", 1).await?;
    tx.commit().await?;
    for first in (0..wanted).step_by(SITES_PER_TRANSACTION as usize) {
        let tx = db.begin().await?;
        for number in first..wanted.min(first + SITES_PER_TRANSACTION) {
            let owner = match number {
                0..10 => few,
                _ if number % 10 == 0 => fill.customer(&tx, &format!("c{number}"), number + 2).await?,
                _ => many,
            };
            fill.site(&tx, owner, number).await?;
        }
        tx.commit().await?;
    }
    db.close().await;
    Ok(())
}

struct Fill {
    hash: String,
    began: Timestamp,
}

impl Fill {
    /// Creation time, later for higher numbers.
    fn at(&self, number: u32) -> Timestamp {
        self.began + SignedDuration::from_millis(i64::from(number))
    }

    fn uuid(&self, number: u32, kind: u8) -> Uuid {
        let millis = u64::try_from(self.at(number).as_millisecond()).unwrap_or(0);
        let random =
            [kind, 0, 0, 0, 0, 0, (number >> 24) as u8, (number >> 16) as u8, (number >> 8) as u8, number as u8];
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    async fn customer(&self, tx: &Tx, name: &str, number: u32) -> Result<CustomerId> {
        let customer = Customer {
            id: CustomerId::from_uuid(self.uuid(number, 0)),
            email: EmailAddress::parse(&format!("{name}@bench.test"))?,
            company: CompanyName::parse("Bench")?,
            created_at: self.at(number),
        };
        accounts::customer_insert(tx, &customer, &self.hash).await?;
        Ok(customer.id)
    }

    async fn site(&self, tx: &Tx, customer: CustomerId, number: u32) -> Result<()> {
        let (id, at) = (SiteId::from_uuid(self.uuid(number, 1)), self.at(number));
        let subdomain = Subdomain::parse(&format!("store-{number:05}"))?;
        let site = Site {
            id,
            customer,
            blueprint: "woocommerce".into(),
            profiles: Vec::new(),
            title: SiteTitle::parse(&format!("Store number {number}"))?,
            hostname: subdomain.under(&Hostname::parse("bench.test")?)?,
            project: ProjectName::of(id, subdomain.as_str()),
            subdomain,
            url: None,
            admin_user: AdminUser::parse("owner")?,
            admin_email: EmailAddress::parse("owner@bench.test")?,
            lease: None,
            engine: "docker".into(),
            placement: None,
            revision: 1,
            blueprint_version: Some(BLUEPRINT_VERSION.into()),
            limits: Limits::DEFAULT,
            edge: RouteLimits::body(100 << 20),
            lifecycle: Lifecycle::Active,
            power: Power::Off,
            suspensions: Vec::new(),
            reason: None,
            upstream: None,
            health: Health::Unknown,
            health_at: None,
            created_at: at,
            deleted_at: None,
            purge_at: None,
        };
        sites::site_insert(tx, &site).await?;
        let revision = SiteRevision {
            site: id,
            revision: 1,
            blueprint_version: BLUEPRINT_VERSION.into(),
            images: Default::default(),
            job: None,
            created_at: at,
        };
        site_revision_put(tx, &revision).await?;
        history::site_event(tx, id, at, "stopped", "The site was stopped").await?;
        let job = Job {
            id: JobId::from_uuid(self.uuid(number, 2)),
            site: id,
            kind: JobKind::Create,
            lane: Lane::Interactive,
            state: JobState::Succeeded,
            actor: Actor::Customer(customer),
            cancel_requested: false,
            error: None,
            error_detail: None,
            queued_at: at,
            started_at: Some(at),
            ended_at: Some(at),
        };
        Ok(jobs::job_insert(tx, &job, &serde_json::json!({})).await?)
    }
}
