//! Updates to a real BIND, with its files in a temporary folder: a second opinion on RFC 2136. It
//! needs the Debian package `bind9`.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use stoa_integrations::dns::{DnsAccess, DnsConfig, DnsProvider, Transport, TsigAlgorithm};
use stoa_model::host::Hostname;
use stoa_provider::dns::{
    Dns, RecordKind, RecordName, RecordSet, RecordValues,
    conformance::{self, Probe, StoredSet},
};
use tempfile::TempDir;

use super::{held, plant};
use crate::{
    knot::{Key, Knot, SERVER_TIMEOUT, ask, update},
    port::free_port,
};

const ZONE: &str = "stoa.example";

struct Bind {
    _folder: TempDir,
    address: SocketAddr,
    child: Child,
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    if skipped() {
        return;
    }
    let bind = Bind::start();
    conformance::run(&bind.provider(Knot::KEY), &bind).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_missing_rights_are_reported() {
    if skipped() {
        return;
    }
    let bind = Bind::start();
    let name = RecordName::ownership(&Hostname::parse(ZONE).expect("a hostname"));
    let set = RecordSet { name, ttl: 60, values: RecordValues::Texts(vec!["x".into()]) };
    for (key, words) in [
        (Key { name: "nobody", ..Knot::KEY }, "BADKEY"),
        (Key { secret: Knot::KEY_OF_OTHERS.secret, ..Knot::KEY }, "BADSIG"),
        (Knot::KEY_OF_OTHERS, "REFUSED"),
    ] {
        let error = bind.provider(key).set(&set).await.expect_err("the key is wrong");
        assert!(!error.transient && error.to_string().contains(words), "{error}");
    }
    let name = RecordName::host(&Hostname::parse(&format!("alias.{ZONE}")).expect("a hostname"));
    let error = bind.provider(Knot::KEY).set(&RecordSet { name, ..set }).await.expect_err("an alias is alone");
    assert!(!error.transient && error.to_string().contains("CNAME"), "{error}");
}

fn skipped() -> bool {
    let skipped = std::env::var_os("STOA_SKIP_BIND").is_some();
    if skipped {
        eprintln!("skipped: STOA_SKIP_BIND is set");
    }
    skipped
}

impl Bind {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_port();
        let zone = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\nalias CNAME ns\n";
        fs::write(folder.path().join("zone"), zone).expect("writing the zone");
        let path = folder.path().display();
        let key =
            |key: Key| format!("key \"{}\" {{ algorithm {}; secret \"{}\"; }};\n", key.name, key.algorithm, key.secret);
        let config = format!(
            "options {{ directory \"{path}\"; pid-file \"{path}/pid\"; session-keyfile none; recursion no;\n\
               listen-on port {} {{ {}; }}; listen-on-v6 {{ none; }}; dnssec-validation no; }};\n\
             controls {{ }};\n{}{}\
             zone \"{ZONE}\" {{ type primary; file \"zone\"; update-policy {{ grant stoa zonesub A AAAA TXT; }}; }};\n",
            address.port(),
            address.ip(),
            key(Knot::KEY),
            key(Knot::KEY_OF_OTHERS),
        );
        let file = folder.path().join("named.conf");
        fs::write(&file, config).expect("writing named.conf");
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        let mut command = Command::new("named");
        command.args(["-g", "-n", "1", "-c"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("named can't be started ({error}); install it with `apt-get install bind9`, or set STOA_SKIP_BIND=1")
        });
        let log = folder.path().join("log");
        let bind = Self { _folder: folder, address, child };
        let begun = Instant::now();
        while ask(address, ZONE, "SOA").is_empty() {
            let log = fs::read_to_string(&log).unwrap_or_default();
            assert!(begun.elapsed() < SERVER_TIMEOUT, "named does not answer: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        bind
    }

    fn provider(&self, key: Key) -> DnsProvider {
        let access = DnsAccess::Rfc2136 {
            server: self.address,
            transport: Transport::Udp,
            key: key.name.into(),
            algorithm: TsigAlgorithm::HmacSha256,
            secret: key.secret.to_owned().into(),
        };
        DnsProvider::new(DnsConfig { zone: Hostname::parse(ZONE).expect("a hostname"), ttl: 300, access })
            .expect("a provider")
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[async_trait]
impl Probe for Bind {
    async fn plant(&self, set: &RecordSet) {
        update(self.address, ZONE, &plant(set));
    }

    async fn held(&self, name: &RecordName, kind: RecordKind) -> Option<StoredSet> {
        held(ask(self.address, name.as_str(), kind.as_str()))
    }
}
