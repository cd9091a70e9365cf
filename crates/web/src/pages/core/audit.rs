//! The audit log, for administrators.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::Value;
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
    /// Details, such as `role: admin, days: 30`; empty if there are none.
    pub detail: String,
    /// The client's address, if it came over the network.
    pub address: Option<String>,
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
        let founder = entry.actor.replacen("cus_", "usr_", 1);
        Self {
            at: time::moment(entry.at, cx.now),
            actor_id: entry.actor.split_whitespace().next().unwrap_or_default().to_owned(),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            outcome: entry.outcome,
            detail: words(&entry.detail, &founder),
            address: entry.address,
            request_id: entry.request_id,
        }
    }
}

/// An id as people compare it: its kind and its end, because ids of one day begin alike. Other texts stay.
fn short(text: &str) -> String {
    let (id, role) = text.split_once(' ').unwrap_or((text, ""));
    match id.split_once('_') {
        Some((kind, uuid)) if uuid.len() == 32 && uuid.bytes().all(|b| b.is_ascii_hexdigit()) => {
            format!("{kind}_…{} {role}", &uuid[24..]).trim_end().to_owned()
        }
        _ => text.to_owned(),
    }
}

/// Details without the signs of JSON, and without the person if it is the founder of the organization that acts.
fn words(detail: &Value, founder: &str) -> String {
    let Value::Object(fields) = detail else { return detail.to_string() };
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {}", short(text)),
        value => format!("{name}: {value}"),
    };
    let is_news = |(name, value): &(&String, &Value)| name.as_str() != "by" || value.as_str() != Some(founder);
    fields.iter().filter(is_news).map(word).collect::<Vec<_>>().join(", ")
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
        let (address, credential) = (entry.address.unwrap_or_default(), entry.credential.unwrap_or_default());
        let AuditView { actor, action, target, outcome, request_id, .. } = entry;
        vec![seq, at, actor, action, target, outcome, address, credential, request_id, detail]
    };
    let head = ["number", "time", "actor", "action", "target", "outcome", "address", "credential", "request", "detail"];
    csv_of_all("audit", &head, find, row).await
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn an_id_is_its_kind_and_its_end() {
        assert_eq!(short("cus_01a22f125f3a76ac9580d1ba35243039"), "cus_…35243039");
        assert_eq!(short("stf_01a22f125f3a76ac9580d1ba35243039 (admin)"), "stf_…35243039 (admin)");
        for text in ["nobody", "system", "jane_doe@example.com", "audit-1-5000.jsonl", ""] {
            assert_eq!(short(text), text);
        }
    }
}
