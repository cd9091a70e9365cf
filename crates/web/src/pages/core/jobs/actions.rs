//! Cancel, resume or abandon a job.

use axum::{extract::State, response::Response};
use stoa_model::id::JobId;

use crate::{
    app::App,
    extract::{
        id::Id,
        permissions::{Administrator, LoggedIn},
    },
    http_error::HttpError,
    ui,
};

/// `POST /jobs/{id}/cancel`
pub async fn cancel(State(app): State<App>, LoggedIn(cx): LoggedIn, Id(id): Id<JobId>) -> Result<Response, HttpError> {
    app.control.jobs.cancel(&cx, id).await?;
    redirect_to_job(id)
}

/// `POST /jobs/{id}/resume`
pub async fn resume(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<JobId>,
) -> Result<Response, HttpError> {
    app.control.jobs.resume(&cx, id).await?;
    redirect_to_job(id)
}

/// `POST /jobs/{id}/abandon`
pub async fn abandon(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<JobId>,
) -> Result<Response, HttpError> {
    app.control.jobs.abandon(&cx, id).await?;
    redirect_to_job(id)
}

fn redirect_to_job(id: JobId) -> Result<Response, HttpError> {
    Ok(ui::see_other(&format!("/jobs/{id}")))
}
