//! Remove a domain, with a confirmation, because its visitors won't reach the site any more.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_domains::view::DomainView;

use super::show::domains_path;
use crate::{
    app::App,
    extract::permissions::{AccessibleDomain, can_change_sites},
    http_error::{ErrorKind, HttpError},
    ui::{self, field::Problems, form_errors::FormErrors, frame::Frame},
};

/// `/domains/{id}/remove`
#[derive(Template)]
#[template(path = "domains/remove.html")]
pub struct RemovePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The domain's id.
    pub id: String,
    /// The domain.
    pub name: String,
    /// Where to go back to.
    pub back: String,
    /// Whether it is the site's main address.
    pub is_main: bool,
}

impl RemovePage {
    /// Builds the confirmation page.
    pub fn new(frame: Frame, domain: &DomainView, problems: Problems) -> Self {
        Self {
            frame,
            problems,
            id: domain.id.to_string(),
            name: domain.display.clone(),
            back: domains_path(domain.site),
            is_main: domain.is_main,
        }
    }
}

/// `GET /domains/{id}/remove`
pub async fn show(AccessibleDomain { cx, domain }: AccessibleDomain, frame: Frame) -> Result<Response, HttpError> {
    if !can_change_sites(&cx) {
        return Err(HttpError::new(ErrorKind::Forbidden, "Only the owner of the store can remove a domain."));
    }
    Ok(ui::ok(&RemovePage::new(frame, &domain, Problems::default())))
}

/// `POST /domains/{id}/remove`
pub async fn submit(
    State(app): State<App>,
    AccessibleDomain { cx, domain }: AccessibleDomain,
    frame: Frame,
) -> Result<Response, HttpError> {
    let form_errors = match app.control.domains.remove_domain(&cx, domain.id).await {
        Ok(()) => return Ok(ui::see_other(&domains_path(domain.site))),
        Err(error) => FormErrors::try_from(error)?,
    };
    let response = form_errors.response();
    Ok(response.page(&RemovePage::new(frame, &domain, form_errors.problems)))
}
