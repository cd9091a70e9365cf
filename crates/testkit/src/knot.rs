//! A real name server: Knot DNS on a free loopback port, with its files in a temporary folder.
//!
//! It accepts updates signed with [`Knot::KEY`] and [`Knot::KEY_512`]; [`Knot::KEY_OF_OTHERS`] may change
//! nothing. It answers everybody, so that a certificate authority can query it too. It needs the Debian
//! packages `knot` and `knot-dnsutils`; tests that use it first call [`skipped`].

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::port::free_port;

/// How long a name server may take to start or to answer, on a busy machine.
pub const SERVER_TIMEOUT: Duration = Duration::from_secs(120);

/// A running server; dropping it ends it.
pub struct Knot {
    folder: TempDir,
    zone: String,
    address: SocketAddr,
    child: Option<Child>,
}

/// A TSIG key that the server knows.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Such as `hmac-sha256`.
    pub algorithm: &'static str,
    /// In base64.
    pub secret: &'static str,
}

impl Knot {
    /// May change addresses and texts in the zone.
    pub const KEY: Key =
        Key { name: "stoa", algorithm: "hmac-sha256", secret: "c3RvYSB0ZXN0IGtleSBvZiAzMiBieXRlcyBsZW5ndGg=" };

    /// May also change addresses and texts in the zone.
    pub const KEY_512: Key = Key {
        name: "stoa-512",
        algorithm: "hmac-sha512",
        secret: "c3RvYSB0ZXN0IGtleSBvZiA2NCBieXRlcyBsZW5ndGgsIGEgbG90IGxvbmdlciB0aGFuIDMyIG9uZXM=",
    };

    /// Known to the server, but without rights.
    pub const KEY_OF_OTHERS: Key =
        Key { name: "others", algorithm: "hmac-sha256", secret: "YW5vdGhlciBrZXksIHdpdGhvdXQgYW55IHJpZ2h0cyE=" };

    /// Starts one with a zone that has these additional records, lines as in a zone file. The zone
    /// `broken.{zone}` is configured but can't be loaded: the server answers SERVFAIL there.
    ///
    /// # Panics
    /// If Knot is not installed or does not start.
    pub fn start(zone: &str, records: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let soa = "@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n";
        let text = format!("$ORIGIN {zone}.\n$TTL 60\n{soa}{records}\n");
        fs::write(folder.path().join("zone"), text).expect("writing the zone");
        let address = free_port();
        fs::write(folder.path().join("knot.conf"), config(folder.path(), address, zone)).expect("writing knot.conf");
        let mut knot = Self { folder, zone: zone.to_owned(), address, child: None };
        knot.begin();
        knot
    }

    /// Its address, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again after [`Knot::stop`], with the same address and records.
    ///
    /// # Panics
    /// As [`Knot::start`].
    pub fn begin(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).expect("a log file");
        let mut command = Command::new("knotd");
        command.arg("--config").arg(self.folder.path().join("knot.conf")).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("knotd can't be started ({error}); install it with `apt-get install knot knot-dnsutils`, or set STOA_SKIP_KNOT=1")
        });
        self.child = Some(child);
        let begun = Instant::now();
        while self.held(&self.zone, "SOA").is_empty() {
            assert!(begun.elapsed() < SERVER_TIMEOUT, "knotd does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it; its zone is kept.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Its answer: see [`ask`].
    ///
    /// # Panics
    /// If `kdig` is not installed.
    pub fn held(&self, name: &str, kind: &str) -> Vec<(u32, String)> {
        ask(self.address, name, kind)
    }

    /// Changes the zone directly: lines of `knsupdate`, such as `add NAME TTL A 192.0.2.1`.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn update(&self, lines: &[String]) {
        update(self.address, &self.zone, lines);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether tests with a real name server are skipped.
pub fn skipped() -> bool {
    let skipped = std::env::var_os("STOA_SKIP_KNOT").is_some();
    if skipped {
        eprintln!("skipped: STOA_SKIP_KNOT is set");
    }
    skipped
}

/// A name server's answer: the time to live and the data of each record, as in zone files.
///
/// # Panics
/// If `kdig` is not installed.
pub fn ask(server: SocketAddr, name: &str, kind: &str) -> Vec<(u32, String)> {
    let mut command = Command::new("kdig");
    command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    command.args([name, kind, "+tcp", "+noall", "+answer", "+timeout=30", "+retry=0"]);
    let output = run(&mut command);
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter_map(|line| record(line, name, kind)).collect()
}

/// Changes a zone of a name server that knows [`Knot::KEY`]: lines of `knsupdate`.
///
/// # Panics
/// If the server refuses, or `knsupdate` is not installed.
pub fn update(server: SocketAddr, zone: &str, lines: &[String]) {
    let (ip, port, Key { name, algorithm, secret }) = (server.ip(), server.port(), Knot::KEY);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("update");
    let lines = lines.join("\n");
    let text = format!("server {ip} {port}\nzone {zone}.\nkey {algorithm}:{name} {secret}\n{lines}\nsend\n");
    fs::write(&script, text).expect("writing the update");
    let output = run(Command::new("knsupdate").arg(&script));
    assert!(output.status.success(), "{lines:?} was refused: {}", String::from_utf8_lossy(&output.stderr));
}

fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| {
        panic!(
            "{program} can't be run ({error}); install it with `apt-get install knot-dnsutils`, or set STOA_SKIP_KNOT=1"
        )
    })
}

/// Parses a line of `kdig`: name, time to live, class, kind, data.
fn record(line: &str, name: &str, kind: &str) -> Option<(u32, String)> {
    let mut fields = line.split_whitespace();
    let owner = fields.next()?.trim_end_matches('.');
    let ttl = fields.next()?.parse().ok()?;
    let data = line.split_once(&format!("{kind}\t"))?.1;
    (owner == name && fields.nth(1)? == kind).then(|| (ttl, data.to_owned()))
}

fn config(folder: &Path, address: SocketAddr, zone: &str) -> String {
    let folder = folder.display();
    let keys = [Knot::KEY, Knot::KEY_512, Knot::KEY_OF_OTHERS]
        .map(|key| format!("  - id: {}\n    algorithm: {}\n    secret: {}\n", key.name, key.algorithm, key.secret))
        .concat();
    let (one, two) = (Knot::KEY.name, Knot::KEY_512.name);
    format!(
        "server:\n  rundir: {folder}\n  listen: {}@{}\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n  storage: {folder}\n\
         key:\n{keys}\
         acl:\n  - id: stoa\n    key: [{one}, {two}]\n    action: update\n    update-type: [A, AAAA, TXT]\n\
         template:\n  - id: default\n    storage: {folder}\n\
         zone:\n  - domain: {zone}\n    file: zone\n    acl: stoa\n  - domain: broken.{zone}\n    file: missing\n",
        address.ip(),
        address.port(),
    )
}
