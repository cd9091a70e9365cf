//! The JSON API.

use axum::http::Method;
use stoa_testkit::PASSWORD;

use crate::{
    browser::{Answer, Browser, TestApp},
    permissions::token,
};

const ORDER: &str = r#"{"blueprint":"woocommerce","subdomain":"harbour","title":"Harbour"}"#;

async fn program(app: &TestApp, name: &str) -> Browser {
    let actor = app.platform.customer(name).await.actor;
    let mut program = app.browser();
    program.bearer = Some(token(&app.platform, actor).await);
    program
}

#[track_caller]
fn problem(answer: &Answer, status: u16, slug: &str) -> serde_json::Value {
    answer.is(status);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let json = answer.json();
    assert_eq!(json["status"], status);
    assert_eq!(json["type"], format!("/api/docs#problem-{slug}"));
    assert_eq!(json["request_id"], answer.header("x-request-id"));
    assert!(json["title"].is_string() && json["detail"].is_string(), "{json}");
    json
}

#[tokio::test]
async fn a_password_is_exchanged_for_a_token() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut program = app.browser();
    let login = serde_json::json!({ "email": "jane@example.com", "password": PASSWORD }).to_string();
    let answer = program.json(Method::POST, "/api/auth/login", &login).await.is(200).json();
    assert_eq!(answer["token_type"], "Bearer");
    program.bearer = Some(answer["token"].as_str().unwrap().to_owned());
    assert_eq!(program.get("/api/v1/me").await.is(200).json()["kind"], "customer");
    program.bearer = Some("stoa_wrong".into());
    let answer = program.get("/api/v1/me").await;
    problem(&answer, 401, "unauthenticated");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn an_order_with_an_idempotency_key_is_executed_once() {
    let app = TestApp::new().await;
    let mut program = program(&app, "jane").await;
    program.extra.push(("idempotency-key", "order-1".into()));
    let first = program.json(Method::POST, "/api/v1/sites", ORDER).await;
    let site = first.is(201).json()["site"].as_str().unwrap().to_owned();
    assert_eq!(first.location(), format!("/api/v1/sites/{site}"));
    let again = program.json(Method::POST, "/api/v1/sites", ORDER).await;
    assert_eq!(again.is(201).json()["site"], site);
    assert_eq!(program.get("/api/v1/sites").await.json()["items"].as_array().unwrap().len(), 1);
    for bad in ["k".repeat(129), "a b".to_owned()] {
        program.extra.last_mut().unwrap().1 = bad;
        let refused = problem(&program.json(Method::POST, "/api/v1/sites", ORDER).await, 422, "invalid");
        assert_eq!(refused["errors"][0]["field"], "Idempotency-Key", "{refused}");
    }
}

#[tokio::test]
async fn rejected_fields_are_named() {
    let app = TestApp::new().await;
    let mut program = program(&app, "jane").await;
    let bad = r#"{"blueprint":"woocommerce","subdomain":"-","title":""}"#;
    let json = problem(&program.json(Method::POST, "/api/v1/sites", bad).await, 422, "invalid");
    let fields: Vec<_> = json["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["subdomain", "title"]);
}

#[tokio::test]
async fn invalid_requests_get_problems_not_pages() {
    let app = TestApp::new().await;
    let mut program = program(&app, "jane").await;
    let mut post = async |body: &str| program.json(Method::POST, "/api/v1/sites", body).await;
    problem(&post("{").await, 400, "bad-request");
    problem(&post("[]").await, 422, "invalid");
    problem(&post(r#"{"blueprint":7,"subdomain":"a","title":"b"}"#).await, 422, "invalid");
    let unknown = problem(&post(&ORDER.replace("title", "titel")).await, 422, "invalid");
    assert!(unknown["detail"].as_str().unwrap().contains("unknown field `titel`"), "{unknown}");
    let form = program.send(Method::POST, "/api/v1/sites", Some(("text/plain", ORDER.into()))).await;
    problem(&form, 415, "unsupported-media-type");
    problem(&program.get("/api/v1/nowhere").await, 404, "not-found");
    problem(&program.get("/api/v1/sites/7").await, 404, "not-found");
    problem(&program.get("/api/v1/sites?limit=many").await, 400, "bad-request");
    problem(&program.send(Method::PUT, "/api/v1/sites", None).await, 405, "method-not-allowed");
}

#[tokio::test]
async fn lists_are_paged_by_cursor() {
    let app = TestApp::new().await;
    let mut program = program(&app, "jane").await;
    for n in 1..=3 {
        let order = ORDER.replace("harbour", &format!("harbour-{n}"));
        program.json(Method::POST, "/api/v1/sites", &order).await.is(201);
    }
    let first = program.get("/api/v1/sites?limit=2").await.json();
    let next = first["next"].as_str().unwrap();
    let second = program.get(&format!("/api/v1/sites?limit=2&before={next}")).await.json();
    assert!(second["next"].is_null());
    let hostnames = [&first["items"][0], &first["items"][1], &second["items"][0]].map(|s| s["hostname"].clone());
    assert_eq!(hostnames, ["harbour-3.localhost", "harbour-2.localhost", "harbour-1.localhost"]);
}

#[tokio::test]
async fn a_site_from_its_order_to_its_deletion() {
    let app = TestApp::new().await;
    let mut program = program(&app, "jane").await;
    let ordered = program.json(Method::POST, "/api/v1/sites", ORDER).await.json();
    let site = format!("/api/v1/sites/{}", ordered["site"].as_str().unwrap());
    app.platform.run_until_idle().await;
    assert_eq!(program.get(&site).await.json()["state"], "active");
    let job = program.get(&format!("/api/v1/jobs/{}", ordered["job"].as_str().unwrap())).await.json();
    assert_eq!(job["state"], "succeeded");
    let credentials = program.get(&format!("{site}/credentials")).await.is(200).json();
    assert_eq!(credentials[0]["username"], "admin");
    let revealed = program.send(Method::POST, &format!("{site}/credentials/0/reveal"), None).await.is(200).json();
    assert!(revealed["password"].as_str().unwrap().len() >= 20);
    let link = program.send(Method::POST, &format!("{site}/login-link"), None).await.is(200).json();
    assert!(link["url"].as_str().unwrap().starts_with("http://harbour.localhost"));
    program.get(&format!("{site}/stats")).await.is(200);
    program.get(&format!("{site}/logs?tail=10")).await.is(200);
    assert!(program.send(Method::POST, &format!("{site}/stop"), None).await.is(202).json()["job"].is_string());
    app.platform.run_until_idle().await;
    problem(&program.send(Method::POST, &format!("{site}/stop"), None).await, 409, "conflict");
    assert!(program.send(Method::DELETE, &site, None).await.is(200).json()["purge_at"].is_string());
    program.send(Method::POST, &format!("{site}/undelete"), None).await.is(200);
}
