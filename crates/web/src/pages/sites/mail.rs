//! Mail that a site sends: what became of it, how much may leave, and what makes it trustworthy.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::view::PageNumber;
use stoa_model::site_mail::DeliveryState;
use stoa_sites::site_mail::{MailLogView, MailView};

use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Query, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Filters, ListUrl, Pager},
        number::count,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// `/sites/{id}/mail`
#[derive(Template)]
#[template(path = "sites/mail.html")]
pub struct MailPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// How the site sends mail.
    pub mail: MailView,
    /// What was used of the limits.
    pub usage: Vec<UsageLine>,
    /// The messages.
    pub lines: Vec<MailLine>,
    /// Filters by state.
    pub filters: Filters,
    /// Whether only one state is listed.
    pub is_filtered: bool,
    /// Where one is in the list.
    pub pager: Pager,
}

/// A limit, and what was used of it.
pub struct UsageLine {
    /// What it limits.
    pub name: &'static str,
    /// What was used, and of how much.
    pub text: String,
    /// The same in percent; `None` without a limit.
    pub percent: Option<u64>,
}

/// A message for one recipient.
pub struct MailLine {
    /// Subject.
    pub subject: String,
    /// Sender.
    pub from: String,
    /// The sender that was replaced.
    pub replaced_from: Option<String>,
    /// Recipient.
    pub recipient: String,
    /// State.
    pub state: Badge,
    /// The mail server's answer, or why it waits.
    pub answer: Option<String>,
    /// When it was accepted.
    pub at: Moment,
    /// When it is tried again.
    pub next: Option<Moment>,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct MailQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: String,
}

/// States as filters, those first that need attention.
const FILTERS: [(DeliveryState, &str); 6] = [
    (DeliveryState::Sent, "Sent"),
    (DeliveryState::Queued, "Queued"),
    (DeliveryState::Sending, "Sending"),
    (DeliveryState::Deferred, "Delayed"),
    (DeliveryState::Held, "On hold"),
    (DeliveryState::Failed, "Refused"),
];

/// `GET /sites/{id}/mail`
pub async fn show(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Query(query): Query<MailQuery>,
) -> Result<Response, HttpError> {
    let AccessibleSite { cx, site } = access;
    let state = query.state.parse::<DeliveryState>().ok();
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let mail = app.control.sites.mail(&cx, site.id).await?;
    let log = app.control.sites.mail_log(&cx, site.id, state, page).await?;
    let current = state.map_or("", DeliveryState::as_str);
    let url = ListUrl::new(format!("/sites/{}/mail", site.id), &[("state", current)]);
    let in_state = |wanted| mail.states.iter().filter(|(of, _)| *of == wanted).map(|(_, n)| n).sum::<u64>();
    let all = ("", "All", mail.states.iter().map(|(_, n)| n).sum());
    let each = FILTERS.map(|(state, label)| (state.as_str(), label, in_state(state)));
    let each = each.into_iter().filter(|(value, _, n)| *n > 0 || *value == current);
    let filters = Filters::new("Messages by state", &url, "state", current, [all].into_iter().chain(each));
    let pager = Pager::new(&log, &url, false);
    let usage = usage(&mail);
    let lines = log.items.into_iter().map(|line| MailLine::new(line, cx.now)).collect();
    let head = SiteHead::new(&site);
    Ok(ui::ok(&MailPage { frame, head, mail, usage, lines, filters, is_filtered: url.is_filtered(), pager }))
}

fn usage(mail: &MailView) -> Vec<UsageLine> {
    let percent = |used: u64, limit: u64| (limit > 0).then(|| (used.saturating_mul(100) / limit.max(1)).min(100));
    let text = |used: String, limit: Option<String>| match limit {
        Some(limit) => format!("{used} of {limit}"),
        None => used,
    };
    let hourly = u64::from(mail.hourly_messages);
    vec![
        UsageLine {
            name: "Messages in the last hour",
            text: text(count(mail.messages_of_hour), (hourly > 0).then(|| count(hourly))),
            percent: percent(mail.messages_of_hour, hourly),
        },
        UsageLine {
            name: "Size in the last 24 hours",
            text: text(time::bytes(mail.bytes_of_day), (mail.daily_bytes > 0).then(|| time::bytes(mail.daily_bytes))),
            percent: percent(mail.bytes_of_day, mail.daily_bytes),
        },
    ]
}

impl MailLine {
    fn new(line: MailLogView, now: Timestamp) -> Self {
        let subject = if line.subject.is_empty() { "(no subject)".to_owned() } else { line.subject };
        Self {
            subject,
            from: line.from,
            replaced_from: line.replaced_from,
            recipient: line.recipient,
            state: status::delivery(line.state),
            answer: line.answer,
            at: time::moment(line.created_at, now),
            next: line.due_at.filter(|_| line.state == DeliveryState::Deferred).map(|at| time::moment(at, now)),
        }
    }
}
