//! Cloudflare (API version 4, <https://developers.cloudflare.com/api/resources/dns/>).
//!
//! Records are created without Cloudflare's proxy. Where an operator switches the proxy on for a record,
//! it stays on, and Cloudflare decides the time to live.

use async_trait::async_trait;
use http::{Method, header::AUTHORIZATION};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};
use stoa_provider::dns::RecordKind;

use super::{
    Change,
    error::Failure,
    json_api::{Api, encode},
    record_api::{ExistingRecord, RecordApi, normalize},
};

const API: &str = "https://api.cloudflare.com/client/v4";

/// No set of ours has more pages; more of them mean that something else is wrong.
const MAX_PAGES: u32 = 10;

/// A zone at Cloudflare.
pub(super) struct Cloudflare {
    api: Api,
    zone: Hostname,
}

/// Every response has this form (`success` is missing in some).
#[derive(Deserialize)]
struct Envelope<T> {
    success: Option<bool>,
    #[serde(default)]
    errors: Vec<Value>,
    result: Option<T>,
    result_info: Option<Pages>,
}

#[derive(Deserialize)]
struct Pages {
    total_pages: Option<u32>,
}

#[derive(Deserialize)]
struct Zone {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    content: String,
    ttl: u32,
    #[serde(default)]
    proxied: bool,
}

impl Cloudflare {
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Failure> {
        let credentials = format!("Bearer {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }

    /// Looked up for each call: a zone that was deleted and created again has another id.
    async fn zone_id(&self) -> Result<String, Failure> {
        let path = format!("/zones?name={}", self.zone);
        let (zones, _) = self.ask::<Vec<Zone>>(Method::GET, &path, None).await?.unwrap_or_default();
        let zone = zones.into_iter().find(|zone| zone.name == self.zone.as_str());
        zone.map(|zone| zone.id).ok_or_else(|| {
            Failure::permanent(format!("this token can't see the zone {}; give one with Zone:Read for it", self.zone))
        })
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Option<(T, u32)>, Failure> {
        let Some(answer) = self.api.call::<Envelope<T>>(method.clone(), path, body).await? else { return Ok(None) };
        let pages = answer.result_info.and_then(|info| info.total_pages).unwrap_or(1);
        match answer.result {
            Some(result) if answer.success != Some(false) => Ok(Some((result, pages))),
            _ => Err(Failure::permanent(format!("{method} {path}: refused: {}", Value::from(answer.errors)))),
        }
    }

    /// A change to something that must exist.
    async fn change(&self, method: Method, path: &str, body: Value) -> Result<(), Failure> {
        let answer = self.ask::<IgnoredAny>(method, path, Some(body)).await?;
        answer.map(drop).ok_or_else(|| Failure::transient(format!("{path} vanished in the meantime")))
    }
}

#[async_trait]
impl RecordApi for Cloudflare {
    const MIN_TTL_SECONDS: u32 = 60;

    async fn list(&self, change: &Change<'_>) -> Result<Vec<ExistingRecord>, Failure> {
        let zone = self.zone_id().await?;
        let (name, kind) = (change.name.as_str(), change.kind.as_str());
        let mut held = Vec::new();
        for page in 1..=MAX_PAGES {
            let path = format!("/zones/{zone}/dns_records?type={kind}&name={}&per_page=100&page={page}", encode(name));
            let found = self.ask::<Vec<Record>>(Method::GET, &path, None).await?;
            let (records, pages) =
                found.ok_or_else(|| Failure::transient(format!("the zone {} vanished", self.zone)))?;
            let ours = records.into_iter().filter(|record| record.name == name && record.kind == kind);
            held.extend(ours.map(|record| ExistingRecord {
                id: format!("/zones/{zone}/dns_records/{}", record.id),
                ttl: (!record.proxied).then_some(record.ttl),
                content: normalize(&record.content),
            }));
            if page >= pages {
                return Ok(held);
            }
        }
        Err(Failure::permanent(format!("{name} has more than {} {kind} records; remove some by hand", MAX_PAGES * 100)))
    }

    async fn create(&self, change: &Change<'_>, ttl: u32, content: &str) -> Result<(), Failure> {
        let zone = self.zone_id().await?;
        let mut body = json!({ "name": change.name.as_str(), "type": change.kind.as_str(), "ttl": ttl });
        // TXT records can't be proxied, and are quoted as in zone files.
        if change.kind == RecordKind::Txt {
            body["content"] = format!("\"{content}\"").into();
        } else {
            body["content"] = content.into();
            body["proxied"] = false.into();
        }
        self.change(Method::POST, &format!("/zones/{zone}/dns_records"), body).await
    }

    async fn set_ttl(&self, _: &Change<'_>, held: &ExistingRecord, ttl: u32) -> Result<(), Failure> {
        self.change(Method::PATCH, &held.id, json!({ "ttl": ttl })).await
    }

    async fn delete(&self, held: &ExistingRecord) -> Result<(), Failure> {
        self.ask::<IgnoredAny>(Method::DELETE, &held.id, None).await.map(drop)
    }
}
