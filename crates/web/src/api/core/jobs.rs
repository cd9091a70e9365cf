//! Jobs: list, watch, cancel, resume, abandon.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use stoa_core::Error;
use stoa_model::{id::JobId, job::JobState};
use utoipa::IntoParams;

use super::{dto, limit, problem::Problem};
use crate::{
    app::App,
    extract::{
        body::Query,
        id::Id,
        permissions::{Administrator, LoggedIn, StaffMember},
    },
    http_error::HttpError,
    job_stream::{self, Snapshot},
    middleware::auth::RequestAuth,
};

/// Filter and page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// Only jobs in this state.
    #[param(value_type = Option<String>)]
    state: Option<JobState>,
    /// `next` of the previous page.
    #[param(value_type = Option<String>)]
    before: Option<JobId>,
    /// 1 to 100; 50 by default.
    limit: Option<u32>,
}

/// List all jobs (staff).
#[utoipa::path(
    get, path = "/api/v1/jobs", operation_id = "list_jobs", tag = "Jobs", params(JobsQuery),
    responses((status = 200, body = dto::Page<dto::Job>), (status = 403, body = Problem)),
)]
pub async fn list(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Query(query): Query<JobsQuery>,
) -> Result<Json<dto::Page<dto::Job>>, HttpError> {
    let page = app.control.jobs.list(&cx, query.state, query.before, limit(query.limit)).await?;
    Ok(Json(page.into()))
}

/// Get a job with its steps and log.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", operation_id = "get_job", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 200, body = dto::Job), (status = 404, body = Problem)),
)]
pub async fn get(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
) -> Result<Json<dto::Job>, HttpError> {
    Ok(Json(app.control.jobs.get(&cx, id).await?.into()))
}

/// Watch a job: server-sent events named `state`, each with the whole job as JSON, until the job
/// is over or stuck.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/events", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 200, content_type = "text/event-stream", body = dto::JobEvent), (status = 404, body = Problem)),
)]
pub async fn events(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
    Extension(auth): Extension<RequestAuth>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    app.control.jobs.get(&cx, id).await?;
    let watcher = app.clone();
    let source: job_stream::StateSource = Arc::new(move || {
        let (app, auth) = (watcher.clone(), auth.clone());
        Box::pin(async move {
            let cx = auth.renew_context(&app).await?;
            let job = dto::Job::from(app.control.jobs.get(&cx, id).await?);
            let is_final = job.state.is_over() || job.state == JobState::Stuck;
            let body = serde_json::to_string(&job).map_err(|e| HttpError::from(Error::internal(e)))?;
            Ok(Snapshot { body, is_final })
        })
    });
    Ok(job_stream::stream(&app, id, &headers, source).into_response())
}

/// Cancel a job and undo what it did.
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/cancel", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 202, body = dto::StartedJob), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn cancel(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(job): Id<JobId>,
) -> Result<(StatusCode, Json<dto::StartedJob>), HttpError> {
    app.control.jobs.cancel(&cx, job).await?;
    Ok((StatusCode::ACCEPTED, Json(dto::StartedJob { job })))
}

/// Resume a stuck job (admin).
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/resume", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 202, body = dto::StartedJob), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn resume(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(job): Id<JobId>,
) -> Result<(StatusCode, Json<dto::StartedJob>), HttpError> {
    app.control.jobs.resume(&cx, job).await?;
    Ok((StatusCode::ACCEPTED, Json(dto::StartedJob { job })))
}

/// Abandon a stuck job, without undoing the rest (admin).
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/abandon", tag = "Jobs", params(("id" = String, Path, description = "Job")),
    responses((status = 202, body = dto::StartedJob), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn abandon(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(job): Id<JobId>,
) -> Result<(StatusCode, Json<dto::StartedJob>), HttpError> {
    app.control.jobs.abandon(&cx, job).await?;
    Ok((StatusCode::ACCEPTED, Json(dto::StartedJob { job })))
}
