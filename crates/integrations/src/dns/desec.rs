//! deSEC (API version 1, <https://desec.readthedocs.io/en/latest/dns/rrsets.html>).
//!
//! A set is replaced in one request, which deSEC does whole or not at all. It allows about 15 writes
//! a minute and 300 a day for one zone: enough for a wildcard and its certificates, not for a record
//! for every site.

use async_trait::async_trait;
use http::{Method, header::AUTHORIZATION};
use serde::de::IgnoredAny;
use serde_json::json;
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};

use super::{Change, Vendor, error::Fault, json_api::Api};

const API: &str = "https://desec.io/api/v1";

/// What deSEC accepts for zones of customers (`minimum_ttl` of a domain), in seconds.
const LEAST_TTL: u32 = 3600;

/// A zone ("domain") at deSEC.
pub(super) struct Desec {
    api: Api,
    zone: Hostname,
}

impl Desec {
    pub fn new(zone: &Hostname, token: &SecretString, api: Option<&str>) -> Result<Self, Fault> {
        let credentials = format!("Token {}", token.expose_secret());
        Ok(Self { api: Api::new(api.unwrap_or(API), AUTHORIZATION, &credentials)?, zone: zone.clone() })
    }
}

#[async_trait]
impl Vendor for Desec {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Fault> {
        // Of several sets at once only those that are named change; none of its records: it goes.
        let body = json!([{
            "subname": change.name.below(&self.zone).unwrap_or_default(),
            "type": change.kind.as_str(),
            "ttl": change.ttl.max(LEAST_TTL),
            "records": change.written(),
        }]);
        let path = format!("/domains/{}/rrsets/", self.zone);
        let answer = self.api.call::<IgnoredAny>(Method::PATCH, &path, Some(body)).await?;
        answer.map(drop).ok_or_else(|| {
            Fault::permanent(format!("this token's account has no domain {}; add it there first", self.zone))
        })
    }
}
