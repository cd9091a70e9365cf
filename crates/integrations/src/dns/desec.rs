//! deSEC (API version 1, <https://desec.readthedocs.io/en/latest/dns/rrsets.html>).
//!
//! deSEC replaces a set atomically in one request. It allows about 15 writes a minute and 300 a day per
//! zone: enough for a wildcard and its certificates, not for a record per site.

use async_trait::async_trait;
use http::{Method, header::AUTHORIZATION};
use serde::de::IgnoredAny;
use serde_json::json;
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};

use super::{Backend, Change, error::Failure, json_api::Api};

const API: &str = "https://desec.io/api/v1";

/// deSEC's `minimum_ttl` for the zones of its customers.
const MIN_TTL_SECONDS: u32 = 3600;

/// A zone ("domain") at deSEC.
pub(super) struct Desec {
    api: Api,
    zone: Hostname,
}

impl Desec {
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Failure> {
        let credentials = format!("Token {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }
}

#[async_trait]
impl Backend for Desec {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Failure> {
        // A PATCH changes only the sets it names; a set without records is deleted.
        let body = json!([{
            "subname": change.name.relative_to(&self.zone).unwrap_or_default(),
            "type": change.kind.as_str(),
            "ttl": change.ttl.max(MIN_TTL_SECONDS),
            "records": change.zone_file_contents(),
        }]);
        let path = format!("/domains/{}/rrsets/", self.zone);
        let answer = self.api.call::<IgnoredAny>(Method::PATCH, &path, Some(body)).await?;
        answer.map(drop).ok_or_else(|| {
            Failure::permanent(format!("this token's account has no domain {}; add it there first", self.zone))
        })
    }
}
