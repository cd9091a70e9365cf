//! The document that Traefik polls the real binary for.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::{faults::http::Request, port::free_port, verbs::Home};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Stoa behind Traefik; these tests don't need Docker.
fn serve() -> (Served, SocketAddr, Home) {
    let (at, public) = (free_port(), free_port());
    let home = Home::new(&format!(
        "edge = \"traefik\"\nbase_domain = \"stoa.test\"\n[traefik]\nhttp = \"{public}\"\ntoken = \"{TOKEN}\"\n"
    ));
    let child = home.command(&["serve"]).env("STOA_LISTEN", at.to_string()).stderr(Stdio::null()).spawn().unwrap();
    let served = Served(child);
    let began = Instant::now();
    while Request::get("127.0.0.1", "/healthz").tcp(at, Duration::from_secs(1)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(120), "it does not respond");
        std::thread::sleep(Duration::from_millis(20));
    }
    (served, at, home)
}

#[test]
fn only_a_request_with_the_token_gets_the_document() {
    let (_served, at, _home) = serve();
    let ask = |path: &str, headers: Vec<(&'static str, String)>| {
        let request = Request { headers, ..Request::get("127.0.0.1", path) };
        request.tcp(at, Duration::from_secs(60)).unwrap()
    };
    let bearer = |token: &str| vec![("Authorization", format!("Bearer {token}"))];
    let got = ask("/traefik/config", bearer(TOKEN));
    assert_eq!(got.status, 200, "{}", got.text());
    let routers = got.json()["http"]["routers"].clone();
    assert_eq!(routers["stoa-http"]["service"], "stoa", "what nobody else has is Stoa's: {routers}");
    let tag = got.header("etag").unwrap().to_owned();
    let mut again = bearer(TOKEN);
    again.push(("If-None-Match", tag));
    assert_eq!(ask("/traefik/config", again).status, 304);
    assert_eq!(ask(&format!("/traefik/config?token={TOKEN}"), vec![]).status, 200);

    assert_eq!(ask("/traefik/config", vec![]).status, 404);
    assert_eq!(ask("/traefik/config", bearer("0123456789abcdef0123456789abcdeX")).status, 404);
    // A visitor behind Traefik is not Traefik.
    let mut visitor = bearer(TOKEN);
    visitor.push(("X-Forwarded-For", "203.0.113.9".to_owned()));
    assert_eq!(ask("/traefik/config", visitor).status, 404);
}

#[test]
fn the_data_directory_is_private() {
    let (_served, _, home) = serve();
    let mode = std::fs::metadata(home.0.path().join("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "{mode:o}");
}

#[test]
fn a_short_token_is_refused() {
    let home = Home::new("edge = \"traefik\"\n[traefik]\ntoken = \"secret\"\n");
    let done = home.stoa(&["serve"]);
    assert!(!done.status.success());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("traefik.token: use at least 32 random characters"), "{said}");
}
