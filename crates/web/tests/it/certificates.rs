//! Certificates for staff: page, overview, metrics.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use stoa_domains::command::UploadCertificate;
use stoa_model::account::Role;

use crate::{
    browser::{Browser, TestApp},
    domains::{certificate, proven, secure},
    permissions::token,
};

/// A site with one uploaded certificate and one name without a certificate yet.
async fn operator(app: &TestApp) -> Browser {
    let platform = &app.platform;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    proven(app, &jane, site, "bakery.example").await;
    let (chain, key) = certificate(&["bakery.example"]);
    let upload = UploadCertificate { chain, key: key.into() };
    platform.control.domains.upload_certificate(&platform.now(&jane), site, upload).await.unwrap();
    proven(app, &jane, site, "cakes.example").await;
    for status in [200, 200, 404, 503] {
        platform.edge.serve(site, status, 1000);
    }
    let staff = platform.staff(Role::Support).await;
    let mut browser = app.logged_in("support-1@stoa.example").await;
    browser.bearer = Some(token(platform, staff.actor).await);
    browser
}

#[tokio::test]
async fn staff_see_all_names_and_what_is_not_configured() {
    let app = secure().await;
    let mut staff = operator(&app).await;
    let page = staff.get("/staff/certificates").await;
    page.is(200).says("bakery.example").says("cakes.example").says(">uploaded<").says("HTTPS on");
    page.says("No certificate authority is configured");
    staff.get("/staff").await.is(200).says("href=\"/staff/domains\"").says("/staff/health");
    let all = staff.get("/api/v1/certificates").await.is(200).json();
    let states: BTreeMap<_, _> =
        all.as_array().unwrap().iter().map(|c| (c["name"].as_str().unwrap(), c["state"].as_str().unwrap())).collect();
    assert_eq!((states["bakery.example"], states["cakes.example"]), ("good", "waiting"));

    // Near its expiry: an uploaded certificate is not renewed automatically.
    app.platform.clock.advance(jiff::SignedDuration::from_hours(24 * 282));
    let mut staff = app.logged_in("support-1@stoa.example").await;
    // What was summed up before is shown once more, while it is summed up again.
    let mut shown = false;
    for _ in 0..200 {
        shown = staff.get("/staff").await.text.contains("1 certificate</a> can’t be issued or will expire soon");
        if shown {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(shown);
    staff.get("/staff/certificates").await.says("Expires soon").says("1 of 3 names needs attention");
}

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Parses a line as Prometheus does: `name{label="text",…} value`.
fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) =
        head.split_once('{').map_or((head, ""), |(name, rest)| (name, rest.strip_suffix('}').unwrap()));
    let legal = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    assert!(legal(name) && name.starts_with("stoa_"), "{line}");
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(legal(label), "{line}");
        let (mut text, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("no end: {line}")) {
                (at, '"') => break at,
                (_, '\\') => text.push(if chars.next().unwrap().1 == 'n' { '\n' } else { '?' }),
                (_, c) => text.push(c),
            }
        };
        assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
        rest = after[end + 1..].trim_start_matches(',');
    }
    Sample { name: name.to_owned(), labels, value: value.parse().unwrap_or_else(|e| panic!("{e}: {line}")) }
}

#[tokio::test]
async fn metrics_can_be_read_by_prometheus() {
    let app = secure().await;
    let mut staff = operator(&app).await;
    let answer = staff.get("/metrics").await;
    assert_eq!(answer.is(200).header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.text.ends_with('\n'));
    let (mut families, mut seen, mut samples) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for line in answer.text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        } else if !line.starts_with("# HELP ") {
            let sample = sample(line);
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.name.strip_suffix(end));
            let family = base.filter(|base| families.get(*base).is_some_and(|kind| kind == "histogram"));
            assert!(families.contains_key(family.unwrap_or(&sample.name)), "no TYPE before {line}");
            assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            samples.push(sample);
        }
    }
    let of = |name: &str, label: &str, text: &str| -> Vec<f64> {
        let is = |s: &&Sample| s.name == name && s.labels.get(label).is_some_and(|l| l == text);
        samples.iter().filter(is).map(|s| s.value).collect()
    };
    assert_eq!(of("stoa_site_requests_total", "class", "2xx"), [2.0]);
    assert_eq!(of("stoa_site_requests_total", "class", "5xx"), [1.0]);
    assert_eq!(of("stoa_site_bytes_total", "direction", "out"), [4000.0]);
    assert_eq!(of("stoa_sites", "state", "active"), [1.0]);
    assert!(of("stoa_jobs", "state", "succeeded")[0] >= 1.0);
    assert_eq!(of("stoa_jobs", "state", "stuck"), [0.0], "present even at 0");
    let ends = of("stoa_certificate_expiry_timestamp_seconds", "subject", "bakery.example");
    assert_eq!(ends, [1_924_992_000.0], "2031-01-01");
    assert_eq!(of("stoa_certificate_problem", "subject", "cakes.example"), [0.0]);

    let site = &samples.iter().find(|s| s.name == "stoa_site_bytes_total").unwrap().labels["site"];
    let name = "stoa_site_request_duration_seconds";
    let buckets: Vec<_> = samples.iter().filter(|s| s.name == format!("{name}_bucket")).collect();
    assert_eq!(buckets.len(), 12);
    let bounds: Vec<f64> = buckets.iter().map(|s| s.labels["le"].parse().unwrap()).collect();
    assert!(bounds.is_sorted() && bounds.last() == Some(&f64::INFINITY), "{bounds:?}");
    assert!(buckets.is_sorted_by_key(|s| s.value) && buckets.iter().all(|s| &s.labels["site"] == site));
    assert_eq!(buckets.last().map(|s| s.value), of(&format!("{name}_count"), "site", site).first().copied());
    assert_eq!(of(&format!("{name}_count"), "site", site), [4.0]);
}

#[tokio::test]
async fn metrics_are_for_tokens_of_staff_only() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    app.platform.staff(Role::SuperAdmin).await;
    let mut browser = app.logged_in("super-admin-1@stoa.example").await;
    let answer = browser.get("/metrics").await;
    assert!(answer.is(401).header("www-authenticate").starts_with("Bearer"), "a cookie opens nothing");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    browser.bearer = Some(token(&app.platform, jane.actor).await);
    browser.get("/metrics").await.is(403);
    browser.send(Method::POST, "/metrics", None).await.is(405);
}
