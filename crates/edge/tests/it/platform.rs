//! The portal on the same port.

use std::{future::ready, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use stoa_edge::{ClientInfo, Config, RequestBody};
use stoa_model::route::Target;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};

use crate::support::{HOST, TEST_TIMEOUT, TestEdge, body, config, mirror, status};

async fn portal(request: Request<RequestBody>) -> Response<Full<Bytes>> {
    let info = request.extensions().get::<ClientInfo>().unwrap().clone();
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    let (parts, body) = request.into_parts();
    assert_ne!(parts.uri.path(), "/panic", "as the test wants it");
    let body = body.collect().await.unwrap().to_bytes();
    let headers = format!("{:?}", parts.headers);
    Response::new(Full::from(format!("portal {} {info:?} {headers} {body:?} on {thread}", parts.uri.path())))
}

async fn edge() -> TestEdge {
    let mut config = config();
    config.platform_hosts =
        vec!["Portal.Example.com".into(), "localhost".into(), "127.0.0.1".into(), "[::1]".into(), HOST.into()];
    let edge = TestEdge::start(config, Some(Arc::new(portal)));
    edge.route(1, Target::Upstream(mirror().await)).await;
    edge
}

#[tokio::test]
async fn the_platforms_names_lead_to_its_handler() {
    let edge = edge().await;
    for host in ["portal.example.com", "PORTAL.example.com:8080", "localhost:80", "127.0.0.1", "[::1]:80"] {
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        );
        let answer = edge.send(request).await;
        assert_eq!(status(&answer), 200, "{host}");
        assert!(
            body(&answer).starts_with("portal /login ClientInfo { address: 127.0.0.1, scheme: \"http\" }"),
            "{answer}"
        );
        assert!(answer.contains("b\"ok\"") && !answer.contains("6.6.6.6"), "{answer}");
        assert!(!answer.contains("on edge-"), "the portal runs on its own threads: {answer}");
    }
}

#[tokio::test]
async fn no_route_can_take_a_platform_name() {
    let edge = edge().await;
    assert!(body(&edge.get("").await).starts_with("portal / "));
}

#[tokio::test]
async fn a_panic_in_the_portal_is_a_page() {
    let edge = edge().await;
    let answer = edge.send("GET /panic HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 502);
}

#[tokio::test]
async fn a_platform_host_must_be_a_host() {
    let mut config = config();
    config.platform_hosts = vec!["http://portal".into()];
    let error = stoa_edge::EmbeddedEdge::new(config, None).err().unwrap().to_string();
    assert!(error.contains("\"http://portal\"") && error.contains("bare hostname"), "{error}");
}

/// The portal may end its half of an upgraded connection, and hears the other half to its end.
#[tokio::test]
async fn half_of_an_upgraded_connection_goes_on() {
    let (report, mut heard) = mpsc::unbounded_channel();
    let upgrading = move |mut request: Request<RequestBody>| {
        let (upgrade, report) = (hyper::upgrade::on(&mut request), report.clone());
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            stream.write_all(b"bye").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            report.send(text).unwrap();
        });
        let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
        ready(response.body(Full::<Bytes>::default()).unwrap())
    };
    let config = Config { platform_hosts: vec![HOST.into()], ..config() };
    let edge = TestEdge::start(config, Some(Arc::new(upgrading)));
    let mut raw = edge.connect().await;
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")).await;
    assert_eq!(status(&raw.until("\r\n\r\n").await), 101);
    assert_eq!(raw.until("bye").await, "bye");
    assert_eq!(raw.stream.read(&mut [0]).await.unwrap(), 0, "the portal has ended");
    raw.write("still here").await;
    raw.stream.shutdown().await.unwrap();
    assert_eq!(timeout(TEST_TIMEOUT, heard.recv()).await.unwrap().unwrap(), "still here");
}
