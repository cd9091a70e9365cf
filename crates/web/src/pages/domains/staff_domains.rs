//! The custom domains of all sites, for staff.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::{RequestContext, view::PageNumber};
use stoa_domains::view::{DomainFilter, DomainLine};
use stoa_model::domain::DomainState;

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

const PATH: &str = "/staff/domains";
/// The states of listed domains, and their labels.
const STATES: [(DomainState, &str); 2] =
    [(DomainState::Verified, "Verified"), (DomainState::Claimed, "Waiting for verification")];

/// `/staff/domains`
#[derive(Template)]
#[template(path = "domains/staff_domains.html")]
pub struct DomainsListPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The list's search box.
    pub finder: Finder,
    /// Filters by state.
    pub filters: Filters,
    /// Whether anything is searched or filtered.
    pub is_filtered: bool,
    /// The domains.
    pub domains: Vec<DomainRow>,
    /// Where one is in the list.
    pub pager: Pager,
}

/// A domain in the list.
pub struct DomainRow {
    /// The name.
    pub name: String,
    /// Id of its site.
    pub site: String,
    /// The site's title.
    pub site_title: String,
    /// State.
    pub state: Badge,
    /// What is wrong.
    pub problem: Option<String>,
    /// When it was added.
    pub created: Moment,
    /// When it was last checked.
    pub checked: Option<Moment>,
}

impl DomainRow {
    /// The row of a domain.
    pub fn new(line: DomainLine, now: Timestamp) -> Self {
        Self {
            name: line.display,
            site: line.site.to_string(),
            site_title: line.site_title,
            state: status::domain(line.state, line.problem.is_some()),
            problem: line.problem,
            created: time::moment(line.created_at, now),
            checked: line.checked_at.map(|at| time::moment(at, now)),
        }
    }
}

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct DomainsQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

/// `GET /staff/domains`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<DomainsQuery>,
) -> Result<Response, HttpError> {
    let text = query.q.trim();
    let filter = DomainFilter {
        state: query.state.parse().ok().filter(|state| STATES.iter().any(|(known, _)| known == state)),
        text: (!text.is_empty()).then(|| text.to_owned()),
    };
    if query.format == "csv" {
        return csv(&app, &cx, &filter).await;
    }
    let url = ListUrl::new(PATH, &[("q", &query.q), ("state", &query.state)]);
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let (found, states) = app.control.domains.search(&cx, filter.clone(), page).await?;
    let counted = |state: DomainState| states.iter().find(|(of, _)| *of == state).map_or(0, |(_, n)| *n);
    let all = states.iter().map(|(_, n)| n).sum();
    let of_state = STATES.iter().map(|(state, label)| (state.as_str(), *label, counted(*state)));
    let filters = std::iter::once(("", "All", all)).chain(of_state);
    let filters = Filters::new("State", &url, "state", filter.state.map_or("", DomainState::as_str), filters);
    let pager = Pager::new(&found, &url, true);
    let domains = found.items.into_iter().map(|line| DomainRow::new(line, cx.now)).collect();
    let (finder, is_filtered) = (Finder::new(&url, "Search by domain"), url.is_filtered());
    Ok(ui::ok(&DomainsListPage { frame, finder, filters, is_filtered, domains, pager }))
}

async fn csv(app: &App, cx: &RequestContext, filter: &DomainFilter) -> Result<Response, HttpError> {
    let find = async |page| Ok(app.control.domains.search(cx, filter.clone(), page).await?.0);
    let row = |line: DomainLine| {
        let problem = line.problem.unwrap_or_default();
        let (site, created) = (line.site.to_string(), line.created_at.to_string());
        vec![line.display, line.state.to_string(), site, line.site_title, created, problem]
    };
    csv_of_all("domains", &["domain", "state", "site", "title", "added", "problem"], find, row).await
}
