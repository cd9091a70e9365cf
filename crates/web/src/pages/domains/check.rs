//! `POST /domains/{id}/check`: a domain is looked at now.

use axum::{extract::State, response::Response};

use super::show::{Typed, page, path_of};
use crate::{
    app::App,
    extract::rights::{OwnDomain, OwnSite, offered},
    fault::Fault,
    ui::{self, frame::Frame, refusal::Refusal},
};

/// `POST /domains/{id}/check`: what was seen stands on the domain's card.
pub async fn submit(State(app): State<App>, own: OwnDomain, frame: Frame) -> Result<Response, Fault> {
    let OwnDomain { cx, domain } = own;
    let refusal = match app.control.domain_check(&cx, domain.id).await {
        Ok(domain) => return Ok(ui::see_other(&format!("{}#{}", path_of(domain.site), domain.id))),
        Err(error) => Refusal::of(error)?,
    };
    let site = offered(&cx, app.control.site_get(&cx, domain.site).await?);
    page(&app, OwnSite { cx, site }, frame, Typed::default(), refusal).await
}
