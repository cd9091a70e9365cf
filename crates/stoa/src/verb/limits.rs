//! `stoa sites limits`: limits on a site's visitors at the edge.

use anyhow::Result;
use clap::Args;
use stoa_control::Control;
use stoa_core::RequestContext;
use stoa_model::{limits::Bytes, route::RouteLimits};
use stoa_sites::{command::ChangeLimits, view::StorageView};

use crate::output::{Output, table};

#[derive(Args)]
pub struct Limits {
    /// Subdomain, hostname or id of the site.
    site: String,
    /// Requests per second, on average; 0: no limit.
    #[arg(long)]
    rate: Option<u32>,
    /// Requests that may exceed the rate in a burst.
    #[arg(long)]
    burst: Option<u32>,
    /// Requests and upgraded connections that may be open at the same time; 0: no limit.
    #[arg(long)]
    in_flight: Option<u32>,
    /// Largest request body, such as 100m or 1g.
    #[arg(long)]
    max_body: Option<Bytes>,
    /// What the site may store, such as 20g; 0: no limit.
    #[arg(long)]
    disk: Option<Bytes>,
    /// Seconds that the site may take to respond; 0: the edge's default.
    #[arg(long)]
    response_seconds: Option<u32>,
}

impl Limits {
    /// The command, if an option was given.
    fn change(&self) -> Option<ChangeLimits> {
        let Self { rate, burst, in_flight, max_body, response_seconds, .. } = *self;
        let change = ChangeLimits { rate, burst, in_flight, max_body: max_body.map(|b| b.0), response_seconds };
        let numbers = [rate, burst, in_flight, response_seconds];
        (max_body.is_some() || numbers.iter().any(Option::is_some)).then_some(change)
    }
}

pub async fn run(verb: &Limits, control: &Control, cx: &RequestContext, out: &Output) -> Result<()> {
    let site = control.sites.find(cx, &verb.site).await?.id;
    let limits = match verb.change() {
        Some(change) => control.sites.set_edge_limits(cx, site, change).await?,
        None => control.domains.list_domains(cx, site).await?.limits,
    };
    let storage = match verb.disk {
        Some(disk) => control.sites.set_storage_limit(cx, site, Some(disk.0)).await?,
        None => control.sites.storage(cx, site).await?,
    };
    let mut json = serde_json::to_value(limits)?;
    json["storage"] = serde_json::to_value(&storage)?;
    out.show(&json, |_| people(&limits, &storage))
}

fn people(limits: &RouteLimits, storage: &StorageView) -> String {
    let or_none = |n: u32| if n == 0 { "no limit".to_owned() } else { n.to_string() };
    let answer = if limits.response_seconds == 0 {
        "the edge's default".to_owned()
    } else {
        limits.response_seconds.to_string()
    };
    let mut rows = vec![("Requests per second", or_none(limits.rate))];
    if limits.rate > 0 {
        rows.push(("Burst", limits.burst.to_string()));
    }
    rows.push(("Open requests", or_none(limits.in_flight)));
    rows.push(("Largest body", Bytes(limits.max_body).to_string()));
    rows.push(("Response seconds", answer));
    let disk = if storage.limit == 0 { "no limit".to_owned() } else { Bytes(storage.limit).to_string() };
    let used = storage.measured_at.map(|at| format!(", {} used at {at:.0}", Bytes(storage.bytes)));
    rows.push(("Storage", disk + &used.unwrap_or_default()));
    table(["", ""], rows.into_iter().map(|(name, value)| [name.to_owned(), value]))
}
