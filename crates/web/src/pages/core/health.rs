//! Health endpoints for load balancers and monitoring.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    http_error::{ErrorKind, HttpError},
};

/// `GET /healthz`: liveness.
pub async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: readiness, including the database.
pub async fn ready(State(app): State<App>) -> Response {
    if app.control.ready().await {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        HttpError::new(ErrorKind::Unavailable, "The database does not answer.").into_response()
    }
}
