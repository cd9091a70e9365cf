//! All customers, for staff.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_accounts::view::{CustomerSort, CustomerView};
use stoa_core::{RequestContext, view::PageNumber};

use crate::{
    app::App,
    extract::{body::Query, permissions::StaffMember},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Finder, ListUrl, Pager, csv_of_all},
        time::{self, Moment},
    },
};

const PATH: &str = "/staff/customers";

/// `/staff/customers`
#[derive(Template)]
#[template(path = "accounts/staff_customers.html")]
pub struct CustomersPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The list's search box.
    pub finder: Finder,
    /// Whether anything is searched.
    pub is_filtered: bool,
    /// The customers.
    pub customers: Vec<CustomerLine>,
    /// Where one is in the list.
    pub pager: Pager,
}

/// A customer in the list.
pub struct CustomerLine {
    /// Id.
    pub id: String,
    /// Name of the company or person.
    pub company: String,
    /// E-mail address.
    pub email: String,
    /// Number of sites.
    pub sites: u64,
    /// When the account was created.
    pub created: Moment,
}

impl CustomerLine {
    /// The line of a customer with this number of sites.
    pub fn new(customer: CustomerView, sites: u64, now: Timestamp) -> Self {
        Self {
            id: customer.id.to_string(),
            company: customer.company,
            email: customer.email,
            sites,
            created: time::moment(customer.created_at, now),
        }
    }
}

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct CustomersQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

impl CustomersQuery {
    fn order(&self) -> CustomerSort {
        match self.sort.as_str() {
            "oldest" => CustomerSort::Oldest,
            "name" => CustomerSort::Name,
            _ => CustomerSort::Newest,
        }
    }
}

/// `GET /staff/customers`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<CustomersQuery>,
) -> Result<Response, HttpError> {
    if query.format == "csv" {
        return csv(&app, &cx, &query).await;
    }
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let found = app.control.accounts.search_customers(&cx, Some(&query.q), query.order(), page).await?;
    let ids: Vec<_> = found.items.iter().map(|customer| customer.id).collect();
    let sites = app.control.sites.count_per_customer(&cx, &ids).await?;
    let url = ListUrl::new(PATH, &[("q", &query.q), ("sort", &query.sort)]);
    let pager = Pager::new(&found, &url, true);
    let line = |customer: CustomerView| {
        let count = sites.get(&customer.id).copied().unwrap_or(0);
        CustomerLine::new(customer, count, cx.now)
    };
    let customers = found.items.into_iter().map(line).collect();
    let sorts = [("", "Newest first"), ("oldest", "Oldest first"), ("name", "By name")];
    let finder = Finder::new(&url, "Search by name or e-mail").menu(&url, "sort", "Order", sorts);
    Ok(ui::ok(&CustomersPage { frame, finder, is_filtered: url.is_filtered(), customers, pager }))
}

async fn csv(app: &App, cx: &RequestContext, query: &CustomersQuery) -> Result<Response, HttpError> {
    let find = |page| app.control.accounts.search_customers(cx, Some(&query.q), query.order(), page);
    let row = |customer: CustomerView| {
        vec![customer.id.to_string(), customer.company, customer.email, customer.created_at.to_string()]
    };
    csv_of_all("customers", &["id", "name", "email", "created"], find, row).await
}
