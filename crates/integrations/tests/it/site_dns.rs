//! DNS for containers, in front of a real Knot.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    sync::Arc,
};

use stoa_integrations::site_dns::{SiteDns, answers};
use tokio::{
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};

use crate::knot::{Knot, skipped};

const RECORDS: &str = "shop A 192.0.2.1\nshop MX 10 mail\nother A 192.0.2.2\n";

/// The server, and what it answers to `kdig`, over UDP and TCP.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(upstreams: Vec<SocketAddr>) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        let tcp = TcpListener::bind(address).await.unwrap();
        // The network of whoever asks here is 127.0.0.0/28.
        let is_served = Arc::new(
            |name: stoa_model::host::Hostname, network: Ipv4Addr| -> futures_util::future::BoxFuture<'static, bool> {
                Box::pin(async move { name.as_str() == "shop.stoa.example" && network == Ipv4Addr::new(127, 0, 0, 0) })
            },
        );
        let dns = SiteDns::new((Ipv4Addr::new(10, 213, 0, 0), 16), 28, is_served, Arc::new(move || upstreams.clone()));
        let task = tokio::spawn(async move { dns.serve(udp, tcp).await.unwrap() });
        Self { address, task }
    }

    fn ask(&self, name: &str, kind: &str) -> String {
        let ask = |transport: &str| {
            let port = self.address.port().to_string();
            let arguments = [
                "@127.0.0.1",
                "-p",
                &port,
                name,
                kind,
                transport,
                "+noall",
                "+header",
                "+answer",
                "+timeout=20",
                "+retry=0",
            ];
            let output = Command::new("kdig").args(arguments).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let status =
                text.split("status: ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or("none").to_owned();
            let records = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()));
            let data = records.map(|line| line.split_whitespace().skip(4).collect::<Vec<_>>().join(" "));
            format!("{status} {}", data.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
        };
        let (udp, tcp) = (ask("+notcp"), ask("+tcp"));
        assert_eq!(udp, tcp, "{name} {kind}");
        udp
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_edge_lead_to_this_machine_and_others_where_they_lead() {
    if skipped() {
        return;
    }
    let knot = Knot::start("stoa.example", RECORDS);
    let nobody = "127.0.0.1:9".parse().unwrap();
    let server = Server::start(vec![nobody, knot.address()]).await;
    assert_eq!(server.ask("shop.stoa.example", "A"), "NOERROR 127.0.0.1");
    assert_eq!(server.ask("SHOP.Stoa.Example.", "A"), "NOERROR 127.0.0.1");
    assert_eq!(server.ask("shop.stoa.example", "AAAA"), "NOERROR", "there is no other way in");
    assert_eq!(server.ask("shop.stoa.example", "MX"), "NOERROR 10 mail.stoa.example.");
    assert_eq!(server.ask("other.stoa.example", "A"), "NOERROR 192.0.2.2");
    assert_eq!(server.ask("missing.stoa.example", "A"), "NXDOMAIN");
    assert!(answers(server.address).await && !answers(knot.address()).await);
    server.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_server_the_question_fails_but_own_names_do_not() {
    if skipped() {
        return;
    }
    let server = Server::start(vec!["127.0.0.1:9".parse().unwrap()]).await;
    assert_eq!(server.ask("other.stoa.example", "A"), "SERVFAIL");
    assert_eq!(server.ask("shop.stoa.example", "A"), "NOERROR 127.0.0.1");
    // What is no question gets no answer, and harms nobody.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for junk in [&b""[..], b"x", &[0xff; 4000]] {
        socket.send_to(junk, server.address).await.unwrap();
    }
    assert_eq!(server.ask("shop.stoa.example", "A"), "NOERROR 127.0.0.1");
    server.task.abort();
}
