//! PowerDNS Authoritative Server (API version 1, <https://doc.powerdns.com/authoritative/http-api/>).
//!
//! A set is replaced in one request and one database transaction.

use async_trait::async_trait;
use http::{HeaderName, Method};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};

use super::{
    Backend, Change,
    error::Failure,
    json_api::{Api, encode},
};

/// A zone on a PowerDNS server.
pub(super) struct PowerDns {
    api: Api,
    zone: Hostname,
    path: String,
}

impl PowerDns {
    pub fn new(zone: &Hostname, api: &str, server: &str, key: &SecretString) -> Result<Self, Failure> {
        let api = Api::new(api, HeaderName::from_static("x-api-key"), key.expose_secret())?;
        let path = format!("/api/v1/servers/{}/zones/{zone}.", encode(server));
        Ok(Self { api, zone: zone.clone(), path })
    }
}

#[async_trait]
impl Backend for PowerDns {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Failure> {
        let mut set = json!({ "name": format!("{}.", change.name), "type": change.kind.as_str() });
        if change.contents.is_empty() {
            set["changetype"] = "DELETE".into();
        } else {
            let record = |content| json!({ "content": content, "disabled": false });
            set["changetype"] = "REPLACE".into();
            set["ttl"] = change.ttl.into();
            set["records"] = change.zone_file_contents().into_iter().map(record).collect::<Value>();
        }
        let answer = self.api.call::<IgnoredAny>(Method::PATCH, &self.path, Some(json!({ "rrsets": [set] }))).await?;
        answer.map(drop).ok_or_else(|| {
            Failure::permanent(format!(
                "this server has no zone {} ({} not found); create it there",
                self.zone, self.path
            ))
        })
    }
}
