//! Check a domain now.

use axum::{extract::State, response::Response};

use super::show::{FormInput, domains_path, page};
use crate::{
    app::App,
    extract::permissions::{AccessibleDomain, AccessibleSite, with_permitted_actions},
    http_error::HttpError,
    ui::{self, form_errors::FormErrors, frame::Frame},
};

/// `POST /domains/{id}/check`: the domain's card shows the result.
pub async fn submit(State(app): State<App>, access: AccessibleDomain, frame: Frame) -> Result<Response, HttpError> {
    let AccessibleDomain { cx, domain } = access;
    let form_errors = match app.control.domains.check_domain(&cx, domain.id).await {
        Ok(domain) => return Ok(ui::see_other(&format!("{}#{}", domains_path(domain.site), domain.id))),
        Err(error) => FormErrors::try_from(error)?,
    };
    let site = with_permitted_actions(&cx, app.control.sites.get(&cx, domain.site).await?);
    page(&app, AccessibleSite { cx, site }, frame, FormInput::default(), form_errors).await
}
