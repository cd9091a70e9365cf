//! DigitalOcean (API version 2, <https://docs.digitalocean.com/reference/api/reference/domain-records/>).

use async_trait::async_trait;
use http::{Method, header::AUTHORIZATION};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};

use super::{
    Change,
    error::Failure,
    json_api::{Api, encode},
    record_api::{ExistingRecord, RecordApi, normalize},
};

const API: &str = "https://api.digitalocean.com";

/// No set of ours has more pages; more of them mean that something else is wrong.
const MAX_PAGES: u32 = 10;

/// A zone ("domain") at DigitalOcean.
pub(super) struct DigitalOcean {
    api: Api,
    zone: Hostname,
}

#[derive(Deserialize)]
struct Page {
    domain_records: Vec<Record>,
    #[serde(default)]
    links: Links,
}

#[derive(Deserialize, Default)]
struct Links {
    #[serde(default)]
    pages: Pages,
}

#[derive(Deserialize, Default)]
struct Pages {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    data: String,
    ttl: u32,
}

impl DigitalOcean {
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Failure> {
        let credentials = format!("Bearer {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }

    fn path(&self) -> String {
        format!("/v2/domains/{}/records", self.zone)
    }

    async fn change(&self, method: Method, path: &str, body: Value) -> Result<(), Failure> {
        let answer = self.api.call::<IgnoredAny>(method, path, Some(body)).await?;
        answer.map(drop).ok_or_else(|| Failure::transient(format!("{path} vanished in the meantime")))
    }
}

#[async_trait]
impl RecordApi for DigitalOcean {
    const MIN_TTL_SECONDS: u32 = 30;

    async fn list(&self, change: &Change<'_>) -> Result<Vec<ExistingRecord>, Failure> {
        let (name, kind) = (change.name.as_str(), change.kind.as_str());
        let mut held = Vec::new();
        for page in 1..=MAX_PAGES {
            // The query takes full names; the response has names relative to the zone.
            let query = format!("?type={kind}&name={}&per_page=200&page={page}", encode(name));
            let found = self.api.call::<Page>(Method::GET, &format!("{}{query}", self.path()), None).await?;
            let found = found.ok_or_else(|| {
                Failure::permanent(format!("this token's account has no domain {}; add it there first", self.zone))
            })?;
            let inside = change.relative_name(&self.zone);
            let ours = found.domain_records.into_iter().filter(|record| record.name == inside && record.kind == kind);
            held.extend(ours.map(|record| ExistingRecord {
                id: format!("{}/{}", self.path(), record.id),
                ttl: Some(record.ttl),
                content: normalize(&record.data),
            }));
            if found.links.pages.next.is_none() {
                return Ok(held);
            }
        }
        Err(Failure::permanent(format!("{name} has more than {} {kind} records; remove some by hand", MAX_PAGES * 200)))
    }

    async fn create(&self, change: &Change<'_>, ttl: u32, content: &str) -> Result<(), Failure> {
        let name = change.relative_name(&self.zone);
        let body = json!({ "type": change.kind.as_str(), "name": name, "data": content, "ttl": ttl });
        self.change(Method::POST, &self.path(), body).await
    }

    async fn set_ttl(&self, change: &Change<'_>, held: &ExistingRecord, ttl: u32) -> Result<(), Failure> {
        self.change(Method::PATCH, &held.id, json!({ "type": change.kind.as_str(), "ttl": ttl })).await
    }

    async fn delete(&self, held: &ExistingRecord) -> Result<(), Failure> {
        self.api.call::<IgnoredAny>(Method::DELETE, &held.id, None).await.map(drop)
    }
}
