//! Logs of sites are bounded while they are read, and sent piece by piece.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt;
use stoa_model::{id::SiteId, stack::ServiceName};
use stoa_testkit::TestPlatform;
use tower::ServiceExt;

use crate::{browser::TestApp, permissions::token};

const MB: usize = 1 << 20;

/// A site of `name` whose log has 2,000 lines of 8,000 bytes, and a token of its owner.
pub async fn talkative(platform: &TestPlatform, name: &str) -> (SiteId, String) {
    let owner = platform.customer(name).await;
    let ordered = platform.shop(&owner, name).await;
    let project = serde_json::from_value(platform.plan(ordered.job).await["project"].take()).unwrap();
    let line = format!("{}\u{1b}", "<x>".repeat(2666));
    (0..2000).for_each(|_| platform.engine.say(&project, &ServiceName("web".into()), &line));
    (ordered.site, token(platform, owner.actor).await)
}

fn request(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_answer_is_bounded_and_sent_in_pieces() {
    let app = TestApp::new().await;
    let (site, token) = talkative(&app.platform, "jane").await;
    let path = format!("/api/v1/sites/{site}/logs?tail=2000");
    let answer = app.router.clone().oneshot(request(&path, &token)).await.unwrap();
    let (mut body, mut whole, mut largest) = (answer.into_body(), Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        largest = largest.max(piece.len());
        whole.extend_from_slice(&piece);
    }
    assert!(largest < 64 << 10, "{largest}");
    let lines: Vec<serde_json::Value> = serde_json::from_slice(&whole).unwrap();
    assert!(lines.len() > 200 && lines.len() < 2 * MB / 8000, "{} lines", lines.len());

    let mut jane = app.logged_in("jane@example.com").await;
    let page = jane.get(&format!("/sites/{site}/logs?tail=2000")).await;
    page.is(200).says("</pre>").says("</html>").says("&#60;x&#62;");
    assert_eq!(page.text.matches("<time>").count(), lines.len());
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn one_person_reads_four_logs_at_a_time() {
    let app = TestApp::new().await;
    let (site, token) = talkative(&app.platform, "jane").await;
    let path = format!("/api/v1/sites/{site}/logs?tail=2000");
    let mut unread = Vec::new();
    for _ in 0..4 {
        let answer = app.router.clone().oneshot(request(&path, &token)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        unread.push(answer);
    }
    let mut program = app.browser();
    program.bearer = Some(token.clone());
    let refused = program.get(&path).await;
    // Not the whole answer: a log is long.
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    refused.says("4 logs are being sent to you already");
    let mut jane = app.logged_in("jane@example.com").await;
    jane.get(&format!("/sites/{site}/logs")).await.is(200).says("4 logs are being sent to you already");
    drop(unread);
    while program.get(&path).await.status == StatusCode::SERVICE_UNAVAILABLE {
        tokio::task::yield_now().await;
    }
}
