//! What a site's visitors did: how many came, what they got, how much was sent, how long it took.

pub mod plots;
pub mod range;
pub mod spark;

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use stoa_control::view::TrafficHour;
use stoa_model::traffic::Traffic;

use self::{
    plots::Plots,
    range::{Bin, Range},
};
use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Query, rights::OwnSite},
    fault::Fault,
    ui::{self, frame::Frame, number, time},
};

/// `/sites/{id}/traffic`
#[derive(Template)]
#[template(path = "sites/traffic/show.html")]
pub struct TrafficPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The site's head.
    pub head: SiteHead,
    /// How far back.
    pub range: Range,
    /// How far back one can look.
    pub ranges: [Range; 3],
    /// Name and value of what is worth knowing at once.
    pub totals: Vec<(String, String)>,
    /// The plots; nothing if there was nobody.
    pub plots: Option<Plots>,
    /// The same in numbers, the newest first.
    pub rows: Vec<Row>,
}

/// A line of the table.
pub struct Row {
    /// The stretch of time.
    pub stretch: String,
    /// Requests, and by kind: 1xx and 2xx, 3xx, 4xx, 5xx, left.
    pub counts: [String; 6],
    /// Bytes out and in.
    pub bytes: [String; 2],
    /// Half, 95 and 99 of 100.
    pub took: [String; 3],
}

impl Row {
    fn new(bin: &Bin, range: Range) -> Self {
        let t = &bin.traffic;
        let [left, informational, success, redirect, client, server] = t.statuses;
        Self {
            stretch: range.stretch(bin.from),
            counts: [t.requests, informational + success, redirect, client, server, left].map(number::count),
            bytes: [t.bytes_out, t.bytes_in].map(time::bytes),
            took: [0.5, 0.95, 0.99].map(|share| took(t, share)),
        }
    }
}

/// Within what time so many requests were answered, in words.
fn took(traffic: &Traffic, share: f64) -> String {
    match traffic.quantile(share) {
        _ if traffic.requests == 0 => "–".to_owned(),
        Some(ms) => format!("≤ {}", plots::bound(ms)),
        None => "> 10 s".to_owned(),
    }
}

impl TrafficPage {
    /// The page.
    pub fn new(frame: Frame, head: SiteHead, range: Range, hours: &[TrafficHour]) -> Self {
        let bins = range.bins(hours);
        let mut all = Traffic::default();
        bins.iter().for_each(|bin| all.add(&bin.traffic));
        let somebody = all.requests > 0;
        Self {
            frame,
            head,
            range,
            ranges: Range::ALL,
            totals: totals(&all),
            plots: somebody.then(|| Plots::new(range, &bins, &all)),
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

/// How far back.
#[derive(Deserialize)]
pub struct Back {
    #[serde(default)]
    range: String,
}

/// `GET /sites/{id}/traffic`
pub async fn show(
    State(app): State<App>,
    own: OwnSite,
    frame: Frame,
    Query(Back { range }): Query<Back>,
) -> Result<Response, Fault> {
    let range = Range::read(&range);
    let hours = app.control.site_traffic(&own.cx, own.site.id, range.hours(own.cx.now)).await?;
    Ok(ui::ok(&TrafficPage::new(frame, SiteHead::new(&own.site), range, &hours)))
}

/// `14:00`.
fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string()
}
