//! `/staff/mail`: the e-mails of the last 90 days.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::{RequestContext, mail_log::MailFilter, view::PageNumber};
use stoa_model::mail::{MailEntry, MailState};

use crate::{
    app::App,
    extract::{body::Query, permissions::StaffMember},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Filters, Finder, ListUrl, Pager, csv_of_all},
        status::{self, Badge},
        time::{self, Moment},
    },
};

const PATH: &str = "/staff/mail";

/// `/staff/mail`
#[derive(Template)]
#[template(path = "core/mail/list.html")]
pub struct MailListPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The list's search box.
    pub finder: Finder,
    /// Filters by state.
    pub filters: Filters,
    /// Whether anything is searched or filtered.
    pub is_filtered: bool,
    /// The e-mails, newest first.
    pub mails: Vec<MailRow>,
    /// Where one is in the list.
    pub pager: Pager,
}

/// An e-mail in the list.
pub struct MailRow {
    /// Its id.
    pub id: String,
    /// Receiver.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// What it is about.
    pub kind: &'static str,
    /// How far it has come.
    pub state: Badge,
    /// What the mail server said, unless all is well.
    pub problem: Option<String>,
    /// When it was first tried.
    pub created: Moment,
}

impl MailRow {
    fn new(mail: MailEntry, now: Timestamp) -> Self {
        Self {
            id: mail.id.to_string(),
            to: mail.to.to_string(),
            subject: mail.subject,
            kind: mail.kind.label(),
            state: status::mail(mail.state),
            problem: mail.answer.filter(|_| mail.state != MailState::Sent),
            created: time::moment(mail.created_at, now),
        }
    }
}

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct MailQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

/// `GET /staff/mail`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<MailQuery>,
) -> Result<Response, HttpError> {
    let text = query.q.trim();
    let filter = MailFilter { state: query.state.parse().ok(), text: (!text.is_empty()).then(|| text.to_owned()) };
    if query.format == "csv" {
        return csv(&app, &cx, &filter).await;
    }
    let url = ListUrl::new(PATH, &[("q", &query.q), ("state", &query.state)]);
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let (found, states) = app.control.mail_log.search(&cx, filter.clone(), page).await?;
    let counted = |state: MailState| states.iter().find(|(of, _)| *of == state).map_or(0, |(_, n)| *n);
    let all = states.iter().map(|(_, n)| n).sum();
    let of_state = MailState::ALL.iter().map(|&state| (state.as_str(), status::mail(state).word, counted(state)));
    let filters = std::iter::once(("", "All", all)).chain(of_state);
    let filters = Filters::new("State", &url, "state", filter.state.map_or("", MailState::as_str), filters);
    let pager = Pager::new(&found, &url, true);
    let mails = found.items.into_iter().map(|mail| MailRow::new(mail, cx.now)).collect();
    let (finder, is_filtered) = (Finder::new(&url, "Search by receiver or subject"), url.is_filtered());
    Ok(ui::ok(&MailListPage { frame, finder, filters, is_filtered, mails, pager }))
}

async fn csv(app: &App, cx: &RequestContext, filter: &MailFilter) -> Result<Response, HttpError> {
    let find = async |page| Ok(app.control.mail_log.search(cx, filter.clone(), page).await?.0);
    let row = |mail: MailEntry| {
        let (to, attempts, created) = (mail.to.to_string(), mail.attempts.to_string(), mail.created_at.to_string());
        vec![
            created,
            to,
            mail.kind.to_string(),
            mail.subject,
            mail.state.to_string(),
            attempts,
            mail.answer.unwrap_or_default(),
        ]
    };
    csv_of_all("mail", &["created", "to", "kind", "subject", "state", "attempts", "answer"], find, row).await
}
