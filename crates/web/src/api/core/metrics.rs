//! `GET /metrics`: numbers for the operator's own monitoring, in Prometheus' text format 0.0.4.
//!
//! Counters are those of this process and begin anew with it, as Prometheus expects of counters. A
//! token of staff is needed, with any role: who is served how much is nobody else's business.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use stoa_control::view::NameCertificate;
use stoa_model::{
    job::JobState,
    site::SiteState,
    traffic::{LATENCY_MS, Traffic},
};

use crate::{app::App, extract::rights::StaffMember, fault::Fault};

/// The format, as its readers ask for it.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Labels of `Traffic::statuses`.
const CLASSES: [&str; 6] = ["left", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// A document that is being written.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// `GET /metrics`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember) -> Result<Response, Fault> {
    let states = app.control.counts(&cx).await?;
    let jobs = app.control.job_counts(&cx).await?;
    let traffic = app.control.traffic_now(&cx).await?;
    let certificates = app.control.certificates(&cx).await?;
    let mut out = Exposition::default();
    counts(&mut out, &states, &jobs);
    let named: Vec<(String, &Traffic)> = traffic.iter().map(|(site, traffic)| (site.to_string(), traffic)).collect();
    requests(&mut out, &named);
    latency(&mut out, &named);
    endings(&mut out, &certificates);
    Ok(([(header::CONTENT_TYPE, KIND)], out.0).into_response())
}

/// Each state of a job has its series even at 0, so that an alarm can tell none from no answer.
fn counts(out: &mut Exposition, sites: &[(SiteState, u64)], jobs: &[(JobState, u64)]) {
    out.family("stoa_sites", "gauge", "Sites by state.");
    sites.iter().for_each(|(state, n)| out.sample("stoa_sites", &[("state", state.as_str())], n));
    out.family("stoa_jobs", "gauge", "Jobs by state; those that are stuck wait for a person.");
    jobs.iter().for_each(|(state, n)| out.sample("stoa_jobs", &[("state", state.as_str())], n));
}

fn requests(out: &mut Exposition, sites: &[(String, &Traffic)]) {
    let name = "stoa_site_requests_total";
    out.family(
        name,
        "counter",
        "Finished requests by the class of their answer; left: the visitor did not wait for it.",
    );
    for (site, traffic) in sites {
        for (class, count) in CLASSES.iter().zip(traffic.statuses) {
            out.sample(name, &[("site", site), ("class", class)], count);
        }
    }
    let name = "stoa_site_bytes_total";
    out.family(name, "counter", "Bytes of request bodies (in) and of response bodies (out).");
    for (site, traffic) in sites {
        out.sample(name, &[("site", site), ("direction", "in")], traffic.bytes_in);
        out.sample(name, &[("site", site), ("direction", "out")], traffic.bytes_out);
    }
}

fn latency(out: &mut Exposition, sites: &[(String, &Traffic)]) {
    let name = "stoa_site_request_duration_seconds";
    let bucket = &format!("{name}_bucket");
    out.family(name, "histogram", "Time from a request's head to the end of its answer.");
    for (site, traffic) in sites {
        let mut seen = 0;
        for (bound, count) in LATENCY_MS.iter().zip(traffic.latency) {
            seen += count;
            out.sample(bucket, &[("site", site), ("le", &seconds(*bound))], seen);
        }
        // Of the buckets, not of `requests`: these must agree, and a request may end in between.
        seen += traffic.latency[LATENCY_MS.len()];
        out.sample(bucket, &[("site", site), ("le", "+Inf")], seen);
        let micros = traffic.micros;
        let sum = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        out.sample(&format!("{name}_sum"), &[("site", site)], sum);
        out.sample(&format!("{name}_count"), &[("site", site)], seen);
    }
}

/// `0.005`, `2.5`, `10`.
fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One series a subject: where two certificates have the same, the one that ends first counts.
fn endings(out: &mut Exposition, certificates: &[NameCertificate]) {
    let mut ends: BTreeMap<&str, i64> = BTreeMap::new();
    let mut problems: BTreeMap<&str, bool> = BTreeMap::new();
    for name in certificates {
        *problems.entry(&name.name).or_default() |= name.problem.is_some();
        if let Some(served) = &name.certificate {
            let at = served.expires_at.as_second();
            ends.entry(&name.name).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }
    let name = "stoa_certificate_expiry_timestamp_seconds";
    out.family(name, "gauge", "When the certificate that is served runs out.");
    ends.iter().for_each(|(subject, at)| out.sample(name, &[("subject", subject)], at));
    let name = "stoa_certificate_problem";
    out.family(name, "gauge", "1 if a certificate could not be had or renewed at the last try.");
    problems.iter().for_each(|(subject, bad)| out.sample(name, &[("subject", subject)], u8::from(*bad)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_in_seconds() {
        let all: Vec<_> = LATENCY_MS.iter().map(|ms| seconds(*ms)).collect();
        assert_eq!(all.join(" "), "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10");
    }

    #[test]
    fn labels_and_help_can_hold_anything() {
        let mut out = Exposition::default();
        out.family("x", "gauge", "a\nb\\c");
        out.sample("x", &[("l", "q\"\\\n}")], 1);
        out.sample("x", &[], 2);
        assert_eq!(out.0, "# HELP x a\\nb\\\\c\n# TYPE x gauge\nx{l=\"q\\\"\\\\\\n}\"} 1\nx 2\n");
    }
}
