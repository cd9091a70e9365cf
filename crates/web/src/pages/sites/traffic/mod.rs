//! Traffic of a site: requests, responses, bytes, latency.

pub mod charts;
pub mod day_summary;
pub mod range;

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use stoa_model::traffic::Traffic;
use stoa_sites::view::TrafficHour;

use self::{
    charts::Charts,
    range::{Bin, Range},
};
use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Query, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{self, frame::Frame, number, time},
};

/// `/sites/{id}/traffic`
#[derive(Template)]
#[template(path = "sites/traffic/show.html")]
pub struct TrafficPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// Selected period.
    pub range: Range,
    /// Periods to choose from.
    pub ranges: [Range; 3],
    /// Summary: name and value.
    pub totals: Vec<(String, String)>,
    /// The charts; `None` if there was no traffic.
    pub charts: Option<Charts>,
    /// The numbers, newest first.
    pub rows: Vec<Row>,
}

/// A row of the table.
pub struct Row {
    /// Period of time.
    pub period: String,
    /// All requests, then by status: 1xx and 2xx, 3xx, 4xx, 5xx, disconnected.
    pub counts: [String; 6],
    /// Bytes out and in.
    pub bytes: [String; 2],
    /// Median, 95th and 99th percentile.
    pub took: [String; 3],
}

impl Row {
    fn new(bin: &Bin, range: Range) -> Self {
        let t = &bin.traffic;
        let [left, informational, success, redirect, client, server] = t.statuses;
        Self {
            period: range.period(bin.from),
            counts: [t.requests, informational + success, redirect, client, server, left].map(number::count),
            bytes: [t.bytes_out, t.bytes_in].map(time::bytes),
            took: [0.5, 0.95, 0.99].map(|share| took(t, share)),
        }
    }
}

/// A quantile of the response time, formatted.
fn took(traffic: &Traffic, share: f64) -> String {
    match traffic.quantile(share) {
        _ if traffic.requests == 0 => "–".to_owned(),
        Some(ms) => format!("≤ {}", charts::bound(ms)),
        None => "> 10 s".to_owned(),
    }
}

impl TrafficPage {
    /// Builds the page.
    pub fn new(frame: Frame, head: SiteHead, range: Range, hours: &[TrafficHour]) -> Self {
        let bins = range.bins(hours);
        let mut all = Traffic::default();
        bins.iter().for_each(|bin| all.add(&bin.traffic));
        let has_traffic = all.requests > 0;
        Self {
            frame,
            head,
            range,
            ranges: Range::ALL,
            totals: totals(&all),
            charts: has_traffic.then(|| Charts::new(range, &bins, &all)),
            rows: bins.iter().rev().map(|bin| Row::new(bin, range)).collect(),
        }
    }
}

fn totals(all: &Traffic) -> Vec<(String, String)> {
    let failed = all.statuses[5];
    vec![
        ("Requests".to_owned(), number::count(all.requests)),
        (format!("Failed in the store ({})", number::share(failed, all.requests)), number::count(failed)),
        ("Sent to visitors".to_owned(), time::bytes(all.bytes_out)),
        ("Received".to_owned(), time::bytes(all.bytes_in)),
        ("Half answered in".to_owned(), took(all, 0.5)),
    ]
}

/// Query of the page.
#[derive(Deserialize)]
pub struct TrafficQuery {
    #[serde(default)]
    range: String,
}

/// `GET /sites/{id}/traffic`
pub async fn show(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Query(TrafficQuery { range }): Query<TrafficQuery>,
) -> Result<Response, HttpError> {
    let range = Range::parse(&range);
    let hours = app.control.sites.traffic(&access.cx, access.site.id, range.hours(access.cx.now)).await?;
    Ok(ui::ok(&TrafficPage::new(frame, SiteHead::new(&access.site), range, &hours)))
}

/// `14:00`.
fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string()
}
