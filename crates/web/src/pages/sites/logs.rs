//! The latest log lines of a site's services.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_sites::{MAX_LOG_LINES, view::LogLine};

use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Query, permissions::AccessibleSite},
    http_error::{ErrorKind, HttpError},
    ui::{self, frame::Frame},
};

/// Numbers of lines to choose from.
const CHOICES: [u32; 3] = [100, 500, MAX_LOG_LINES];

/// `/sites/{id}/logs`
#[derive(Template)]
#[template(path = "sites/logs.html")]
pub struct LogPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Why the log is unavailable.
    pub missing: Option<String>,
    /// Requested number of lines.
    pub tail: u32,
    /// Numbers of lines to choose from.
    pub choices: [u32; 3],
}

/// Query of the page.
#[derive(Deserialize)]
pub struct LogsQuery {
    #[serde(default)]
    tail: Option<u32>,
}

/// `GET /sites/{id}/logs`
pub async fn show(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Query(LogsQuery { tail }): Query<LogsQuery>,
) -> Result<Response, HttpError> {
    let tail = tail.filter(|t| CHOICES.contains(t)).unwrap_or(CHOICES[0]);
    let (lines, missing) = match app.control.sites.logs(&access.cx, access.site.id, tail).await.map_err(HttpError::from)
    {
        Ok(lines) => (lines, None),
        Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::Unavailable) => {
            (Vec::new(), Some(error.detail))
        }
        Err(error) => return Err(error),
    };
    let head = SiteHead::new(&access.site);
    Ok(ui::ok(&LogPage { frame, head, lines, missing, tail, choices: CHOICES }))
}
