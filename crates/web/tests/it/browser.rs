//! A minimal browser: keeps cookies, submits forms, follows no redirects.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use stoa_testkit::{PASSWORD, TestPlatform};
use tower::ServiceExt;

/// The portal of a platform.
pub struct TestApp {
    pub platform: TestPlatform,
    pub router: Router,
}

impl TestApp {
    pub async fn new() -> Self {
        Self::over(TestPlatform::new().await)
    }

    pub fn over(platform: TestPlatform) -> Self {
        Self { router: stoa_web::router(platform.control.clone()), platform }
    }

    pub fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookies: BTreeMap::new(), bearer: None, extra: Vec::new() }
    }

    /// An API client with this token.
    pub fn program(&self, token: &str) -> Browser {
        let mut program = self.browser();
        program.bearer = Some(token.to_owned());
        program
    }

    /// A browser logged in as `email`.
    pub async fn logged_in(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        let form = [("email", email), ("password", PASSWORD)];
        let answer = browser.submit("/login", "/login", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{email}: {}", answer.text);
        browser
    }
}

/// A browser, or an API client if it has a bearer token.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub cookies: BTreeMap<String, String>,
    pub bearer: Option<String>,
    pub extra: Vec<(&'static str, String)>,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// CSRF token of the page's forms.
    pub fn csrf(&self) -> String {
        let rest = self.text.split("name=\"csrf\" value=\"").nth(1).expect("a page with a form");
        rest.split('"').next().expect("a value").to_owned()
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "{words:?} is missing in:\n{}", self.text);
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Opens `page` for its token, then sends the form to `action`.
    pub async fn submit(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get(page).await.csrf();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.post(action, &fields).await
    }

    /// Submits a form without fields.
    pub async fn press(&mut self, action: &str) -> Answer {
        self.submit("/api/docs", action, &[]).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = stoa_web::return_path::percent_encode;
        let pairs: Vec<_> = fields.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        self.send(Method::POST, path, Some(("application/x-www-form-urlencoded", pairs.join("&")))).await
    }

    pub async fn json(&mut self, method: Method, path: &str, body: &str) -> Answer {
        self.send(method, path, Some(("application/json", body.to_owned()))).await
    }

    pub async fn send(&mut self, method: Method, path: &str, body: Option<(&str, String)>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "portal.example");
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &self.extra {
            request = request.header(*name, value);
        }
        let (kind, body) = body.map_or((None, String::new()), |(kind, body)| (Some(kind), body));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        self.keep(&parts.headers);
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
