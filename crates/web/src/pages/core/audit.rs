//! The audit log, for administrators.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Deserialize;
use serde_json::Value;
use stoa_core::{
    RequestContext,
    audit::AuditFilter,
    view::{AuditView, PageNumber},
};

use super::{
    audit_check::CheckLine,
    audit_export::{self, Format},
};

use crate::{
    app::App,
    extract::{body::Query, permissions::Administrator},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{ListUrl, Pager},
        time::{self, Moment},
    },
};

const PATH: &str = "/staff/audit";
/// Groups of actions, by the beginning of their names.
const GROUPS: &[(&str, &str)] = &[
    ("session", "Logins and sessions"),
    ("password", "Passwords"),
    ("second_factor", "Two-step login"),
    ("passkey", "Passkeys"),
    ("token", "API tokens"),
    ("email", "E-mail addresses"),
    ("account", "Accounts"),
    ("member", "Members"),
    ("invitation", "Invitations"),
    ("customer", "Customers, and reads of their data"),
    ("note", "Notes"),
    ("staff", "Staff"),
    ("site", "Sites"),
    ("domain", "Domains"),
    ("certificate", "Certificates"),
    ("job", "Jobs"),
    ("task", "Tasks"),
    ("request", "Refused requests"),
    ("audit", "Audit log"),
];

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
    /// Groups of actions to choose from: name, label.
    pub groups: &'static [(&'static str, &'static str)],
    /// The last check of the chain.
    pub check: CheckLine,
    /// The list as a file of JSON lines.
    pub jsonl: String,
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
    /// A group of actions.
    #[serde(default)]
    pub group: String,
    /// To which thing.
    #[serde(default)]
    pub target: String,
    /// From this day on (UTC), such as `2026-12-01`.
    #[serde(default)]
    pub from: String,
    /// Until the end of this day.
    #[serde(default)]
    pub to: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

impl AuditQuery {
    fn filter(&self) -> AuditFilter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditFilter {
            actor: given(&self.actor),
            action: given(&self.action),
            group: given(&self.group),
            target: given(&self.target),
            from: start_of(&self.from, 0),
            before: start_of(&self.to, 1),
        }
    }

    fn chosen(&self) -> [(&'static str, &str); 6] {
        [
            ("action", &self.action),
            ("group", &self.group),
            ("actor", &self.actor),
            ("target", &self.target),
            ("from", &self.from),
            ("to", &self.to),
        ]
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
    match query.format.as_str() {
        "csv" => return audit_export::download(&app, &cx, filter, Format::Csv).await,
        "jsonl" => return audit_export::download(&app, &cx, filter, Format::JsonLines).await,
        _ => {}
    }
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let found = app.control.core.search_audit(&cx, &filter, page).await?;
    let check = CheckLine::new(app.control.core.last_audit_check(&cx).await?, &cx);
    let url = ListUrl::new(PATH, &query.chosen());
    let (pager, jsonl) = (Pager::new(&found, &url, true), url.with("format", "jsonl"));
    let entries = found.items.into_iter().map(|entry| AuditLine::new(entry, &cx)).collect();
    Ok(ui::ok(&AuditPage { frame, query, entries, pager, groups: GROUPS, check, jsonl }))
}

/// The beginning (UTC) of the day so many days after this one; `None` if it is no day.
fn start_of(day: &str, days_after: i64) -> Option<Timestamp> {
    let day: Date = day.trim().parse().ok()?;
    let day = day.checked_add(days_after.days()).ok()?;
    day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use super::{short, start_of};

    #[test]
    fn days_are_those_of_utc() {
        assert_eq!(start_of("2026-12-01", 0).unwrap().to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(start_of(" 2026-12-31 ", 1).unwrap().to_string(), "2027-01-01T00:00:00Z");
        for text in ["", "yesterday", "2026-13-01", "9999-12-31"] {
            assert_eq!(start_of(text, 1), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_its_kind_and_its_end() {
        assert_eq!(short("cus_01a22f125f3a76ac9580d1ba35243039"), "cus_…35243039");
        assert_eq!(short("stf_01a22f125f3a76ac9580d1ba35243039 (admin)"), "stf_…35243039 (admin)");
        for text in ["nobody", "system", "jane_doe@example.com", "audit-1-5000.jsonl", ""] {
            assert_eq!(short(text), text);
        }
    }
}
