//! Failed tasks: list, retry, discard.

#![allow(unused_qualifications, reason = "utoipa's derive macro generates them")]

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use stoa_model::id::TaskId;
use utoipa::IntoParams;

use super::{dto, limit, problem::Problem};
use crate::{
    app::App,
    extract::{
        body::Query,
        id::Id,
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
};

/// The page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TasksQuery {
    /// `next` of the previous page.
    #[param(value_type = Option<String>)]
    before: Option<TaskId>,
    /// 1 to 100; 50 by default.
    limit: Option<u32>,
}

/// List the tasks that were given up, such as e-mails that could not be sent (staff).
#[utoipa::path(
    get, path = "/api/v1/tasks", operation_id = "list_failed_tasks", tag = "Platform", params(TasksQuery),
    responses((status = 200, body = dto::Page<dto::FailedTask>), (status = 403, body = Problem)),
)]
pub async fn list(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Query(query): Query<TasksQuery>,
) -> Result<Json<dto::Page<dto::FailedTask>>, HttpError> {
    let page = app.control.tasks.list_failed(&cx, query.before, limit(query.limit)).await?;
    Ok(Json(page.into()))
}

/// Try a task again that was given up (admin).
#[utoipa::path(
    post, path = "/api/v1/tasks/{id}/retry", tag = "Platform", operation_id = "retry_task",
    params(("id" = String, Path, description = "Task")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub async fn retry(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<TaskId>,
) -> Result<StatusCode, HttpError> {
    app.control.tasks.retry(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Discard a task that was given up: its effect will never happen (admin).
#[utoipa::path(
    delete, path = "/api/v1/tasks/{id}", tag = "Platform", operation_id = "discard_task",
    params(("id" = String, Path, description = "Task")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub async fn discard(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<TaskId>,
) -> Result<StatusCode, HttpError> {
    app.control.tasks.discard(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
