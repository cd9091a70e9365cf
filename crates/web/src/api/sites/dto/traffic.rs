//! Request and response bodies of traffic and limits.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_model::{
    route::RouteLimits,
    traffic::{LATENCY_MS, Traffic},
};
use stoa_sites::command::ChangeLimits;
use utoipa::ToSchema;

/// Limits for all visitors of a site together; 0 is no limit.
#[derive(Serialize, ToSchema)]
pub struct Limits {
    /// Largest request body in bytes.
    pub max_body: u64,
    /// Requests per second.
    pub rate: u32,
    /// Burst of requests above the rate.
    pub burst: u32,
    /// Concurrent requests.
    pub in_flight: u32,
    /// Response timeout in seconds; 0 is the edge's default.
    pub response_seconds: u32,
}

impl From<RouteLimits> for Limits {
    fn from(v: RouteLimits) -> Self {
        let RouteLimits { max_body, rate, burst, in_flight, response_seconds } = v;
        Self { max_body, rate, burst, in_flight, response_seconds }
    }
}

/// Limits to change; absent ones stay unchanged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLimits {
    /// Largest request body in bytes: 1024 bytes to 10 GiB.
    #[serde(default)]
    pub max_body: Option<u64>,
    /// Requests per second.
    #[serde(default)]
    pub rate: Option<u32>,
    /// Burst of requests above the rate.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Concurrent requests.
    #[serde(default)]
    pub in_flight: Option<u32>,
    /// Response timeout in seconds, up to 3600.
    #[serde(default)]
    pub response_seconds: Option<u32>,
}

impl From<NewLimits> for ChangeLimits {
    fn from(new: NewLimits) -> Self {
        let NewLimits { max_body, rate, burst, in_flight, response_seconds } = new;
        Self { max_body, rate, burst, in_flight, response_seconds }
    }
}

/// Traffic of a site in one hour.
#[derive(Serialize, ToSchema)]
pub struct TrafficHour {
    /// When the hour begins.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Finished requests.
    pub requests: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of response bodies.
    pub bytes_out: u64,
    /// Requests by class of response status.
    pub statuses: Statuses,
    /// Requests by duration; each is counted in one bucket only.
    pub latency: Vec<LatencyBucket>,
    /// Sum of all durations, in microseconds.
    pub micros: u64,
}

/// Requests by class of response status.
#[derive(Serialize, ToSchema)]
pub struct Statuses {
    /// The visitor disconnected before the response.
    pub left: u64,
    /// Status 100 to 199.
    pub informational: u64,
    /// Status 200 to 299.
    pub success: u64,
    /// Status 300 to 399.
    pub redirect: u64,
    /// Status 400 to 499.
    pub client_error: u64,
    /// Status 500 to 599.
    pub server_error: u64,
}

/// Requests in a range of durations.
#[derive(Serialize, ToSchema)]
pub struct LatencyBucket {
    /// Upper bound in milliseconds; null for the last bucket, which has none.
    pub to_ms: Option<u64>,
    /// Number of requests.
    pub requests: u64,
}

impl From<stoa_sites::view::TrafficHour> for TrafficHour {
    fn from(v: stoa_sites::view::TrafficHour) -> Self {
        let Traffic { requests, bytes_in, bytes_out, statuses, latency, micros } = v.traffic;
        let [left, informational, success, redirect, client_error, server_error] = statuses;
        let bounds = LATENCY_MS.into_iter().map(Some).chain([None]);
        Self {
            from: v.from,
            requests,
            bytes_in,
            bytes_out,
            statuses: Statuses { left, informational, success, redirect, client_error, server_error },
            latency: bounds.zip(latency).map(|(to_ms, requests)| LatencyBucket { to_ms, requests }).collect(),
            micros,
        }
    }
}
