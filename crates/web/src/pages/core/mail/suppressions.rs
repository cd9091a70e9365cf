//! `/staff/mail/suppressions`: the addresses that nothing is sent to.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::{Error, view::PageNumber};
use stoa_model::{
    account::{Actor, Role},
    mail::Suppression,
    text::EmailAddress,
};

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Finder, ListUrl, Pager},
        time::{self, Moment},
    },
};

const PATH: &str = "/staff/mail/suppressions";

/// `/staff/mail/suppressions`
#[derive(Template)]
#[template(path = "core/mail/suppressions.html")]
pub struct SuppressionsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The list's search box.
    pub finder: Finder,
    /// Whether anything is searched.
    pub is_filtered: bool,
    /// The addresses, newest first.
    pub addresses: Vec<SuppressionRow>,
    /// Where one is in the list.
    pub pager: Pager,
    /// Whether the viewer may remove addresses.
    pub can_administer: bool,
}

/// An address in the list.
pub struct SuppressionRow {
    /// The address and why nothing is sent to it.
    pub suppression: Suppression,
    /// Since when.
    pub since: Moment,
}

/// What was chosen in the list.
#[derive(Deserialize, Default)]
pub struct SuppressionsQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: String,
}

/// `GET /staff/mail/suppressions`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<SuppressionsQuery>,
) -> Result<Response, HttpError> {
    let url = ListUrl::new(PATH, &[("q", &query.q)]);
    let page = PageNumber::new(query.page.parse().unwrap_or(1));
    let found = app.control.mail_log.suppressions(&cx, Some(&query.q), page).await?;
    let pager = Pager::new(&found, &url, false);
    let row =
        |suppression: Suppression| SuppressionRow { since: time::moment(suppression.created_at, cx.now), suppression };
    let addresses = found.items.into_iter().map(row).collect();
    let can_administer = matches!(cx.actor, Actor::Staff(..)) && cx.actor.has_role(Role::Admin);
    let (finder, is_filtered) = (Finder::new(&url, "Search by address"), url.is_filtered());
    Ok(ui::ok(&SuppressionsPage { frame, finder, is_filtered, addresses, pager, can_administer }))
}

/// The address to remove.
#[derive(Deserialize)]
pub struct RemoveForm {
    #[serde(default)]
    address: String,
}

/// `POST /staff/mail/suppressions/remove`
pub async fn remove(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Form(form): Form<RemoveForm>,
) -> Result<Response, HttpError> {
    let unknown = |_| Error::NotFound("address on the suppression list");
    let address = EmailAddress::parse(&form.address).map_err(unknown)?;
    app.control.mail_log.remove_suppression(&cx, &address).await?;
    Ok(ui::see_other(PATH))
}
