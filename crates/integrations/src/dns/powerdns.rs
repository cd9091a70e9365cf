//! PowerDNS Authoritative Server (API version 1, <https://doc.powerdns.com/authoritative/http-api/>).
//!
//! A set is replaced in one request, in one transaction of its database.

use async_trait::async_trait;
use http::{HeaderName, Method};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};

use super::{
    Change, Vendor,
    error::Fault,
    json_api::{Api, encode},
};

/// A zone of a PowerDNS.
pub(super) struct PowerDns {
    api: Api,
    zone: Hostname,
    path: String,
}

impl PowerDns {
    pub fn new(zone: &Hostname, api: &str, server: &str, key: &SecretString) -> Result<Self, Fault> {
        let api = Api::new(api, HeaderName::from_static("x-api-key"), key.expose_secret())?;
        let path = format!("/api/v1/servers/{}/zones/{zone}.", encode(server));
        Ok(Self { api, zone: zone.clone(), path })
    }
}

#[async_trait]
impl Vendor for PowerDns {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Fault> {
        let mut set = json!({ "name": format!("{}.", change.name), "type": change.kind.as_str() });
        if change.contents.is_empty() {
            set["changetype"] = "DELETE".into();
        } else {
            let record = |content| json!({ "content": content, "disabled": false });
            set["changetype"] = "REPLACE".into();
            set["ttl"] = change.ttl.into();
            set["records"] = change.written().into_iter().map(record).collect::<Value>();
        }
        let answer = self.api.call::<IgnoredAny>(Method::PATCH, &self.path, Some(json!({ "rrsets": [set] }))).await?;
        answer.map(drop).ok_or_else(|| {
            Fault::permanent(format!("this server has no zone {} ({} not found); make it there", self.zone, self.path))
        })
    }
}
