//! Just enough HTTP to manage the programs of Pebble's package, without an async runtime.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};

/// The body that `path` answers over HTTPS, under the root in the PEM file.
pub(super) fn get_tls(address: SocketAddr, root: &Path, path: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).expect("the root's file")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(address.ip());
    let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS connection");
    exchange(StreamOwned::new(connection, connect(address)), &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"))
}

/// Posts a body to `path` over plain HTTP.
pub(super) fn post(address: SocketAddr, path: &str, body: &str) {
    let head = format!("POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    exchange(connect(address), &(head + body));
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    stream
}

/// HTTP/1.0, so that the answer ends with the connection and is never in chunks.
fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("sending the request");
    let mut answer = Vec::new();
    // Some servers end TLS without a farewell; what counts is the answer.
    let ended = stream.read_to_end(&mut answer);
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request:?}: {ended:?}"));
    assert!(
        head.lines().next().is_some_and(|status| status.contains(" 200 ")),
        "{request:?} was answered {head:?} {body:?}"
    );
    body.to_owned()
}
