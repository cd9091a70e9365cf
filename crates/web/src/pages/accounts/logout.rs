//! Logging out: the session ends on our side first, then in the browser.

use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use secrecy::ExposeSecret;

use crate::{
    app::App,
    extract::rights::Caller,
    fault::Fault,
    middleware::visit::{Visit, forget},
    ui::{self, frame::is_https},
};

/// `POST /logout`
pub async fn submit(
    State(app): State<App>,
    Caller(cx): Caller,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    if let Some(token) = &visit.token {
        app.control.log_out(&cx, token.expose_secret()).await?;
    }
    let mut response = ui::see_other("/");
    forget(&mut response, is_https(&headers));
    Ok(response)
}
