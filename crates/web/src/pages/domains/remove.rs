//! Giving a domain up: asked once more, as visitors who use it find nothing afterwards.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_control::view::DomainView;

use super::show::path_of;
use crate::{
    app::App,
    extract::rights::{OwnDomain, may_change},
    fault::{Fault, Kind},
    ui::{self, field::Problems, frame::Frame, refusal::Refusal},
};

/// `/domains/{id}/remove`
#[derive(Template)]
#[template(path = "domains/remove.html")]
pub struct RemovePage {
    /// What surrounds it.
    pub frame: Frame,
    /// What is wrong.
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
    /// The question.
    pub fn new(frame: Frame, domain: &DomainView, problems: Problems) -> Self {
        Self {
            frame,
            problems,
            id: domain.id.to_string(),
            name: domain.display.clone(),
            back: path_of(domain.site),
            is_main: domain.is_main,
        }
    }
}

/// `GET /domains/{id}/remove`
pub async fn show(OwnDomain { cx, domain }: OwnDomain, frame: Frame) -> Result<Response, Fault> {
    if !may_change(&cx) {
        return Err(Fault::new(Kind::Forbidden, "Only the owner of the store can give a domain up."));
    }
    Ok(ui::ok(&RemovePage::new(frame, &domain, Problems::default())))
}

/// `POST /domains/{id}/remove`
pub async fn submit(
    State(app): State<App>,
    OwnDomain { cx, domain }: OwnDomain,
    frame: Frame,
) -> Result<Response, Fault> {
    let refusal = match app.control.domain_remove(&cx, domain.id).await {
        Ok(()) => return Ok(ui::see_other(&path_of(domain.site))),
        Err(error) => Refusal::of(error)?,
    };
    let reply = refusal.reply();
    Ok(reply.page(&RemovePage::new(frame, &domain, refusal.problems)))
}
