//! The audit log, for administrators.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::{
    RequestContext,
    audit::AuditFilter,
    view::{AuditView, Listing, PageNumber},
};

use crate::{
    app::App,
    extract::{body::Query, permissions::Administrator},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{ListUrl, Pager, csv_of_all},
        time::{self, Moment},
    },
};

const PATH: &str = "/staff/audit";
/// Rows of a file at most; older ones are in the archive.
const MAX_CSV_ROWS: u64 = 100_000;

/// `/staff/audit`
#[derive(Template)]
#[template(path = "core/audit.html")]
pub struct AuditPage {
    /// Layout of the page.
    pub frame: Frame,
    /// What was chosen.
    pub query: AuditQuery,
    /// The entries, newest first.
    pub entries: Vec<AuditLine>,
    /// Where one is in the list.
    pub pager: Pager,
}

/// An entry.
pub struct AuditLine {
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: String,
    /// The value that filters by who.
    pub actor_id: String,
    /// What they did.
    pub action: String,
    /// To which thing.
    pub target: String,
    /// Outcome.
    pub outcome: String,
    /// Details as JSON; empty if there are none.
    pub detail: String,
    /// Id of the request.
    pub request_id: String,
}

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct AuditQuery {
    /// Who.
    #[serde(default)]
    pub actor: String,
    /// Part of an action.
    #[serde(default)]
    pub action: String,
    /// To which thing.
    #[serde(default)]
    pub target: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

impl AuditQuery {
    fn filter(&self) -> AuditFilter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditFilter { actor: given(&self.actor), action: given(&self.action), target: given(&self.target) }
    }
}

impl AuditLine {
    fn new(entry: AuditView, cx: &RequestContext) -> Self {
        let is_empty = entry.detail.as_object().is_some_and(serde_json::Map::is_empty);
        Self {
            at: time::moment(entry.at, cx.now),
            actor_id: entry.actor.split_whitespace().next().unwrap_or_default().to_owned(),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            outcome: entry.outcome,
            detail: if is_empty { String::new() } else { entry.detail.to_string() },
            request_id: entry.request_id,
        }
    }
}

/// `GET /staff/audit`
pub async fn show(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
    Query(query): Query<AuditQuery>,
) -> Result<Response, HttpError> {
    let filter = query.filter();
    if query.format == "csv" {
        return csv(&app, &cx, &filter).await;
    }
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let found = app.control.core.search_audit(&cx, &filter, page).await?;
    let chosen =
        [("actor", query.actor.as_str()), ("action", query.action.as_str()), ("target", query.target.as_str())];
    let pager = Pager::new(&found, &ListUrl::new(PATH, &chosen), true);
    let entries = found.items.into_iter().map(|entry| AuditLine::new(entry, &cx)).collect();
    Ok(ui::ok(&AuditPage { frame, query, entries, pager }))
}

async fn csv(app: &App, cx: &RequestContext, filter: &AuditFilter) -> Result<Response, HttpError> {
    let find = async |page| {
        let found = app.control.core.search_audit(cx, filter, page).await?;
        Ok(Listing { total: found.total.min(MAX_CSV_ROWS), ..found })
    };
    let row = |entry: AuditView| {
        let (seq, at, detail) = (entry.seq.to_string(), entry.at.to_string(), entry.detail.to_string());
        vec![seq, at, entry.actor, entry.action, entry.target, entry.outcome, entry.request_id, detail]
    };
    let head = ["number", "time", "actor", "action", "target", "outcome", "request", "detail"];
    csv_of_all("audit", &head, find, row).await
}
