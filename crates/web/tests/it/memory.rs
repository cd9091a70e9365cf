//! What many clients can make the portal hold in memory, each measured in a process of its own: the peak of what is
//! resident, over what it was before.

use std::{net::SocketAddr, process::Command, sync::atomic::AtomicU32, sync::atomic::Ordering::Relaxed};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::header,
};
use futures_util::{StreamExt, future::join_all, stream};
use stoa_web::ClientAddress;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};
use tower::ServiceExt;

use crate::{browser::TestApp, logs::talkative};

const MB: usize = 1 << 20;
/// How much more may be resident at any moment.
const MAX_GROWTH: usize = 120 * MB;

#[test]
fn readers_that_do_not_read_hold_little() {
    alone("memory::forty_readers_alone");
}

#[test]
fn unfinished_posts_of_strangers_hold_little() {
    alone("memory::a_thousand_posts_alone");
}

/// Runs an ignored test in a process of its own.
fn alone(test: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

/// The peak of what is resident, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
#[ignore = "it measures the whole process; readers_that_do_not_read_hold_little runs it alone"]
async fn forty_readers_alone() {
    let app = TestApp::new().await;
    let mut sites = Vec::new();
    for n in 0..10 {
        sites.push(talkative(&app.platform, &format!("jane-{n}")).await);
    }
    // Small buffers, or the kernel takes whole answers.
    let socket = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 << 10).unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        socket
    };
    let listener = socket();
    listener.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = listener.listen(64).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.router.clone()).into_future());
    let before = peak();
    let (mut readers, mut answered) = (Vec::new(), 0);
    for (site, token) in sites.iter().cycle().take(40) {
        let mut reader = socket().connect(address).await.unwrap();
        let path = format!("/api/v1/sites/{site}/logs?tail=2000");
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
        reader.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        reader.read_exact(&mut status).await.unwrap();
        answered += usize::from(status.ends_with(b"200"));
        readers.push(reader);
    }
    let growth = peak().saturating_sub(before);
    println!("{} MB more", growth / MB);
    assert!(growth < MAX_GROWTH, "{} MB more", growth / MB);
    assert_eq!(answered, 32, "of 40 the rest is refused");
}

#[tokio::test]
#[ignore = "it measures the whole process; unfinished_posts_of_strangers_hold_little runs it alone"]
async fn a_thousand_posts_alone() {
    let app = TestApp::new().await;
    let piece = Bytes::from(vec![b'x'; 64 << 10]);
    let clients = AtomicU32::new(0x0a00_0000);
    let before = peak();
    let posts = (0..1000).map(|n| {
        let pieces = stream::iter(vec![piece.clone(); 15]).map(Ok::<_, std::io::Error>).chain(stream::pending());
        let (path, kind) = if n % 2 == 0 {
            ("/login", "application/x-www-form-urlencoded")
        } else {
            ("/api/auth/login", "application/json")
        };
        let mut request = Request::post(path).header(header::HOST, "portal.example").header(header::CONTENT_TYPE, kind);
        let address = std::net::Ipv4Addr::from(clients.fetch_add(1, Relaxed));
        request.extensions_mut().unwrap().insert(ClientAddress(address.into()));
        app.router.clone().oneshot(request.body(Body::from_stream(pieces)).unwrap())
    });
    let answers = join_all(posts).await;
    let growth = peak().saturating_sub(before);
    println!("{} MB more", growth / MB);
    assert!(growth < MAX_GROWTH, "{} MB more", growth / MB);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 408), "all are given up");
}
