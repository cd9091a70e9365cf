//! Deleting a site, confirmed by typing its address. It can be undone during the grace period. Administrators can also
//! suspend the site here.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use stoa_model::field::Invalid;

use super::{show::SiteHead, suspension::SuspendFields};
use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        frame::Frame,
    },
};

/// `/sites/{id}/danger`
#[derive(Template)]
#[template(path = "sites/delete.html")]
pub struct DeletePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// Grace period.
    pub grace: String,
    /// Error messages.
    pub problems: Problems,
    /// Field for the address.
    pub confirm: Field,
    /// The form that suspends the site, for viewers who may.
    pub suspend: Option<SuspendFields>,
}

impl DeletePage {
    /// Builds the page.
    pub fn new(frame: Frame, head: SiteHead, grace: String, typed: &str, problems: Problems) -> Self {
        let confirm = Field::text("confirm", "Type the store's address to confirm", typed).with(&problems);
        let suspend = head.can_suspend.then(SuspendFields::default);
        Self { frame, head, grace, problems, confirm, suspend }
    }
}

/// Input of the form.
#[derive(Deserialize)]
pub struct DeleteForm {
    #[serde(default)]
    confirm: String,
}

/// `GET /sites/{id}/danger`
pub async fn show(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Response {
    ui::ok(&DeletePage::new(frame, SiteHead::new(&access.site), grace(&app), "", Problems::default()))
}

/// `POST /sites/{id}/delete`
pub async fn submit(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(DeleteForm { confirm }): Form<DeleteForm>,
) -> Result<Response, HttpError> {
    if !confirm.trim().eq_ignore_ascii_case(&access.site.hostname) {
        let message = format!("Please type {} exactly.", access.site.hostname);
        let problems = Problems::of_fields(vec![Invalid::new("confirm", message)]);
        let page = DeletePage::new(frame, SiteHead::new(&access.site), grace(&app), &confirm, problems);
        return Ok(ui::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let site = app.control.sites.delete(&access.cx, access.site.id).await?;
    Ok(ui::see_other(&format!("/sites/{}", site.id)))
}

/// The grace period, for people.
pub(super) fn grace(app: &App) -> String {
    let hours = app.control.settings().delete_grace.as_secs().div_ceil(3600);
    match hours {
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}
