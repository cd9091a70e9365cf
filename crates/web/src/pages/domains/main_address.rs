//! Make another one of a site's names its main address.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::show::{FormInput, page};
use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{self, form_errors::FormErrors, frame::Frame},
};

/// Input of the form.
#[derive(Deserialize)]
pub struct MainAddressForm {
    #[serde(default)]
    name: String,
}

/// `POST /sites/{id}/address`: starts a job, because the site's application must be reconfigured.
pub async fn submit(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(MainAddressForm { name }): Form<MainAddressForm>,
) -> Result<Response, HttpError> {
    let form_errors = match app.control.sites.set_main_address(&access.cx, access.site.id, &name).await {
        Ok(job) => return Ok(ui::see_other(&format!("/jobs/{job}"))),
        Err(error) => FormErrors::try_from(error)?,
    };
    page(&app, access, frame, FormInput::default(), form_errors).await
}
