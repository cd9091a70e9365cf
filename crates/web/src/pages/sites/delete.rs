//! Deleting a site: said plainly, typed to confirm, and taken back within the days of grace.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use stoa_model::field::Invalid;

use super::show::SiteHead;
use crate::{
    app::App,
    extract::{body::Form, rights::OwnSite},
    fault::Fault,
    ui::{
        self,
        field::{Field, Problems},
        frame::Frame,
    },
};

/// `/sites/{id}/danger`
#[derive(Template)]
#[template(path = "sites/delete.html")]
pub struct DangerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The site's head.
    pub head: SiteHead,
    /// How long it can be taken back.
    pub grace: String,
    /// What is wrong.
    pub problems: Problems,
    /// Where the address is typed.
    pub confirm: Field,
}

impl DangerPage {
    /// The page.
    pub fn new(frame: Frame, head: SiteHead, grace: String, typed: &str, problems: Problems) -> Self {
        let confirm = Field::text("confirm", "Type the store's address to confirm", typed).with(&problems);
        Self { frame, head, grace, problems, confirm }
    }
}

/// The typed address.
#[derive(Deserialize)]
pub struct Confirm {
    #[serde(default)]
    confirm: String,
}

/// `GET /sites/{id}/danger`
pub async fn show(State(app): State<App>, own: OwnSite, frame: Frame) -> Response {
    ui::ok(&DangerPage::new(frame, SiteHead::new(&own.site), grace(&app), "", Problems::default()))
}

/// `POST /sites/{id}/delete`
pub async fn submit(
    State(app): State<App>,
    own: OwnSite,
    frame: Frame,
    Form(Confirm { confirm }): Form<Confirm>,
) -> Result<Response, Fault> {
    if !confirm.trim().eq_ignore_ascii_case(&own.site.hostname) {
        let words = format!("Please type {} exactly.", own.site.hostname);
        let problems = Problems::of_fields(vec![Invalid::new("confirm", words)]);
        let page = DangerPage::new(frame, SiteHead::new(&own.site), grace(&app), &confirm, problems);
        return Ok(ui::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let site = app.control.site_delete(&own.cx, own.site.id).await?;
    Ok(ui::see_other(&format!("/sites/{}", site.id)))
}

fn grace(app: &App) -> String {
    let hours = app.control.settings().delete_grace.as_secs().div_ceil(3600);
    match hours {
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}
