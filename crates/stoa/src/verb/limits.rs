//! `stoa sites limits`: limits on a site's visitors at the edge.

use anyhow::Result;
use clap::Args;
use stoa_control::{Control, RequestContext, command::ChangeLimits};
use stoa_model::{limits::Bytes, route::RouteLimits};

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
    let site = control.site_by_name(cx, &verb.site).await?.id;
    let limits = match verb.change() {
        Some(change) => control.site_limits(cx, site, change).await?,
        None => control.site_domains(cx, site).await?.limits,
    };
    out.show(&limits, people)
}

fn people(limits: &RouteLimits) -> String {
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
    table(["", ""], rows.into_iter().map(|(name, value)| [name.to_owned(), value]))
}
