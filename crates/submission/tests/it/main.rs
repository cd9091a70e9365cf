//! The server over TCP, as clients and attackers speak to it.

#![allow(clippy::unwrap_used)]

mod hostile;
mod protocol;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stoa_model::{id::SiteId, secret::ExposeSecret};
use stoa_submission::{Backend, Limits, Login, Reply, Server, Submission};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// `\0site\0secret`
const PLAIN: &str = "AUTH PLAIN AHNpdGUAc2VjcmV0";

/// Accepts one login and keeps what it gets.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Submission>>>);

#[async_trait]
impl Backend for Recorder {
    fn network_of(&self, source: IpAddr) -> Option<i64> {
        match source {
            IpAddr::V4(address) if address.is_loopback() => Some(i64::from(u32::from(address) & !15)),
            _ => None,
        }
    }

    async fn authenticate(&self, _: i64, login: &Login) -> Result<Option<SiteId>, Reply> {
        let is_right = login.user == "site" && login.password.expose_secret() == "secret";
        Ok(is_right.then(|| SiteId::from_uuid(uuid::Uuid::from_u128(1))))
    }

    async fn accept(&self, _: SiteId, message: Submission) -> Result<String, Reply> {
        if message.data.starts_with(b"Subject: full\r\n") {
            return Err(Reply::new(452, "4.3.1", "Too many messages are waiting"));
        }
        self.0.lock().unwrap().push(message);
        Ok("mail_1".into())
    }
}

struct Fixture {
    address: SocketAddr,
    recorder: Recorder,
    stop: CancellationToken,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Fixture {
    async fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits { failed_login_delay: Duration::from_millis(10), ..Limits::default() };
        change(&mut limits);
        let recorder = Recorder::default();
        let server = Server::new(recorder.clone(), "stoa.test", limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let stopped = stop.clone();
        tokio::spawn(async move { server.serve(listener, &stopped).await });
        Self { address, recorder, stop }
    }

    async fn client(&self) -> Client {
        let mut client = Client { stream: TcpStream::connect(self.address).await.unwrap(), seen: String::new() };
        assert_eq!(client.reply().await, "220 stoa.test ESMTP Stoa");
        client
    }

    /// A client that has logged in.
    async fn site(&self) -> Client {
        let mut client = self.client().await;
        client.expect("EHLO web", "250").await;
        client.expect(PLAIN, "235 2.7.0").await;
        client
    }

    fn messages(&self) -> Vec<String> {
        let messages = self.recorder.0.lock().unwrap();
        messages.iter().map(|message| String::from_utf8_lossy(&message.data).into_owned()).collect()
    }
}

struct Client {
    stream: TcpStream,
    seen: String,
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        // The server may have closed the connection already.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The last line of the next reply; empty at the end of the connection.
    async fn reply(&mut self) -> String {
        loop {
            while let Some(end) = self.seen.find("\r\n") {
                let line = self.seen[..end].to_owned();
                self.seen.drain(..end + 2);
                if line.as_bytes().get(3) != Some(&b'-') {
                    return line;
                }
            }
            let mut chunk = [0; 4096];
            let read = timeout(Duration::from_secs(10), self.stream.read(&mut chunk)).await.expect("a reply in time");
            match read {
                Ok(0) | Err(_) => return String::new(),
                Ok(read) => self.seen.push_str(std::str::from_utf8(&chunk[..read]).unwrap()),
            }
        }
    }

    async fn expect(&mut self, line: &str, reply: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
        let found = self.reply().await;
        assert!(found.starts_with(reply), "{line}: {found}");
    }

    /// Everything up to the start of the content.
    async fn start(&mut self) {
        self.expect("MAIL FROM:<a@b.c>", "250 2.1.0").await;
        self.expect("RCPT TO:<d@e.f>", "250 2.1.5").await;
        self.expect("DATA", "354").await;
    }
}
