//! The event stream of a job's page.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use stoa_core::Error;
use stoa_model::id::JobId;

use super::show::{self, Outcome};
use crate::{
    app::App,
    extract::{id::Id, permissions::LoggedIn},
    http_error::HttpError,
    job_stream::{self, Snapshot},
    middleware::auth::RequestAuth,
    ui::frame::Frame,
};

/// `GET /jobs/{id}/events`
pub async fn stream(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
    frame: Frame,
    Extension(auth): Extension<RequestAuth>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    app.control.jobs.get(&cx, id).await?;
    let watcher = app.clone();
    let source: job_stream::StateSource = Arc::new(move || {
        let (app, auth, csrf) = (watcher.clone(), auth.clone(), frame.csrf.clone());
        Box::pin(async move {
            let cx = auth.renew_context(&app).await?;
            let progress = show::progress(&app, &cx, id, csrf).await?;
            let is_final = progress.outcome != Outcome::Running;
            let body = progress.render().map_err(|e| HttpError::from(Error::internal(e)))?;
            Ok(Snapshot { body, is_final })
        })
    });
    Ok(job_stream::stream(&app, id, &headers, source).into_response())
}
