//! A platform with a real certificate authority (Pebble), and the world around it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use stoa_core::settings::{AcmeSettings, IssuanceLimits};
use stoa_integrations::acme::AcmeConfig;
use stoa_provider::edge::fake::FakeEdge;
use stoa_testkit::{
    TestPlatform, free_port,
    pebble::{Names, Options, Pebble},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::domains::host;

pub struct Bed {
    pub platform: TestPlatform,
    pub pebble: Pebble,
    pub names: Names,
}

/// None where Pebble is to be left out.
pub async fn bed(change: impl FnOnce(&mut Options)) -> Option<Bed> {
    let (names, visited) = (Names::start()?, free_port());
    let mut options = Options { http_port: visited.port(), dns: Some(names.address()), ..Options::default() };
    change(&mut options);
    let pebble = Pebble::start(options)?;
    let ca = config(&pebble);
    let build = TestPlatform::builder().settings(move |settings| {
        settings.base_domain = host("stoa.test");
        settings.https_port = Some(443);
        settings.public_port = 80;
        settings.edge_tls_address = Some(SocketAddr::from(([127, 0, 0, 1], 8443)));
        settings.public_addresses = vec![[127, 0, 0, 1].into()];
        settings.acme = Some(AcmeSettings {
            ca,
            allowance: IssuanceLimits::LETS_ENCRYPT,
            first_wait: Duration::from_secs(100),
            dns_wait: Duration::from_secs(1),
        });
    });
    let platform = build.build().await;
    // Certificates begin now, whatever the platform's clock says.
    platform.clock.advance(Timestamp::now().duration_since(platform.clock.now()));
    for name in ["stoa.test", "bakery.stoa.test"] {
        platform.world_dns.set_addresses(&host(name), &[[127, 0, 0, 1].into()]);
    }
    tokio::spawn(answer(TcpListener::bind(visited).await.expect("a free port"), platform.edge.clone()));
    Some(Bed { platform, pebble, names })
}

pub fn config(pebble: &Pebble) -> AcmeConfig {
    AcmeConfig {
        directory: pebble.directory(),
        contact: None,
        external_account: None,
        roots: Some(pebble.roots()),
        patience: Duration::from_secs(60),
    }
}

/// Answers for the fake edge what a real one answers itself.
async fn answer(listener: TcpListener, edge: Arc<FakeEdge>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, body) = match edge.table().answers.get(path) {
            Some(body) => ("200 OK", body.clone()),
            None => ("404 Not Found", String::new()),
        };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let _ = stream.write_all(text.as_bytes()).await;
    }
}

/// The id of the newest certificate for this name.
pub fn served(edge: &FakeEdge, name: &str) -> Option<String> {
    let table = edge.table();
    let covers = |c: &&Arc<stoa_model::certificate::Certificate>| c.names.iter().any(|n| n.covers(&host(name)));
    table.certificates.iter().rev().find(covers).map(|certificate| certificate.id.to_string())
}
