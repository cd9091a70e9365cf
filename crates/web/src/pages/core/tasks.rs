//! `/staff/tasks`: the tasks that were given up, such as e-mails that could not be sent.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::view::TaskView;
use stoa_model::{
    account::{Actor, Role},
    id::TaskId,
};

use crate::{
    app::App,
    extract::{
        body::Query,
        id::Id,
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        time::{Moment, moment},
    },
};

/// Tasks per page.
const PAGE_SIZE: u32 = 30;

/// `/staff/tasks`
#[derive(Template)]
#[template(path = "core/tasks/list.html")]
pub struct TasksPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The tasks, newest first.
    pub tasks: Vec<TaskLine>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Whether the viewer may retry and discard them.
    pub can_administer: bool,
}

/// A task in the list.
pub struct TaskLine {
    /// The task.
    pub task: TaskView,
    /// When it was queued.
    pub queued: Moment,
}

/// The page.
#[derive(Deserialize)]
pub struct TasksQuery {
    #[serde(default)]
    before: Option<String>,
}

/// `GET /staff/tasks`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<TasksQuery>,
) -> Result<Response, HttpError> {
    let before = query.before.and_then(|id| id.parse().ok());
    let page = app.control.tasks.list_failed(&cx, before, PAGE_SIZE).await?;
    let line = |task: TaskView| TaskLine { queued: moment(task.created_at, cx.now), task };
    let can_administer = matches!(cx.actor, Actor::Staff(..)) && cx.actor.has_role(Role::Admin);
    let tasks = page.items.into_iter().map(line).collect();
    Ok(ui::ok(&TasksPage { frame, tasks, next: page.next, can_administer }))
}

/// `POST /staff/tasks/{id}/retry`
pub async fn retry(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<TaskId>,
) -> Result<Response, HttpError> {
    app.control.tasks.retry(&cx, id).await?;
    Ok(ui::see_other("/staff/tasks"))
}

/// `POST /staff/tasks/{id}/discard`
pub async fn discard(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<TaskId>,
) -> Result<Response, HttpError> {
    app.control.tasks.discard(&cx, id).await?;
    Ok(ui::see_other("/staff/tasks"))
}
