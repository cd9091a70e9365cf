//! Hetzner (DNS in the Cloud API version 1, <https://docs.hetzner.cloud/reference/cloud#zone-rrsets>).
//!
//! A set is changed by actions. An action runs on after the response and locks the zone, so each one
//! is awaited.

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
    Backend, Change,
    error::Failure,
    json_api::{Api, encode},
    record_api::normalize,
};

const API: &str = "https://api.hetzner.cloud/v1";

/// The shortest time to live that Hetzner accepts.
const MIN_TTL_SECONDS: u32 = 60;

const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// A zone at Hetzner.
pub(super) struct Hetzner {
    api: Api,
    zone: Hostname,
}

#[derive(Deserialize)]
struct RrSets {
    rrsets: Vec<RrSet>,
}

#[derive(Deserialize)]
struct RrSet {
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
struct ActionResponse {
    action: Action,
}

#[derive(Deserialize)]
struct Action {
    id: u64,
    status: String,
    error: Option<Value>,
}

impl Hetzner {
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Failure> {
        let credentials = format!("Bearer {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }

    fn rrsets_path(&self) -> String {
        format!("/zones/{}/rrsets", self.zone)
    }

    /// The set of this name and kind.
    async fn find(&self, change: &Change<'_>) -> Result<Option<RrSet>, Failure> {
        let (name, kind) = (change.relative_name(&self.zone), change.kind.as_str());
        let path = format!("{}?name={}&type={kind}", self.rrsets_path(), encode(name));
        let found = self.api.call::<RrSets>(Method::GET, &path, None).await?.ok_or_else(|| {
            Failure::permanent(format!("this token's project has no zone {}; add it there first", self.zone))
        })?;
        Ok(found.rrsets.into_iter().find(|set| set.name == name && set.kind == kind))
    }

    /// Starts an action and waits until it has finished.
    async fn run_action(&self, method: Method, path: &str, body: Option<Value>) -> Result<(), Failure> {
        let gone = || Failure::transient(format!("{path} vanished in the meantime"));
        let mut action = self.api.call::<ActionResponse>(method, path, body).await?.ok_or_else(gone)?.action;
        loop {
            match action.status.as_str() {
                "success" => return Ok(()),
                "running" => tokio::time::sleep(POLL_INTERVAL).await,
                _ => {
                    let error = action.error.unwrap_or_default();
                    return Err(Failure::transient(format!("{path}: failed after it was accepted: {error}")));
                }
            }
            let path = format!("/actions/{}", action.id);
            action = self.api.call::<ActionResponse>(Method::GET, &path, None).await?.ok_or_else(gone)?.action;
        }
    }
}

#[async_trait]
impl Backend for Hetzner {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Failure> {
        let ttl = change.ttl.max(MIN_TTL_SECONDS);
        let name = change.relative_name(&self.zone);
        let path = format!("{}/{}/{}", self.rrsets_path(), encode(name), change.kind.as_str());
        let records = change.zone_file_contents().into_iter().map(|value| json!({ "value": value })).collect::<Value>();
        match self.find(change).await? {
            None if change.contents.is_empty() => Ok(()),
            None => {
                let body = json!({ "name": name, "type": change.kind.as_str(), "ttl": ttl, "records": records });
                self.run_action(Method::POST, &self.rrsets_path(), Some(body)).await
            }
            Some(_) if change.contents.is_empty() => self.run_action(Method::DELETE, &path, None).await,
            Some(set) => {
                let mut held = set.records.iter().map(|record| normalize(&record.value)).collect::<Vec<_>>();
                held.sort_unstable();
                if held != change.contents {
                    let body = json!({ "records": records });
                    self.run_action(Method::POST, &format!("{path}/actions/set_records"), Some(body)).await?;
                }
                if set.ttl != Some(ttl) {
                    let body = json!({ "ttl": ttl });
                    self.run_action(Method::POST, &format!("{path}/actions/change_ttl"), Some(body)).await?;
                }
                Ok(())
            }
        }
    }
}
