//! The API of a real PowerDNS, on free loopback ports, with its files in a temporary folder. It needs
//! the Debian packages `pdns-server`, `pdns-backend-sqlite3` and `python3`.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use stoa_integrations::dns::{DnsAccess, DnsConfig, DnsProvider};
use stoa_model::host::Hostname;
use stoa_provider::dns::{
    Dns, RecordKind, RecordName, RecordSet, RecordValues,
    conformance::{self, Probe, StoredSet},
};
use tempfile::TempDir;

use super::held;
use crate::{
    knot::{SERVER_TIMEOUT, ask},
    port::free_port,
};

const ZONE: &str = "stoa.example";
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
const INSTALL: &str =
    "install it with `apt-get install pdns-server pdns-backend-sqlite3 python3`, or set STOA_SKIP_POWERDNS=1";

struct PowerDns {
    folder: TempDir,
    dns: SocketAddr,
    api: SocketAddr,
    child: Child,
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    if skipped() {
        return;
    }
    let server = PowerDns::start();
    conformance::run(&server.provider("good", ZONE), &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_zones_are_reported() {
    if skipped() {
        return;
    }
    let server = PowerDns::start();
    let set = |zone: &str| {
        let name = RecordName::host(&Hostname::parse(zone).expect("a hostname"));
        RecordSet { name, ttl: 60, values: RecordValues::Texts(vec!["x".into()]) }
    };
    let error = server.provider("bad-secret", ZONE).set(&set(ZONE)).await.expect_err("the key is wrong");
    let text = error.to_string();
    assert!(!error.transient && text.contains("credentials") && !text.contains("bad-secret"), "{text}");
    let elsewhere = "elsewhere.example";
    let error = server.provider("good", elsewhere).set(&set(elsewhere)).await.expect_err("it has no such zone");
    assert!(!error.transient && error.to_string().contains(elsewhere), "{error}");
    let cname = format!("replace-rrset {ZONE} alias CNAME 60 {ZONE}.");
    server.tool(&cname.split(' ').collect::<Vec<_>>());
    let error = server.provider("good", ZONE).set(&set(&format!("alias.{ZONE}"))).await.expect_err("an alias is alone");
    assert!(!error.transient && error.to_string().contains("Conflicts"), "its own words are passed on: {error}");
}

fn skipped() -> bool {
    let skipped = std::env::var_os("STOA_SKIP_POWERDNS").is_some();
    if skipped {
        eprintln!("skipped: STOA_SKIP_POWERDNS is set");
    }
    skipped
}

impl PowerDns {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (dns, api) = (free_port(), free_port());
        let path = folder.path().display();
        let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
        let database = format!("{path}/db");
        run(Command::new("python3").args(["-c", script, &database, SCHEMA]));
        let config = format!(
            "launch=gsqlite3\ngsqlite3-database={database}\nsocket-dir={path}\n\
             local-address={}\nlocal-port={}\napi=yes\napi-key=good\nwebserver=yes\n\
             webserver-address={}\nwebserver-port={}\n\
             cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n",
            dns.ip(),
            dns.port(),
            api.ip(),
            api.port(),
        );
        fs::write(folder.path().join("pdns.conf"), config).expect("writing pdns.conf");
        run(Command::new("pdnsutil").arg(format!("--config-dir={path}")).args([
            "create-zone",
            ZONE,
            "ns.stoa.example",
        ]));
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        let child = Command::new("pdns_server")
            .arg(format!("--config-dir={path}"))
            .args(["--guardian=no", "--daemon=no", "--disable-syslog"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("pdns_server can't be started ({error}); {INSTALL}"));
        let server = Self { folder, dns, api, child };
        let begun = Instant::now();
        while ask(dns, ZONE, "SOA").is_empty() || std::net::TcpStream::connect(api).is_err() {
            let log = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < SERVER_TIMEOUT, "pdns_server does not answer: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn provider(&self, key: &str, zone: &str) -> DnsProvider {
        let (api, key) = (format!("http://{}/", self.api), key.to_owned().into());
        let access = DnsAccess::PowerDns { api, server: "localhost".into(), key };
        DnsProvider::new(DnsConfig { zone: Hostname::parse(zone).expect("a hostname"), ttl: 300, access })
            .expect("a provider")
    }

    fn tool(&self, arguments: &[&str]) {
        run(Command::new("pdnsutil").arg(format!("--config-dir={}", self.folder.path().display())).args(arguments));
    }
}

impl Drop for PowerDns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{program} can't be run ({error}); {INSTALL}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?} failed ({said}); {INSTALL}");
}

#[async_trait]
impl Probe for PowerDns {
    async fn plant(&self, set: &RecordSet) {
        let label = set.name.relative_to(&Hostname::parse(ZONE).expect("a hostname")).expect("a name in the zone");
        let (kind, ttl) = (set.kind().as_str(), set.ttl.to_string());
        let quote = |content: String| if kind == "TXT" { format!("\"{content}\"") } else { content };
        let contents = set.contents().into_iter().map(quote).collect::<Vec<_>>();
        let mut arguments = vec!["replace-rrset", ZONE, label, kind, &ttl];
        arguments.extend(contents.iter().map(String::as_str));
        self.tool(&arguments);
    }

    async fn held(&self, name: &RecordName, kind: RecordKind) -> Option<StoredSet> {
        held(ask(self.dns, name.as_str(), kind.as_str()))
    }
}
