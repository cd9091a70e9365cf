//! `GET /metrics`: metrics for the operator's monitoring, in the Prometheus text format 0.0.4.
//!
//! Counters are those of this process and restart with it, as Prometheus expects. The endpoint needs a staff
//! token, with any role: traffic of sites is confidential.

use std::{collections::BTreeMap, fmt};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, prometheus_text},
    metrics::MetricType,
    registry::Registry,
};
use stoa_core::{Error, reconciler::ReconcilerHealth};
use stoa_domains::view::NameCertificate;
use stoa_model::{
    job::JobState,
    site::SiteState,
    traffic::{LATENCY_MS, Traffic},
};

use crate::{app::App, extract::permissions::StaffMember, http_error::HttpError};

/// Labels of `Traffic::statuses`.
const STATUS_CLASSES: [&str; 6] = ["left", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The values of one scrape.
#[derive(Debug, Default)]
struct Snapshot {
    sites: Vec<(SiteState, u64)>,
    jobs: Vec<(JobState, u64)>,
    traffic: Vec<(String, Traffic)>,
    storage: Vec<(String, u64)>,
    certificates: Vec<NameCertificate>,
    reconcilers: BTreeMap<&'static str, ReconcilerHealth>,
    /// Whether it is in force, if it is switched on.
    firewall: Option<bool>,
    security_log_failures: u64,
}

/// `GET /metrics`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember) -> Result<Response, HttpError> {
    let per_site = app.control.settings().site_metrics;
    let traffic = if per_site { app.control.sites.traffic_of_all(&cx).await? } else { Vec::new() };
    let storage = if per_site { app.control.sites.storage_of_all(&cx).await? } else { Vec::new() };
    let snapshot = Snapshot {
        sites: app.control.sites.counts(&cx).await?,
        jobs: app.control.jobs.counts(&cx).await?,
        storage: storage.into_iter().map(|(site, bytes)| (site.to_string(), bytes)).collect(),
        traffic: traffic.into_iter().map(|(site, traffic)| (site.to_string(), traffic)).collect(),
        certificates: if per_site { app.control.domains.list_certificates(&cx).await? } else { Vec::new() },
        reconcilers: app.control.reconcilers.health(),
        firewall: app.control.firewall().map(|condition| condition.is_in_force()),
        security_log_failures: app.control.core.security_log.failures(),
    };
    let text = render(snapshot).map_err(|error| HttpError::from(Error::internal(error)))?;
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response())
}

fn render(snapshot: Snapshot) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_states(&mut encoder)?;
        self.encode_requests(&mut encoder)?;
        self.encode_bytes(&mut encoder)?;
        self.encode_storage(&mut encoder)?;
        self.encode_latency(&mut encoder)?;
        self.encode_certificates(&mut encoder)?;
        self.encode_reconcilers(&mut encoder)?;
        self.encode_security_log(&mut encoder)?;
        self.encode_firewall(&mut encoder)
    }
}

impl Snapshot {
    /// Each job state has a series even at 0, so that an alert can tell "none" from "no data".
    fn encode_states(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut sites = encoder.encode_descriptor("stoa_sites", "Sites by state.", None, MetricType::Gauge)?;
        for (state, count) in &self.sites {
            sites.encode_family(&[("state", state.as_str())])?.encode_gauge(count)?;
        }
        let help = "Jobs by state; stuck ones need an operator.";
        let mut jobs = encoder.encode_descriptor("stoa_jobs", help, None, MetricType::Gauge)?;
        for (state, count) in &self.jobs {
            jobs.encode_family(&[("state", state.as_str())])?.encode_gauge(count)?;
        }
        Ok(())
    }

    /// The reconcilers of this process.
    fn encode_reconcilers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Runs of reconcilers by outcome; a panic is also an error.";
        let mut runs = encoder.encode_descriptor("stoa_reconciler_runs", help, None, MetricType::Counter)?;
        for (name, health) in &self.reconcilers {
            let outcomes =
                [("ok", health.runs - health.failures), ("error", health.failures), ("panic", health.panics)];
            for (outcome, count) in outcomes {
                let labels = [("reconciler", *name), ("outcome", outcome)];
                runs.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)?;
            }
        }
        let help = "Duration of the last run.";
        let name = "stoa_reconciler_last_duration_seconds";
        let mut durations = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (name, health) in &self.reconcilers {
            let seconds = health.last_duration.as_secs_f64();
            durations.encode_family(&[("reconciler", *name)])?.encode_gauge(&seconds)?;
        }
        let help = "When the reconciler last succeeded in this process; 0: never.";
        let name = "stoa_reconciler_last_success_timestamp_seconds";
        let mut successes = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (name, health) in &self.reconcilers {
            let at = health.ok_at.map_or(0, |at| at.as_second());
            successes.encode_family(&[("reconciler", *name)])?.encode_gauge(&at)?;
        }
        let help = "1 while every run fails.";
        let mut failing = encoder.encode_descriptor("stoa_reconciler_failing", help, None, MetricType::Gauge)?;
        for (name, health) in &self.reconcilers {
            let is_failing = i64::from(health.failing_since.is_some());
            failing.encode_family(&[("reconciler", *name)])?.encode_gauge(&is_failing)?;
        }
        Ok(())
    }

    fn encode_storage(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Bytes that the site stores, as last measured.";
        let mut bytes = encoder.encode_descriptor("stoa_site_storage_bytes", help, None, MetricType::Gauge)?;
        for (site, stored) in &self.storage {
            bytes.encode_family(&[("site", site.as_str())])?.encode_gauge(stored)?;
        }
        Ok(())
    }

    fn encode_security_log(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Attempts to write logs/security.log that failed; the entries wait in the database.";
        let name = "stoa_security_log_failures";
        let mut failures = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        failures.encode_counter::<NoLabelSet, _, f64>(&self.security_log_failures, None)
    }

    fn encode_firewall(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(in_force) = self.firewall else { return Ok(()) };
        let help = "1 while the tenant firewall is in force on the machine of this process.";
        let mut gauge = encoder.encode_descriptor("stoa_firewall_in_force", help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&i64::from(in_force))
    }

    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Finished requests by class of response status; left: the visitor disconnected before the response.";
        let mut requests = encoder.encode_descriptor("stoa_site_requests", help, None, MetricType::Counter)?;
        for (site, traffic) in &self.traffic {
            for (class, count) in STATUS_CLASSES.into_iter().zip(traffic.statuses) {
                let labels = [("site", site.as_str()), ("class", class)];
                requests.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn encode_bytes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Bytes of request bodies (in) and of response bodies (out).";
        let mut bytes = encoder.encode_descriptor("stoa_site_bytes", help, None, MetricType::Counter)?;
        for (site, traffic) in &self.traffic {
            for (direction, count) in [("in", traffic.bytes_in), ("out", traffic.bytes_out)] {
                let labels = [("site", site.as_str()), ("direction", direction)];
                bytes.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn encode_latency(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "stoa_site_request_duration_seconds";
        let help = "Time from a request's head to the end of its response.";
        let mut latency = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let bounds = || LATENCY_MS.iter().map(|ms| *ms as f64 / 1_000.0).chain([f64::INFINITY]);
        for (site, traffic) in &self.traffic {
            let buckets: Vec<(f64, u64)> = bounds().zip(traffic.latency).collect();
            // The sum of the buckets, not `requests`: the two must agree, and a request may end in between.
            let count = traffic.latency.iter().sum();
            let sum = traffic.micros as f64 / 1_000_000.0;
            let labels = [("site", site.as_str())];
            latency.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    /// One series per subject: of two certificates with the same subject, the one that expires first counts.
    fn encode_certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut expiries: BTreeMap<&str, i64> = BTreeMap::new();
        let mut problems: BTreeMap<&str, bool> = BTreeMap::new();
        for name in &self.certificates {
            *problems.entry(&name.name).or_default() |= name.problem.is_some();
            if let Some(certificate) = &name.certificate {
                let at = certificate.expires_at.as_second();
                expiries.entry(&name.name).and_modify(|first| *first = at.min(*first)).or_insert(at);
            }
        }
        let name = "stoa_certificate_expiry_timestamp_seconds";
        let help = "When the certificate in use expires.";
        let mut expiry = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (subject, at) in &expiries {
            expiry.encode_family(&[("subject", *subject)])?.encode_gauge(at)?;
        }
        let help = "1 if the last attempt to obtain or renew the certificate failed.";
        let mut problem = encoder.encode_descriptor("stoa_certificate_problem", help, None, MetricType::Gauge)?;
        for (subject, has_problem) in &problems {
            problem.encode_family(&[("subject", *subject)])?.encode_gauge(&i64::from(*has_problem))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_buckets_are_cumulative_and_in_seconds() {
        let mut traffic = Traffic::default();
        traffic.count(200, 0, 0, 4_000);
        traffic.count(200, 0, 0, 60_000_000);
        let snapshot = Snapshot { traffic: vec![("site_1".into(), traffic)], ..Snapshot::default() };
        let text = render(snapshot).expect("rendered");
        let buckets = text.lines().filter_map(|line| line.split("_bucket{site=\"site_1\",le=\"").nth(1));
        let buckets: Vec<_> = buckets.map(|rest| rest.replace("\"}", "")).collect();
        let bounds = "0.005 1,0.01 1,0.025 1,0.05 1,0.1 1,0.25 1,0.5 1,1 1,2.5 1,5 1,10 1,+Inf 2";
        assert_eq!(buckets.join(","), bounds, "{text}");
        assert!(
            text.contains("_sum{site=\"site_1\"} 60.004\n") && text.contains("_count{site=\"site_1\"} 2\n"),
            "{text}"
        );
    }

    #[test]
    fn label_values_are_escaped() {
        let name = NameCertificate {
            name: "q\"\\\n}".into(),
            state: stoa_domains::view::CertificateState::Waiting,
            certificate: None,
            problem: None,
            detail: None,
            next_try: None,
        };
        let text = render(Snapshot { certificates: vec![name], ..Snapshot::default() }).expect("rendered");
        assert!(text.contains("stoa_certificate_problem{subject=\"q\\\"\\\\\\n}\"} 0\n"), "{text}");
    }
}
