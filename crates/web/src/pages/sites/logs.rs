//! What a site's services wrote last.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_control::{MOST_LINES, view::LogLine};

use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Query, rights::OwnSite},
    fault::{Fault, Kind},
    ui::{self, frame::Frame},
};

/// How many lines can be asked for.
const CHOICES: [u32; 3] = [100, 500, MOST_LINES];

/// `/sites/{id}/logs`
#[derive(Template)]
#[template(path = "sites/logs.html")]
pub struct LogPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The site's head.
    pub head: SiteHead,
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Why there are none, if that isn't for want of any.
    pub missing: Option<String>,
    /// How many were asked for.
    pub tail: u32,
    /// How many can be asked for.
    pub choices: [u32; 3],
}

/// How many lines.
#[derive(Deserialize)]
pub struct Tail {
    #[serde(default)]
    tail: Option<u32>,
}

/// `GET /sites/{id}/logs`
pub async fn show(
    State(app): State<App>,
    own: OwnSite,
    frame: Frame,
    Query(Tail { tail }): Query<Tail>,
) -> Result<Response, Fault> {
    let tail = tail.filter(|t| CHOICES.contains(t)).unwrap_or(CHOICES[0]);
    let (lines, missing) = match app.control.site_logs(&own.cx, own.site.id, tail).await.map_err(Fault::from) {
        Ok(lines) => (lines, None),
        Err(fault) if matches!(fault.kind, Kind::Conflict | Kind::Unavailable) => (Vec::new(), Some(fault.detail)),
        Err(fault) => return Err(fault),
    };
    let head = SiteHead::new(&own.site);
    Ok(ui::ok(&LogPage { frame, head, lines, missing, tail, choices: CHOICES }))
}
