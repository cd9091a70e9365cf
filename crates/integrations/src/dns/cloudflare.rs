//! Cloudflare (API version 4, <https://developers.cloudflare.com/api/resources/dns/>).
//!
//! Records are made without Cloudflare's proxy. Where an operator switched the proxy on for one of
//! them, it stays on, and its time to live stays Cloudflare's.

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
    error::Fault,
    json_api::{Api, encode},
    record_api::{Held, Records, plain},
};

const API: &str = "https://api.cloudflare.com/client/v4";

/// More pages than this no set of ours has: something else is wrong.
const MAX_PAGES: u32 = 10;

/// A zone at Cloudflare.
pub(super) struct Cloudflare {
    api: Api,
    zone: Hostname,
}

/// Every answer comes in this (`success` is not in all of them).
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
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Fault> {
        let credentials = format!("Bearer {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }

    /// Asked each time: it is one cheap request, and a zone that was made anew has another number.
    async fn zone_id(&self) -> Result<String, Fault> {
        let path = format!("/zones?name={}", self.zone);
        let (zones, _) = self.ask::<Vec<Zone>>(Method::GET, &path, None).await?.unwrap_or_default();
        let zone = zones.into_iter().find(|zone| zone.name == self.zone.as_str());
        zone.map(|zone| zone.id).ok_or_else(|| {
            Fault::permanent(format!("this token can't see the zone {}; give one with Zone:Read for it", self.zone))
        })
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Option<(T, u32)>, Fault> {
        let Some(answer) = self.api.call::<Envelope<T>>(method.clone(), path, body).await? else { return Ok(None) };
        let pages = answer.result_info.and_then(|info| info.total_pages).unwrap_or(1);
        match answer.result {
            Some(result) if answer.success != Some(false) => Ok(Some((result, pages))),
            _ => Err(Fault::permanent(format!("{method} {path}: refused: {}", Value::from(answer.errors)))),
        }
    }

    /// A change whose target must be there.
    async fn change(&self, method: Method, path: &str, body: Value) -> Result<(), Fault> {
        let answer = self.ask::<IgnoredAny>(method, path, Some(body)).await?;
        answer.map(drop).ok_or_else(|| Fault::transient(format!("{path} vanished meanwhile")))
    }
}

#[async_trait]
impl Records for Cloudflare {
    const LEAST_TTL: u32 = 60;

    async fn list(&self, change: &Change<'_>) -> Result<Vec<Held>, Fault> {
        let zone = self.zone_id().await?;
        let (name, kind) = (change.name.as_str(), change.kind.as_str());
        let mut held = Vec::new();
        for page in 1..=MAX_PAGES {
            let path = format!("/zones/{zone}/dns_records?type={kind}&name={}&per_page=100&page={page}", encode(name));
            let found = self.ask::<Vec<Record>>(Method::GET, &path, None).await?;
            let (records, pages) = found.ok_or_else(|| Fault::transient(format!("the zone {} vanished", self.zone)))?;
            let ours = records.into_iter().filter(|record| record.name == name && record.kind == kind);
            held.extend(ours.map(|record| Held {
                id: format!("/zones/{zone}/dns_records/{}", record.id),
                ttl: (!record.proxied).then_some(record.ttl),
                content: plain(&record.content),
            }));
            if page >= pages {
                return Ok(held);
            }
        }
        Err(Fault::permanent(format!("{name} has more than {} {kind} records; remove some by hand", MAX_PAGES * 100)))
    }

    async fn create(&self, change: &Change<'_>, ttl: u32, content: &str) -> Result<(), Fault> {
        let zone = self.zone_id().await?;
        let mut body = json!({ "name": change.name.as_str(), "type": change.kind.as_str(), "ttl": ttl });
        // Texts have no proxy, and are quoted as in zone files.
        if change.kind == RecordKind::Txt {
            body["content"] = format!("\"{content}\"").into();
        } else {
            body["content"] = content.into();
            body["proxied"] = false.into();
        }
        self.change(Method::POST, &format!("/zones/{zone}/dns_records"), body).await
    }

    async fn retime(&self, _: &Change<'_>, held: &Held, ttl: u32) -> Result<(), Fault> {
        self.change(Method::PATCH, &held.id, json!({ "ttl": ttl })).await
    }

    async fn delete(&self, held: &Held) -> Result<(), Fault> {
        self.ask::<IgnoredAny>(Method::DELETE, &held.id, None).await.map(drop)
    }
}
