//! Jobs: find, watch, steer.

#![allow(unused_qualifications, reason = "the macro that describes parameters writes some")]

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use stoa_control::Error;
use stoa_model::{id::JobId, job::JobState};
use utoipa::IntoParams;

use super::{dto, limit, problem::Problem};
use crate::{
    app::App,
    extract::{
        body::Query as Asked,
        id::Id,
        rights::{Administrator, LoggedIn, StaffMember},
    },
    fault::Fault,
    live::{self, Look},
};

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only those in this state.
    #[param(value_type = Option<String>)]
    state: Option<JobState>,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    before: Option<JobId>,
    /// 1 to 100; 50 without it.
    limit: Option<u32>,
}

/// All jobs (staff).
#[utoipa::path(
    get, path = "/api/v1/jobs", operation_id = "list_jobs", tag = "Jobs", params(Which),
    responses((status = 200, body = dto::Page<dto::Job>), (status = 403, body = Problem)),
)]
pub async fn list(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Asked(which): Asked<Which>,
) -> Result<Json<dto::Page<dto::Job>>, Fault> {
    let page = app.control.job_list(&cx, which.state, which.before, limit(which.limit)).await?;
    Ok(Json(page.into()))
}

/// One job with its steps and its log.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", operation_id = "get_job", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 200, body = dto::Job), (status = 404, body = Problem)),
)]
pub async fn get(State(app): State<App>, LoggedIn(cx): LoggedIn, Id(id): Id<JobId>) -> Result<Json<dto::Job>, Fault> {
    Ok(Json(app.control.job_get(&cx, id).await?.into()))
}

/// Watch a job: server-sent events named `state`, each the whole job as JSON, until it is over.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/events", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 404, body = Problem)),
)]
pub async fn events(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    app.control.job_get(&cx, id).await?;
    let watcher = app.clone();
    let looker: live::Looker = Arc::new(move || {
        let (app, cx) = (watcher.clone(), cx.clone());
        Box::pin(async move {
            let cx = app.control.request_context(cx.actor, cx.address, cx.request_id);
            let job = dto::Job::from(app.control.job_get(&cx, id).await?);
            let over = job.state.is_over();
            let state = serde_json::to_string(&job).map_err(|e| Fault::from(Error::internal(e)))?;
            Ok(Look { state, over })
        })
    });
    Ok(live::watch(&app, id, &headers, looker).into_response())
}

/// Cancel a job: what it did is undone.
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/cancel", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 202, body = dto::Begun), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn cancel(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(job): Id<JobId>,
) -> Result<(StatusCode, Json<dto::Begun>), Fault> {
    app.control.job_cancel(&cx, job).await?;
    Ok((StatusCode::ACCEPTED, Json(dto::Begun { job })))
}

/// Resume a stuck job (staff from admin up).
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/resume", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 202, body = dto::Begun), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn resume(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(job): Id<JobId>,
) -> Result<(StatusCode, Json<dto::Begun>), Fault> {
    app.control.job_resume(&cx, job).await?;
    Ok((StatusCode::ACCEPTED, Json(dto::Begun { job })))
}

/// Abandon a stuck job: what is left is left (staff from admin up).
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/abandon", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 202, body = dto::Begun), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn abandon(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(job): Id<JobId>,
) -> Result<(StatusCode, Json<dto::Begun>), Fault> {
    app.control.job_abandon(&cx, job).await?;
    Ok((StatusCode::ACCEPTED, Json(dto::Begun { job })))
}
