//! What the edge says itself.

use stoa_model::route::{Notice, Target};

use crate::support::{TestEdge, body, config, field, nobody, status};

#[tokio::test]
async fn an_unknown_host_is_told_so() {
    let edge = TestEdge::to(nobody()).await;
    let answer = edge.send("GET / HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 404);
    assert_eq!(field(&answer, "cache-control"), Some("no-store"));
    assert_eq!(edge.edge.counts().unknown_host, 1);
    assert!(!answer.contains("other.example.com"), "a page repeats nothing from the request: {answer}");
}

#[tokio::test]
async fn notices_are_pages() {
    for (notice, words, retry) in [
        (Notice::Starting, "Starting up", Some("2")),
        (Notice::Stopped, "temporarily offline", None),
        (Notice::Suspended, "not available", None),
        (Notice::Maintenance, "Back in a moment", Some("30")),
        (Notice::OverQuota, "reached its limit", Some("3600")),
    ] {
        let edge = TestEdge::showing(notice).await;
        let answer = edge.get("Accept: text/html\r\n").await;
        assert_eq!((status(&answer), field(&answer, "retry-after")), (503, retry));
        assert!(body(&answer).contains(words), "{answer}");
        let policy = field(&answer, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.ends_with("; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");
        assert_eq!(edge.counted(|counts| counts.requests == 1).await.statuses[5], 1);
    }
}

#[tokio::test]
async fn programs_get_problem_details() {
    let edge = TestEdge::showing(Notice::Suspended).await;
    let answer = edge.get("Accept: application/json\r\n").await;
    assert_eq!((status(&answer), field(&answer, "content-type")), (503, Some("application/problem+json")));
    let problem: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["title"], "Service Unavailable", "RFC 9457 4.2.1");
    assert_eq!(problem["code"], "suspended");
}

#[tokio::test]
async fn an_upstream_that_is_down_may_be_asked_again() {
    let edge = TestEdge::to(nobody()).await;
    let answer = edge.get("Accept: application/json\r\n").await;
    assert_eq!((status(&answer), field(&answer, "retry-after")), (502, Some("10")));
    assert!(answer.ends_with("}") && answer.contains("\"retry_after\":10"), "{answer}");
}

#[tokio::test]
async fn pages_carry_the_name_of_the_product() {
    let mut config = config();
    config.product_name = "Fish & Chips".to_owned();
    let edge = TestEdge::with(config, Target::Notice(Notice::Stopped)).await;
    let answer = edge.get("").await;
    assert!(answer.contains("<footer>Fish &amp; Chips</footer>"), "{answer}");
    assert_eq!(field(&answer, "content-length").unwrap().parse(), Ok(body(&answer).len()));
}
