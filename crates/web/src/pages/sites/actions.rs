//! The buttons of a site's page. Long operations are jobs, whose page is shown next.

use axum::{extract::State, response::Response};

use crate::{app::App, extract::permissions::AccessibleSite, http_error::HttpError, ui};

/// `POST /sites/{id}/start`
pub async fn start(State(app): State<App>, access: AccessibleSite) -> Result<Response, HttpError> {
    redirect_to_job(app.control.sites.start(&access.cx, access.site.id).await?)
}

/// `POST /sites/{id}/stop`
pub async fn stop(State(app): State<App>, access: AccessibleSite) -> Result<Response, HttpError> {
    redirect_to_job(app.control.sites.stop(&access.cx, access.site.id).await?)
}

/// `POST /sites/{id}/restart`
pub async fn restart(State(app): State<App>, access: AccessibleSite) -> Result<Response, HttpError> {
    redirect_to_job(app.control.sites.restart(&access.cx, access.site.id).await?)
}

/// `POST /sites/{id}/retry`
pub async fn retry(State(app): State<App>, access: AccessibleSite) -> Result<Response, HttpError> {
    redirect_to_job(app.control.sites.retry(&access.cx, access.site.id).await?)
}

/// `POST /sites/{id}/undelete`
pub async fn undelete(State(app): State<App>, access: AccessibleSite) -> Result<Response, HttpError> {
    let site = app.control.sites.undelete(&access.cx, access.site.id).await?;
    Ok(ui::see_other(&format!("/sites/{}", site.id)))
}

fn redirect_to_job(job: stoa_model::id::JobId) -> Result<Response, HttpError> {
    Ok(ui::see_other(&format!("/jobs/{job}")))
}
