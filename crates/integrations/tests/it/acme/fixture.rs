//! A Pebble, its name server, and a web server in whose place our edge will stand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use stoa_integrations::acme::{Acme, AcmeConfig, AcmeError, Answer, Method, Ordered, new_key};
use stoa_model::{certificate::CertName, host::Hostname, secret::SecretString};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::pebble::{Names, Options, Pebble};

/// Everything that an order needs.
pub struct Bed {
    pub pebble: Pebble,
    pub names: Names,
    pub web: Web,
}

impl Bed {
    /// None if Pebble is to be skipped.
    pub async fn new(options: Options) -> Option<Self> {
        let (names, web) = (Names::start()?, Web::start().await);
        let pebble = Pebble::start(Options { http_port: web.port, dns: Some(names.address()), ..options })?;
        Some(Self { pebble, names, web })
    }

    pub fn config(&self) -> AcmeConfig {
        config(self.pebble.directory(), self.pebble.roots())
    }

    /// A new account.
    pub async fn account(&self) -> Acme {
        let (acme, saved) = Acme::open(self.config(), None).await.expect("an account");
        assert!(saved.is_some());
        acme
    }

    /// Puts all answers where the CA looks for them.
    pub fn answer(&self, ordered: &Ordered) {
        for challenge in &ordered.challenges {
            match &challenge.answer {
                Answer::Http { path, body } => self.web.put(&challenge.name.host, path, body),
                Answer::Dns { host, value } => self.names.add_text(&format!("_acme-challenge.{host}"), value),
            }
        }
    }

    /// Orders, answers, waits, and fetches.
    pub async fn issue(&self, acme: &Acme, names: &[CertName], method: Method) -> Result<String, AcmeError> {
        let ordered = acme.order(names, method, None).await?;
        self.answer(&ordered);
        acme.ready(&ordered.url, method).await?;
        acme.finish(&ordered.url, names, &key()).await
    }
}

pub fn config(directory: String, roots: std::path::PathBuf) -> AcmeConfig {
    let (contact, external_account) = (None, None);
    AcmeConfig { directory, contact, external_account, roots: Some(roots), patience: Duration::from_secs(60) }
}

pub fn key() -> SecretString {
    new_key().expect("a key")
}

pub fn names(list: &[&str]) -> Vec<CertName> {
    list.iter().map(|name| name.parse().expect("a name")).collect()
}

pub fn host(name: &str) -> Hostname {
    Hostname::parse(name).expect("a hostname")
}

/// A web server for all names, with what was put there.
pub struct Web {
    pub port: u16,
    pages: Pages,
}

type Pages = Arc<Mutex<HashMap<(String, String), String>>>;

impl Web {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let pages = Pages::default();
        let shown = pages.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shown.clone()));
            }
        });
        Self { port, pages }
    }

    pub fn put(&self, host: &Hostname, path: &str, body: &str) {
        self.pages.lock().expect("pages").insert((host.to_string(), path.to_owned()), body.to_owned());
    }

    /// Lets every page answer something else.
    pub fn spoil(&self) {
        self.pages.lock().expect("pages").values_mut().for_each(|body| *body = "parked domain, buy now".into());
    }
}

async fn serve(mut stream: TcpStream, pages: Pages) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_owned();
    let page = pages.lock().expect("pages").get(&(host, path)).cloned();
    let (status, body) = page.map_or(("404 Not Found", "no such page".to_owned()), |body| ("200 OK", body));
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // A visitor that has gone has no need of an answer.
    let _ = stream.write_all(answer.as_bytes()).await;
}
