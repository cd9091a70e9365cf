//! For load balancers and monitors.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    fault::{Fault, Kind},
};

/// `GET /healthz`: this process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: what this process needs answers too.
pub async fn ready(State(app): State<App>) -> Response {
    if app.control.ready().await {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        Fault::new(Kind::Unavailable, "The database does not answer.").into_response()
    }
}
