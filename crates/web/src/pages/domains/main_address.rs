//! `POST /sites/{id}/address`: another one of the site's names becomes its main address.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::show::{Typed, page};
use crate::{
    app::App,
    extract::{body::Form, rights::OwnSite},
    fault::Fault,
    ui::{self, frame::Frame, refusal::Refusal},
};

/// Which name.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    name: String,
}

/// `POST /sites/{id}/address`: the site's application must be told, so it becomes a job.
pub async fn submit(
    State(app): State<App>,
    own: OwnSite,
    frame: Frame,
    Form(Which { name }): Form<Which>,
) -> Result<Response, Fault> {
    let refusal = match app.control.site_main_address(&own.cx, own.site.id, &name).await {
        Ok(job) => return Ok(ui::see_other(&format!("/jobs/{job}"))),
        Err(error) => Refusal::of(error)?,
    };
    page(&app, own, frame, Typed::default(), refusal).await
}
