//! Renders every error: as a page, or as problem details (RFC 9457) under `/api`.
//!
//! A visitor who is not logged in is redirected to the login, and back afterwards. Error responses without an
//! [`HttpError`] come from the router itself and are rendered too; responses with their own HTML (a form with
//! error messages) are passed through.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{auth::RequestAuth, is_api};
use crate::{
    api::core::problem::Problem,
    app::App,
    http_error::{ErrorKind, HttpError},
    pages::core::error::ErrorPage,
    return_path,
    ui::{self, frame::Frame},
};

/// How long a client over its limits waits for that answer: a program that tries again at once would otherwise take the
/// processor's time from everybody else.
const REFUSAL_PAUSE: Duration = Duration::from_millis(500);

/// The middleware.
pub async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let auth = RequestAuth::from_extensions(request.extensions());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let cookies = request.headers().get_all(header::COOKIE).iter().cloned();
    let cookies: HeaderMap = cookies.map(|c| (header::COOKIE, c)).collect();
    let response = next.run(request).await;
    note_refusal(&app, &auth, &method, &uri, response.status()).await;
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        tokio::time::sleep(REFUSAL_PAUSE).await;
    }
    let Some(error) = error_of(&response) else { return response };
    let body = if is_api(uri.path()) {
        Problem::new(&error, &auth.request_id).into_response()
    } else if error.kind == ErrorKind::Unauthenticated {
        ui::see_other(&login_for(&method, &uri))
    } else {
        let frame = Frame::new(&app, &auth, uri.path(), &cookies);
        ui::page(error.status(), &ErrorPage::new(frame, error))
    };
    with_headers_of(body, &response)
}

/// Notes refused requests in the audit trail; the path only, as a query may have anything.
async fn note_refusal(app: &App, auth: &RequestAuth, method: &Method, uri: &Uri, status: StatusCode) {
    let outcome = match status {
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::TOO_MANY_REQUESTS => "throttled",
        _ => return,
    };
    let target = format!("{method} {}", uri.path());
    if let Err(error) = app.control.core.audit_refusal(&auth.request_context(app), &target, outcome).await {
        tracing::warn!(error = error.for_operator(), target, "a refused request could not be noted in the audit trail");
    }
}

fn error_of(response: &Response) -> Option<HttpError> {
    if let Some(error) = response.extensions().get::<HttpError>() {
        return Some(error.clone());
    }
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let has_body = kind.is_some_and(|k| !k.starts_with(b"text/plain"));
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    (failed && !has_body).then(|| HttpError::from_status(status))
}

/// Keeps the `Allow` and `Retry-After` headers of the original response.
fn with_headers_of(mut body: Response, original: &Response) -> Response {
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = original.headers().get(&name) {
            body.headers_mut().insert(name, value.clone());
        }
    }
    if body.status() == StatusCode::UNAUTHORIZED {
        body.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stoa\""));
    }
    body
}

/// The login for a page; staff pages have their own. Only GET requests are returned to afterwards.
fn login_for(method: &Method, uri: &Uri) -> String {
    let login = if uri.path() == "/staff" || uri.path().starts_with("/staff/") { "/staff/login" } else { "/login" };
    let target = uri.path_and_query().map(|p| p.as_str()).filter(|_| *method == Method::GET);
    match target.and_then(return_path::same_origin) {
        Some(next) => format!("{login}?next={}", return_path::percent_encode(next)),
        None => login.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_returns_to_the_requested_page() {
        let get = |uri: &str| login_for(&Method::GET, &uri.parse().unwrap());
        assert_eq!(get("/dashboard"), "/login?next=%2Fdashboard");
        assert_eq!(get("/staff/jobs?state=stuck"), "/staff/login?next=%2Fstaff%2Fjobs%3Fstate%3Dstuck");
        assert_eq!(get("//evil.example/"), "/login");
        assert_eq!(login_for(&Method::POST, &"/sites/x/stop".parse().unwrap()), "/login");
    }

    #[test]
    fn forms_with_errors_keep_their_page() {
        let html = (StatusCode::UNPROCESSABLE_ENTITY, axum::response::Html("form")).into_response();
        assert!(error_of(&html).is_none());
        assert_eq!(
            error_of(&StatusCode::METHOD_NOT_ALLOWED.into_response()).unwrap().kind,
            ErrorKind::MethodNotAllowed
        );
        assert!(error_of(&StatusCode::SEE_OTHER.into_response()).is_none());
    }
}
