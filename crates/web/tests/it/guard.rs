//! Protection of every request.

use axum::{
    body::Body,
    http::{Method, Request},
};
use stoa_web::{ClientAddress, middleware::headers::CSP};
use tower::ServiceExt;

use stoa_core::audit::AuditFilter;
use stoa_model::account::Role;
use stoa_testkit::TestPlatform;

use crate::browser::TestApp;

#[tokio::test]
async fn every_response_has_security_headers_and_a_request_id() {
    let app = TestApp::new().await;
    for path in ["/", "/login", "/nowhere", "/dashboard", "/healthz", "/api/v1/sites", "/assets/stoa.css"] {
        let answer = app.browser().get(path).await;
        assert_eq!(answer.header("content-security-policy"), CSP, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "strict-origin-when-cross-origin");
        assert_eq!(answer.header("strict-transport-security"), "", "{path} over http");
        assert_eq!(answer.header("x-request-id").len(), 20, "{path}");
    }
}

#[tokio::test]
async fn over_https_cookies_are_secure_and_bound_to_the_host() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    browser.extra.push(("x-forwarded-proto", "https".into()));
    let answer = browser.get("/login").await;
    assert_eq!(answer.header("strict-transport-security"), "", "that is the edge's to say");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-stoa_form=") && cookie.contains("; Secure"), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
}

#[tokio::test]
async fn without_a_certificate_the_portal_warns_and_an_unencrypted_session_ends_with_https() {
    let secure = TestPlatform::builder().settings(|s| s.portal_url = "https://portal.example".into()).build().await;
    let app = TestApp::over(secure);
    app.platform.customer("jane").await;
    for page in ["/login", "/register", "/staff/login"] {
        app.browser().get(page).await.is(200).says("This connection isn’t secure yet");
    }
    let mut jane = app.logged_in("jane@example.com").await;
    let token = jane.cookies["stoa"].clone();
    jane.get("/dashboard").await.is(200);

    jane.extra.push(("x-forwarded-proto", "https".into()));
    assert_eq!(jane.get("/dashboard").await.is(303).location(), "/login?next=%2Fdashboard");
    assert!(!jane.cookies.contains_key("stoa"), "{:?}", jane.cookies);
    assert!(!jane.get("/login").await.is(200).text.contains("not encrypted"));
    // An eavesdropper's cookie is worthless, under its own name and under the secure cookie's name.
    for name in ["stoa", "__Host-stoa"] {
        let mut thief = app.browser();
        thief.cookies.insert(name.into(), token.clone());
        thief.extra = if name == "stoa" { vec![] } else { jane.extra.clone() };
        thief.get("/dashboard").await.is(303);
    }
    let fields = [("email", "jane@example.com"), ("password", stoa_testkit::PASSWORD)];
    jane.submit("/login", "/login", &fields).await.is(303);
    assert!(jane.cookies.contains_key("__Host-stoa"));
    jane.get("/dashboard").await.is(200);
}

/// Over plain HTTP a store on a subdomain can set the portal's cookie for the whole domain.
#[tokio::test]
async fn a_cookie_of_the_portals_that_comes_twice_is_refused_and_forgotten() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    jane.get("/dashboard").await.is(200);
    let token = jane.cookies["stoa"].clone();
    jane.extra.push(("cookie", "shop=x; stoa=of-a-store".into()));
    for path in ["/dashboard", "/login", "/"] {
        jane.cookies.insert("stoa".into(), token.clone());
        let answer = jane.get(path).await;
        let cookies = answer.header("set-cookie").to_owned();
        answer.is(400).says("Another site has set our cookie").says("log in again");
        assert!(cookies.starts_with("stoa=;") && cookies.contains("Max-Age=0"), "{cookies}");
    }
    assert!(!jane.cookies.contains_key("stoa"), "the browser has forgotten it");
    jane.extra.clear();
    jane.get("/dashboard").await.is(303);
    // Programs have no cookies, and assets need none.
    jane.extra.push(("cookie", "stoa=a; stoa=b".into()));
    jane.get("/assets/stoa.css").await.is(200);
    assert_eq!(jane.get("/api/v1/sites").await.header("set-cookie"), "");
}

#[tokio::test]
async fn a_form_without_the_right_token_is_rejected() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut browser = app.logged_in("jane@example.com").await;
    for fields in [vec![], vec![("csrf", "")], vec![("csrf", "x")]] {
        browser.post("/logout", &fields).await.is(403).says("This form has expired");
    }
    // The token from before the login is invalid afterwards.
    let before = app.browser().get("/login").await.csrf();
    browser.post("/logout", &[("csrf", &before)]).await.is(403);
    browser.get("/dashboard").await.is(200);
}

#[tokio::test]
async fn a_login_form_needs_its_cookie_too() {
    let app = TestApp::new().await;
    let token = app.browser().get("/login").await.csrf();
    app.browser().post("/login", &[("csrf", &token), ("email", "a@b.example")]).await.is(403);
}

#[tokio::test]
async fn a_form_from_another_origin_is_rejected_even_with_the_token() {
    let app = TestApp::new().await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let mut browser = app.browser();
        let csrf = browser.get("/login").await.csrf();
        browser.extra.push((name, value.into()));
        browser.post("/theme", &[("csrf", &csrf), ("theme", "dark")]).await.is(403);
    }
    let mut browser = app.browser();
    let csrf = browser.get("/login").await.csrf();
    browser.extra = vec![("origin", "http://portal.example".into()), ("sec-fetch-site", "same-origin".into())];
    browser.post("/theme", &[("csrf", &csrf), ("theme", "dark")]).await.is(303);
}

#[tokio::test]
async fn the_api_ignores_cookies() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut browser = app.logged_in("jane@example.com").await;
    browser.get("/api/v1/sites").await.is(401);
}

#[tokio::test]
async fn one_client_has_so_many_open_requests_and_leaves_the_rest_to_others() {
    let app = TestApp::new().await;
    let get = async |client: u8, path: &str| {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ClientAddress([192, 0, 2, client].into()));
        app.router.clone().oneshot(request).await.unwrap()
    };
    let mut unread = Vec::new();
    for _ in 0..128 {
        unread.push(get(1, "/robots.txt").await);
        assert_eq!(unread.last().unwrap().status(), 200);
    }
    let refused = get(1, "/login").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"5".parse().unwrap()));
    assert!(!refused.headers().contains_key("set-cookie"));
    assert_eq!(get(1, "/api/v1/me").await.headers()["content-type"], "application/problem+json");
    assert_eq!(get(1, "/healthz").await.status(), 200);
    assert_eq!(get(2, "/login").await.status(), 200);
    unread.pop();
    assert_eq!(get(1, "/login").await.status(), 200);
}

#[tokio::test]
async fn before_the_login_a_body_may_have_16_kib_and_afterwards_a_megabyte() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let title = "x".repeat(100 << 10);
    app.browser().submit("/register", "/register", &[("title", &title)]).await.is(413).says("up to 16 KB");
    let mut jane = app.logged_in("jane@example.com").await;
    jane.submit("/sites/new", "/sites/new", &[("title", &title)]).await.is(422);
    let title = "x".repeat(1 << 20);
    jane.submit("/sites/new", "/sites/new", &[("title", &title)]).await.is(413).says("up to 1024 KB");
}

#[tokio::test]
async fn a_megabyte_in_a_field_is_rejected() {
    let app = TestApp::new().await;
    let mut browser = app.browser();
    let long = "x".repeat(1 << 20);
    let answer = browser.submit("/register", "/register", &[("title", &long)]).await;
    answer.is(413).says("That’s too large").says("Reference");
    let answer = browser.json(Method::POST, "/api/auth/login", &format!("{{\"email\":\"{long}\"}}")).await;
    answer.is(413);
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn unknown_paths_and_methods_get_error_pages() {
    let app = TestApp::new().await;
    app.browser().get("/nowhere").await.is(404).says("Page not found");
    let answer = app.browser().get("/logout").await;
    answer.is(405).says("This page doesn’t work like that");
    assert_eq!(answer.header("allow"), "POST");
    app.browser().get("/sites/site_1").await.is(303);
    let plain = app.browser().send(Method::POST, "/login", Some(("text/plain", "x".into()))).await;
    plain.is(415);
}

#[tokio::test]
async fn the_login_redirects_to_no_other_origin() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    for (next, to) in
        [("/sites/new", "/sites/new"), ("//evil.example", "/dashboard"), ("https://evil.example", "/dashboard")]
    {
        let fields = [("email", "jane@example.com"), ("password", stoa_testkit::PASSWORD), ("next", next)];
        let answer = app.browser().submit("/login", "/login", &fields).await;
        assert_eq!(answer.location(), to);
    }
}

#[tokio::test]
async fn assets_are_cached_and_pages_are_not() {
    let app = TestApp::new().await;
    let page = app.browser().get("/").await;
    assert_eq!(page.header("cache-control"), "no-store");
    let href = page.text.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut browser = app.browser();
    browser.extra.push(("accept-encoding", "gzip".into()));
    let asset = browser.get(&href).await;
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(asset.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn refusals_are_noted_with_who_and_from_where_and_a_flood_of_them_is_not() {
    let app = TestApp::new().await;
    let (jane, admin) = (app.platform.customer("jane").await, app.platform.staff(Role::Admin).await);
    let mut browser = app.logged_in("jane@example.com").await;
    for _ in 0..3 {
        browser.get("/staff/jobs?state=secret").await.is(403);
    }
    let request = Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
    let mut request = request.header("origin", "https://evil.example").body(Body::from("csrf=x")).unwrap();
    request.extensions_mut().insert(ClientAddress([192, 0, 2, 7].into()));
    assert_eq!(app.router.clone().oneshot(request).await.unwrap().status(), 403);
    let wrong = [("email", "jane@example.com"), ("password", "a guess")];
    app.browser().submit("/login", "/login", &wrong).await.is(401);

    let trail = app.platform.control.core.list_audit_events(&admin, &AuditFilter::default(), 100).await.unwrap();
    let of = |action: &str, outcome: &str| -> Vec<_> {
        trail.iter().filter(|event| event.action == action && event.outcome == outcome).collect()
    };
    let refused = of("request.refused", "forbidden");
    assert_eq!(refused.len(), 2, "{trail:?}");
    assert_eq!((refused[1].target.as_str(), &refused[1].actor), ("GET /staff/jobs", &jane.actor.to_string()));
    assert!(refused[1].credential.as_deref().is_some_and(|text| text.starts_with("session ")));
    assert_eq!((refused[0].target.as_str(), refused[0].address.as_deref()), ("POST /login", Some("192.0.2.7")));
    assert_eq!(of("session.begin", "refused")[0].target, "jane@example.com");
    assert_eq!(of("session.begin", "done").len(), 1);
}

#[tokio::test]
async fn throttled_logins_are_noted() {
    let app = TestApp::over(TestPlatform::builder().throttled().build().await);
    let admin = app.platform.staff(Role::Admin).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let body = Body::from(r#"{"email":"x@example.com","password":"a guess"}"#);
        let mut request =
            Request::post("/api/auth/login").header("content-type", "application/json").body(body).unwrap();
        request.extensions_mut().insert(ClientAddress([192, 0, 2, 7].into()));
        statuses.push(app.router.clone().oneshot(request).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let trail = app.platform.control.core.list_audit_events(&admin, &AuditFilter::default(), 100).await.unwrap();
    let throttled: Vec<_> = trail.iter().filter(|event| event.outcome == "throttled").collect();
    assert_eq!(throttled.len(), 1, "once a minute");
    assert_eq!(
        (throttled[0].target.as_str(), throttled[0].address.as_deref()),
        ("POST /api/auth/login", Some("192.0.2.7"))
    );
}
