//! Steering a job.

use axum::{extract::State, response::Response};
use stoa_model::id::JobId;

use crate::{
    app::App,
    extract::{
        id::Id,
        rights::{Administrator, LoggedIn},
    },
    fault::Fault,
    ui,
};

/// `POST /jobs/{id}/cancel`
pub async fn cancel(State(app): State<App>, LoggedIn(cx): LoggedIn, Id(id): Id<JobId>) -> Result<Response, Fault> {
    app.control.job_cancel(&cx, id).await?;
    back(id)
}

/// `POST /jobs/{id}/resume`
pub async fn resume(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<JobId>,
) -> Result<Response, Fault> {
    app.control.job_resume(&cx, id).await?;
    back(id)
}

/// `POST /jobs/{id}/abandon`
pub async fn abandon(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<JobId>,
) -> Result<Response, Fault> {
    app.control.job_abandon(&cx, id).await?;
    back(id)
}

fn back(id: JobId) -> Result<Response, Fault> {
    Ok(ui::see_other(&format!("/jobs/{id}")))
}
