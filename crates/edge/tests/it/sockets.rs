//! Sockets that a service manager opens: this very program is started as it would start it.

use std::{os::fd::OwnedFd, process::Stdio};

use stoa_edge::inherited;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

use crate::support::TEST_TIMEOUT;

const ROLE: &str = "STOA_TEST_INHERITS";

/// The program that was started; without the other test below it does nothing.
#[tokio::test]
async fn a_child_that_inherits() {
    if std::env::var_os(ROLE).is_none() {
        assert!(inherited("https").unwrap().is_none(), "nobody gave this process a socket");
        return;
    }
    assert!(inherited("other").unwrap().is_none());
    assert!(inherited("file").unwrap_err().to_string().contains("\"file\""), "no socket at all");
    let listener = inherited("https").unwrap().expect("the socket that was passed on");
    assert!(inherited("https").unwrap().is_none(), "each is given once");
    assert!(std::env::var_os("LISTEN_FDS").is_none(), "children must not take it for theirs");
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"inherited").await.unwrap();
}

#[tokio::test]
async fn a_socket_comes_from_the_service_manager() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The shell puts the socket where the manager would, and becomes the program.
    let script = r#"exec 4<&0 3</dev/null 0</dev/null; LISTEN_PID=$$ exec "$0" "$@""#;
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "sockets::a_child_that_inherits"])
        .envs([("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "file:https"), (ROLE, "1")])
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stream = TcpStream::connect(address).await.unwrap();
    tokio::time::timeout(TEST_TIMEOUT, stream.read_to_string(&mut said))
        .await
        .expect("the child does not answer")
        .unwrap();
    assert_eq!(said, "inherited");
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
