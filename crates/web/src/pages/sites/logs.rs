//! The latest log lines of a site's services.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use stoa_sites::{MAX_LOG_LINES, view::LogLine};

use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Query, permissions::AccessibleSite},
    http_error::{ErrorKind, HttpError},
    log_stream,
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
    /// Whether there are lines; [`respond`] puts them in.
    pub has_lines: bool,
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
    let (log, missing) = match app.control.sites.logs(&access.cx, access.site.id, tail).await.map_err(HttpError::from) {
        Ok(log) => (Some(log), None),
        Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::Unavailable) => (None, Some(error.detail)),
        Err(error) => return Err(error),
    };
    let (lines, place) = log.map(|log| (log.lines, log.place)).unzip();
    let lines = lines.unwrap_or_default();
    let head = SiteHead::new(&access.site);
    let page = LogPage { frame, head, has_lines: !lines.is_empty(), missing, tail, choices: CHOICES };
    Ok(respond(&page, lines, place))
}

/// A line of the page.
#[derive(Template)]
#[template(path = "sites/log_line.html")]
struct Line(LogLine);

/// The page with these lines, sent piece by piece. `guard` is dropped with the lines.
pub fn respond(page: &LogPage, lines: Vec<LogLine>, guard: impl Send + 'static) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return HttpError::from(stoa_core::Error::internal(error)).into_response(),
    };
    // The page's only <pre>: everything that people type is escaped.
    let (start, end) = html.split_at(html.find("</pre>").unwrap_or(html.len()));
    let write = |piece: &mut Vec<u8>, _, line| {
        // Neither the template nor the writer can fail.
        let _ = Line(line).write_into(piece);
        piece.push(b'\n');
    };
    let body = log_stream::body(start, lines, guard, write, end.to_owned());
    (ui::HTML_HEADERS, body).into_response()
}
