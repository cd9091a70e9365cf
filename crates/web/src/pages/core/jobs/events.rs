//! The stream behind a job's page.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use stoa_control::Error;
use stoa_model::id::JobId;

use super::show::{self, Outcome};
use crate::{
    app::App,
    extract::{id::Id, rights::LoggedIn},
    fault::Fault,
    live::{self, Look},
    ui::frame::Frame,
};

/// `GET /jobs/{id}/events`
pub async fn stream(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Id(id): Id<JobId>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    app.control.job_get(&cx, id).await?;
    let watcher = app.clone();
    let looker: live::Looker = Arc::new(move || {
        let (app, cx, csrf) = (watcher.clone(), cx.clone(), frame.csrf.clone());
        Box::pin(async move {
            let cx = app.control.request_context(cx.actor, cx.address, cx.request_id);
            let progress = show::progress(&app, &cx, id, csrf).await?;
            let over = progress.outcome != Outcome::UnderWay;
            let state = progress.render().map_err(|e| Fault::from(Error::internal(e)))?;
            Ok(Look { state, over })
        })
    });
    Ok(live::watch(&app, id, &headers, looker).into_response())
}
