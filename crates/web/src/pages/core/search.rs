//! The search box of staff.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::view::JobView;

use crate::{
    app::App,
    extract::{body::Query, permissions::StaffMember},
    http_error::HttpError,
    pages::{
        accounts::staff_customers::CustomerLine, core::jobs::staff_list::StaffJob, domains::staff_domains::DomainRow,
        sites::list::SiteCard,
    },
    ui::{self, frame::Frame, list::ListUrl},
};

/// `/staff/search`
#[derive(Template)]
#[template(path = "core/search.html")]
pub struct SearchPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Text searched for.
    pub text: String,
    /// Sites.
    pub sites: Group<SiteCard>,
    /// Customers.
    pub customers: Group<CustomerLine>,
    /// Domains.
    pub domains: Group<DomainRow>,
    /// A job, by its id.
    pub jobs: Vec<StaffJob>,
}

/// What was found of a kind.
pub struct Group<T> {
    /// The first of them.
    pub first: Vec<T>,
    /// How many there are.
    pub total: u64,
    /// Where all of them are listed.
    pub href: String,
}

impl<T> Group<T> {
    /// Whether the list has more.
    pub fn has_more(&self) -> bool {
        self.total > self.first.len() as u64
    }
}

impl SearchPage {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.sites.first.is_empty()
            && self.customers.first.is_empty()
            && self.domains.first.is_empty()
            && self.jobs.is_empty()
    }
}

/// The text to search for.
#[derive(Deserialize)]
pub struct SearchQuery {
    #[serde(default)]
    q: String,
}

/// `GET /staff/search`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(SearchQuery { q }): Query<SearchQuery>,
) -> Result<Response, HttpError> {
    let found = app.control.search(&cx, &q).await?;
    let ids: Vec<_> = found.customers.first.iter().map(|customer| customer.id).collect();
    let counts = app.control.sites.count_per_customer(&cx, &ids).await?;
    let href = |path: &str| ListUrl::new(path, &[]).with("q", q.trim());
    let customer = |customer: stoa_accounts::view::CustomerView| {
        let sites = counts.get(&customer.id).copied().unwrap_or(0);
        CustomerLine::new(customer, sites, cx.now)
    };
    let page = SearchPage {
        sites: Group {
            total: found.sites.total,
            first: found.sites.first.into_iter().map(|site| SiteCard::new(site, cx.now)).collect(),
            href: href("/staff/sites"),
        },
        customers: Group {
            total: found.customers.total,
            first: found.customers.first.into_iter().map(customer).collect(),
            href: href("/staff/customers"),
        },
        domains: Group {
            total: found.domains.total,
            first: found.domains.first.into_iter().map(|line| DomainRow::new(line, cx.now)).collect(),
            href: href("/staff/domains"),
        },
        jobs: found.jobs.first.into_iter().map(|job: JobView| StaffJob::new(job, cx.now)).collect(),
        text: q,
        frame,
    };
    Ok(ui::ok(&page))
}
