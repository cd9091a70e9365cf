//! Gives every failure its body: a page for people, problem details (RFC 9457) under `/api`.
//!
//! Who is not logged in is sent to the login and comes back afterwards. Responses with a failing
//! status but without a [`Fault`] come from the router itself and get our words too; pages that
//! bring their own HTML (a form with its mistakes) are left alone.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{is_api, visit::Visit};
use crate::{
    api::core::problem::Problem,
    app::App,
    fault::{Fault, Kind},
    pages::core::error::ErrorPage,
    safe_next,
    ui::{self, frame::Frame},
};

/// The middleware.
pub async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let visit = Visit::of(request.extensions());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let cookies = request.headers().get_all(header::COOKIE).iter().cloned();
    let cookies: HeaderMap = cookies.map(|c| (header::COOKIE, c)).collect();
    let response = next.run(request).await;
    let Some(fault) = fault_of(&response) else { return response };
    let body = if is_api(uri.path()) {
        Problem::new(&fault, &visit.request_id).into_response()
    } else if fault.kind == Kind::Unauthenticated {
        ui::see_other(&login_for(&method, &uri))
    } else {
        let frame = Frame::new(&app, &visit, uri.path(), &cookies);
        ui::page(fault.status(), &ErrorPage::new(frame, fault))
    };
    with_headers_of(body, &response)
}

fn fault_of(response: &Response) -> Option<Fault> {
    if let Some(fault) = response.extensions().get::<Fault>() {
        return Some(fault.clone());
    }
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let own = kind.is_some_and(|k| !k.starts_with(b"text/plain"));
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    (failed && !own).then(|| Fault::of_status(status))
}

/// Keeps what the failing response had to say beside its body: `Allow`, `Retry-After`.
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

/// Staff pages lead to the staff login. Only what can be shown again is come back to.
fn login_for(method: &Method, uri: &Uri) -> String {
    let login = if uri.path() == "/staff" || uri.path().starts_with("/staff/") { "/staff/login" } else { "/login" };
    let wanted = uri.path_and_query().map(|p| p.as_str()).filter(|_| *method == Method::GET);
    match wanted.and_then(safe_next::checked) {
        Some(next) => format!("{login}?next={}", safe_next::encoded(next)),
        None => login.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_leads_back_to_where_one_wanted_to_go() {
        let get = |uri: &str| login_for(&Method::GET, &uri.parse().unwrap());
        assert_eq!(get("/dashboard"), "/login?next=%2Fdashboard");
        assert_eq!(get("/staff/jobs?state=stuck"), "/staff/login?next=%2Fstaff%2Fjobs%3Fstate%3Dstuck");
        assert_eq!(get("//evil.example/"), "/login");
        assert_eq!(login_for(&Method::POST, &"/sites/x/stop".parse().unwrap()), "/login");
    }

    #[test]
    fn forms_with_mistakes_keep_their_page() {
        let html = (StatusCode::UNPROCESSABLE_ENTITY, axum::response::Html("form")).into_response();
        assert!(fault_of(&html).is_none());
        assert_eq!(fault_of(&StatusCode::METHOD_NOT_ALLOWED.into_response()).unwrap().kind, Kind::MethodNotAllowed);
        assert!(fault_of(&StatusCode::SEE_OTHER.into_response()).is_none());
    }
}
