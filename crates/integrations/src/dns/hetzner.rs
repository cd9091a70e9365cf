//! Hetzner (DNS in the Cloud API version 1, <https://docs.hetzner.cloud/reference/cloud#zone-rrsets>).
//!
//! A set is an object with actions. Actions run on after the answer, and the zone is locked
//! meanwhile, so each is waited for.

use std::time::Duration;

use async_trait::async_trait;
use http::{Method, header::AUTHORIZATION};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};

use super::{
    Change, Vendor,
    error::Fault,
    json_api::{Api, encode},
    record_api::plain,
};

const API: &str = "https://api.hetzner.cloud/v1";

/// What Hetzner accepts, in seconds.
const LEAST_TTL: u32 = 60;

/// How often it is asked whether an action is done.
const POLL: Duration = Duration::from_millis(300);

/// A zone at Hetzner.
pub(super) struct Hetzner {
    api: Api,
    zone: Hostname,
}

#[derive(Deserialize)]
struct Sets {
    rrsets: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    ttl: Option<u32>,
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    value: String,
}

#[derive(Deserialize)]
struct Acting {
    action: Action,
}

#[derive(Deserialize)]
struct Action {
    id: u64,
    status: String,
    error: Option<Value>,
}

impl Hetzner {
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Fault> {
        let credentials = format!("Bearer {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }

    fn sets(&self) -> String {
        format!("/zones/{}/rrsets", self.zone)
    }

    /// The set of this name and kind.
    async fn find(&self, change: &Change<'_>) -> Result<Option<Set>, Fault> {
        let (name, kind) = (change.inside(&self.zone), change.kind.as_str());
        let path = format!("{}?name={}&type={kind}", self.sets(), encode(name));
        let found = self.api.call::<Sets>(Method::GET, &path, None).await?.ok_or_else(|| {
            Fault::permanent(format!("this token's project has no zone {}; add it there first", self.zone))
        })?;
        Ok(found.rrsets.into_iter().find(|set| set.name == name && set.kind == kind))
    }

    /// Orders something and waits until it is done.
    async fn act(&self, method: Method, path: &str, body: Option<Value>) -> Result<(), Fault> {
        let gone = || Fault::transient(format!("{path} vanished meanwhile"));
        let mut action = self.api.call::<Acting>(method, path, body).await?.ok_or_else(gone)?.action;
        loop {
            match action.status.as_str() {
                "success" => return Ok(()),
                "running" => tokio::time::sleep(POLL).await,
                _ => {
                    let error = action.error.unwrap_or_default();
                    return Err(Fault::transient(format!("{path}: failed after it was accepted: {error}")));
                }
            }
            let path = format!("/actions/{}", action.id);
            action = self.api.call::<Acting>(Method::GET, &path, None).await?.ok_or_else(gone)?.action;
        }
    }
}

#[async_trait]
impl Vendor for Hetzner {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Fault> {
        let ttl = change.ttl.max(LEAST_TTL);
        let name = change.inside(&self.zone);
        let path = format!("{}/{}/{}", self.sets(), encode(name), change.kind.as_str());
        let records = change.written().into_iter().map(|value| json!({ "value": value })).collect::<Value>();
        match self.find(change).await? {
            None if change.contents.is_empty() => Ok(()),
            None => {
                let body = json!({ "name": name, "type": change.kind.as_str(), "ttl": ttl, "records": records });
                self.act(Method::POST, &self.sets(), Some(body)).await
            }
            Some(_) if change.contents.is_empty() => self.act(Method::DELETE, &path, None).await,
            Some(set) => {
                let mut held = set.records.iter().map(|record| plain(&record.value)).collect::<Vec<_>>();
                held.sort_unstable();
                if held != change.contents {
                    let body = json!({ "records": records });
                    self.act(Method::POST, &format!("{path}/actions/set_records"), Some(body)).await?;
                }
                if set.ttl != Some(ttl) {
                    let body = json!({ "ttl": ttl });
                    self.act(Method::POST, &format!("{path}/actions/change_ttl"), Some(body)).await?;
                }
                Ok(())
            }
        }
    }
}
