//! A CA that is down, slow, in trouble, or no CA at all; and one that wants fewer requests.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::json;
use stoa_integrations::acme::{Acme, AcmeConfig, AcmeError, Method, ProblemKind};
use tokio::net::TcpListener;

use super::{
    fake::{Answer, FakeCa, answer, problem},
    fixture::{config, host, names},
};
use crate::port::free_port;

async fn open(ca: &FakeCa) -> AcmeError {
    Acme::open(config(ca.directory(), ca.roots()), None).await.expect_err("no account")
}

/// The error of an order that the CA answers so.
async fn order(reply: impl Fn() -> Answer + Send + Sync + 'static) -> AcmeError {
    let ca = FakeCa::start(move |_, asked| (asked.path == "/new-order").then(&reply)).await;
    ca.account().await.order(&names(&["shop.example.com"]), Method::Http01, None).await.expect_err("no order")
}

#[tokio::test]
async fn a_rate_limit_comes_with_its_time() {
    let limited = |headers: &'static [(&'static str, &'static str)]| {
        order(move || problem(429, headers, "rateLimited", "too many certificates already issued for example.com"))
    };
    let error = limited(&[("Retry-After", "3600")]).await;
    assert!(
        matches!(&error, AcmeError::RateLimited { retry_after: Some(wait), detail }
            if wait.as_secs() == 3600 && detail.contains("too many certificates") && detail.contains("ordering a certificate")),
        "{error:?}"
    );
    assert!(error.is_transient());
    assert!(error.customer_text(&host("shop.example.com")).contains("as soon as it allows"));
    let error = limited(&[]).await;
    assert!(matches!(error, AcmeError::RateLimited { retry_after: None, .. }), "{error:?}");

    // A proxy before the CA limits too, and speaks no ACME.
    let error = order(|| answer(429, &[("Retry-After", "7")], &json!("slow down"))).await;
    assert!(
        matches!(&error, AcmeError::RateLimited { retry_after: Some(wait), .. } if wait.as_secs() == 7),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_ca_that_is_down_is_unreachable() {
    let gone = free_port();
    let ca = FakeCa::start(|_, _| None).await;
    let error = Acme::open(config(format!("https://{gone}/dir"), ca.roots()), None).await.expect_err("nobody there");
    assert!(matches!(&error, AcmeError::Unreachable { detail } if detail.contains("Connection refused")), "{error:?}");
    let error = Acme::open(config("https://ca.invalid/dir".into(), ca.roots()), None).await.expect_err("no such name");
    assert!(matches!(&error, AcmeError::Unreachable { detail } if detail.contains("ca.invalid")), "{error:?}");
}

#[tokio::test]
async fn a_ca_that_never_answers_costs_no_more_than_the_patience() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let ca = FakeCa::start(|_, _| None).await;
    let patience = Duration::from_millis(300);
    let slow = AcmeConfig { patience, ..config(format!("https://{address}/dir"), ca.roots()) };
    let error = Acme::open(slow, None).await.expect_err("no answer");
    assert!(
        matches!(&error, AcmeError::Unreachable { detail } if detail.contains("no answer within 300ms")),
        "{error:?}"
    );
    holding.abort();
}

/// Every single answer comes at once, but the verdict never does.
#[tokio::test]
async fn an_order_that_stays_pending_is_given_up_after_the_patience() {
    let ca = FakeCa::start(|base, asked| {
        let challenge = json!({ "type": "http-01", "url": format!("{base}/challenge"), "token": "dG9rZW4", "status": "pending" });
        let identifier = json!({ "type": "dns", "value": "shop.example.com" });
        let body = match asked.path.as_str() {
            "/order" => json!({ "status": "pending", "authorizations": [format!("{base}/authz")], "finalize": format!("{base}/fin") }),
            "/authz" => json!({ "status": "pending", "identifier": identifier, "challenges": [challenge] }),
            "/challenge" => challenge,
            _ => return None,
        };
        Some(answer(200, &[], &body))
    })
    .await;
    // Long enough for some asking on a busy machine, too.
    let patience = Duration::from_secs(5);
    let (acme, _) =
        Acme::open(AcmeConfig { patience, ..config(ca.directory(), ca.roots()) }, None).await.expect("an account");
    let url = ca.directory().replace("/dir", "/order");
    let error = acme.ready(&url, Method::Http01).await.expect_err("no verdict");
    assert!(matches!(&error, AcmeError::Unreachable { detail } if detail.contains("has not decided")), "{error:?}");
    assert_eq!(ca.asked("/challenge").len(), 1, "told once");
    assert!(ca.asked("/order").len() > 3, "asked again and again");
}

#[tokio::test]
async fn a_ca_in_trouble_is_unreachable() {
    let html = || Response::builder().status(502).body(Full::from("<html>Bad\n gateway</html>")).expect("an answer");
    let error = order(html).await;
    assert!(
        matches!(&error, AcmeError::Unreachable { detail } if detail.contains("502") && detail.contains("Bad gateway")),
        "{error:?}"
    );
    let error = order(|| problem(500, &[], "serverInternal", "database is away")).await;
    assert!(matches!(&error, AcmeError::Unreachable { detail } if detail.contains("database is away")), "{error:?}");
    assert!(error.customer_text(&host("shop.example.com")).contains("at the moment"));
}

/// What it is, and the status, headers and body of the answer.
type Case = (&'static str, u16, &'static [(&'static str, &'static str)], String);

#[tokio::test]
async fn a_response_that_is_not_acme_is_garbage() {
    let page = "<html><title>Login to the hotel's network</title></html>";
    let cases: [Case; 6] = [
        ("HTML", 200, &[], page.into()),
        ("a refusal in HTML", 403, &[], page.into()),
        ("a redirection", 302, &[("Location", "https://portal.example/")], String::new()),
        ("another JSON", 200, &[], "{\"hello\": 1}".into()),
        ("nothing", 200, &[], String::new()),
        ("a huge body", 200, &[], "[".repeat(2_000_000)),
    ];
    for (what, status, headers, body) in cases {
        let ca = FakeCa::start(move |_, asked| {
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(*name, *value);
            }
            (asked.path == "/dir").then(|| answer.body(Full::new(Bytes::from(body.clone()))).expect("an answer"))
        })
        .await;
        let error = open(&ca).await;
        assert!(matches!(error, AcmeError::Garbage { .. }), "{what}: {error:?}");
        let text = error.to_string();
        assert!(what != "a huge body" || text.contains("longer than 262144 bytes"), "{text}");
        assert!(text.contains(&ca.directory()) && text.contains("directory URL") && text.len() < 700, "{what}: {text}");
    }
}

#[tokio::test]
async fn garbage_in_the_middle_of_an_order_is_garbage() {
    let error = order(|| answer(201, &[], &json!({ "status": "pending" }))).await;
    assert!(matches!(error, AcmeError::Garbage { .. }), "no order: {error:?}");
    let whole = json!({ "status": "pending", "authorizations": [], "finalize": "https://127.0.0.1/f" });
    let error = order(move || answer(201, &[], &whole)).await;
    assert!(matches!(error, AcmeError::Garbage { .. }), "no location: {error:?}");
    let error = order(|| answer(400, &[], &json!("what?"))).await;
    assert!(matches!(error, AcmeError::Garbage { .. }), "no problem document: {error:?}");
}

/// A token becomes part of a path on our edge.
#[tokio::test]
async fn a_token_that_is_a_path_is_garbage() {
    let ca = FakeCa::start(|base, asked| {
        let challenge = json!({ "type": "http-01", "url": format!("{base}/c"), "token": "../../admin", "status": "pending" });
        let identifier = json!({ "type": "dns", "value": "shop.example.com" });
        let order = json!({ "status": "pending", "authorizations": [format!("{base}/authz")], "finalize": format!("{base}/f") });
        match asked.path.as_str() {
            "/new-order" => Some(answer(201, &[("Location", &format!("{base}/order"))], &order)),
            "/authz" => Some(answer(200, &[], &json!({ "status": "pending", "identifier": identifier, "challenges": [challenge] }))),
            _ => None,
        }
    })
    .await;
    let error =
        ca.account().await.order(&names(&["shop.example.com"]), Method::Http01, None).await.expect_err("no token");
    assert!(matches!(&error, AcmeError::Garbage { detail } if detail.contains("invalid characters")), "{error:?}");
}

#[tokio::test]
async fn a_refused_order_names_the_name_of_its_part() {
    let refusal = json!({
        "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Some names can't be had", "status": 400,
        "subproblems": [{
            "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Policy forbids example.org",
            "identifier": { "type": "dns", "value": "example.org" },
        }],
    });
    let error = order(move || answer(400, &[], &refusal)).await;
    assert!(
        matches!(&error, AcmeError::Refused { name: Some(name), kind: ProblemKind::RejectedIdentifier, detail }
            if name.as_str() == "example.org" && detail.contains("Policy forbids")),
        "{error:?}"
    );
}
