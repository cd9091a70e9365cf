//! The buttons of a site's page. What takes time becomes a job, which the person then watches.

use axum::{extract::State, response::Response};

use crate::{app::App, extract::rights::OwnSite, fault::Fault, ui};

/// `POST /sites/{id}/start`
pub async fn start(State(app): State<App>, own: OwnSite) -> Result<Response, Fault> {
    watch(app.control.site_start(&own.cx, own.site.id).await?)
}

/// `POST /sites/{id}/stop`
pub async fn stop(State(app): State<App>, own: OwnSite) -> Result<Response, Fault> {
    watch(app.control.site_stop(&own.cx, own.site.id).await?)
}

/// `POST /sites/{id}/restart`
pub async fn restart(State(app): State<App>, own: OwnSite) -> Result<Response, Fault> {
    watch(app.control.site_restart(&own.cx, own.site.id).await?)
}

/// `POST /sites/{id}/retry`
pub async fn retry(State(app): State<App>, own: OwnSite) -> Result<Response, Fault> {
    watch(app.control.site_retry(&own.cx, own.site.id).await?)
}

/// `POST /sites/{id}/undelete`
pub async fn undelete(State(app): State<App>, own: OwnSite) -> Result<Response, Fault> {
    let site = app.control.site_undelete(&own.cx, own.site.id).await?;
    Ok(ui::see_other(&format!("/sites/{}", site.id)))
}

fn watch(job: stoa_model::id::JobId) -> Result<Response, Fault> {
    Ok(ui::see_other(&format!("/jobs/{job}")))
}
