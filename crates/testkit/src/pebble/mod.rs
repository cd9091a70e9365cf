//! Pebble, the test certificate authority of the ACME protocol's authors, on free loopback ports.
//!
//! Its own API has a certificate that is made here; its issuing root is another one, new at each
//! start. It resolves names by [`Names`], so that any name can be ordered. It needs the Debian package
//! `pebble`; with `STOA_SKIP_PEBBLE` in the environment nothing is started, and tests that need it
//! pass without having tested anything.
//!
//! ```no_run
//! # use stoa_testkit::pebble::{Options, Pebble};
//! # let port = 5002;
//! let Some(pebble) = Pebble::start(Options { http_port: port, ..Options::default() }) else { return };
//! println!("{} {}", pebble.directory(), pebble.roots().display());
//! ```

mod names;
mod program;
mod wire;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use program::{end, is_skipped, spawn, wait};

use crate::port::free_port;

pub use names::Names;

/// How Pebble shall behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port of the names' addresses that it visits for HTTP-01.
    pub http_port: u16,
    /// The name server that it asks; without one the machine's own.
    pub dns: Option<SocketAddr>,
    /// Of 100 good nonces, so many are refused.
    pub nonce_reject: u8,
    /// Of 100 proofs that are still good, so many are taken again for a new order.
    pub authz_reuse: u8,
    /// Whether it believes every answer unseen.
    pub always_valid: bool,
    /// External accounts, as the key's name and the key in base64url; if there are any, a new
    /// account must be bound to one.
    pub external_accounts: Vec<(String, String)>,
    /// Domains for which it refuses orders.
    pub blocked: Vec<String>,
    /// How long its certificates are valid, in seconds; 0 for five years.
    pub lifetime: u32,
}

impl Default for Options {
    /// Well-behaved, and visiting port 5002.
    fn default() -> Self {
        Self {
            http_port: 5002,
            dns: None,
            nonce_reject: 0,
            authz_reuse: 0,
            always_valid: false,
            external_accounts: Vec::new(),
            blocked: Vec::new(),
            lifetime: 0,
        }
    }
}

/// A running Pebble; it ends when this is dropped.
pub struct Pebble {
    child: Child,
    folder: TempDir,
    api: SocketAddr,
    management: SocketAddr,
}

impl Pebble {
    /// Starts one and waits until it answers. None if `STOA_SKIP_PEBBLE` is set.
    ///
    /// # Panics
    /// If Pebble is not installed, or doesn't start.
    pub fn start(options: Options) -> Option<Self> {
        if is_skipped() {
            return None;
        }
        (0..5)
            .find_map(|_| Self::try_start(&options))
            .or_else(|| panic!("Pebble did not start five times; its last words are above"))
    }

    fn try_start(options: &Options) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (api, management) = (free_port(), free_port());
        write_certificates(folder.path());
        let config = folder.path().join("pebble.json");
        fs::write(&config, configuration(options, folder.path(), api, management))
            .expect("writing Pebble's configuration");
        let mut command = Command::new("pebble");
        command.arg("-config").arg(&config).arg("-strict=false");
        if let Some(dns) = options.dns {
            command.arg("-dnsserver").arg(dns.to_string());
        }
        command.env("PEBBLE_VA_NOSLEEP", "1");
        command.env("PEBBLE_WFE_NONCEREJECT", options.nonce_reject.to_string());
        command.env("PEBBLE_AUTHZREUSE", options.authz_reuse.to_string());
        if options.always_valid {
            command.env("PEBBLE_VA_ALWAYS_VALID", "1");
        }
        let child = spawn(&mut command, &folder.path().join("log"));
        let mut pebble = Self { child, folder, api, management };
        let ready = wait(&mut pebble.child, &[api, management]);
        if !ready {
            eprintln!("{}", pebble.log());
        }
        ready.then_some(pebble)
    }

    /// URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.api)
    }

    /// PEM file with the root of its API's own certificate.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// URL of its management interface.
    pub fn management(&self) -> String {
        format!("https://{}", self.management)
    }

    /// JSON about the certificate of this serial number (hexadecimal): its `Status` is `Valid` or `Revoked`.
    ///
    /// # Panics
    /// If it doesn't answer.
    pub fn certificate_status(&self, serial: &str) -> String {
        self.manage(&format!("/cert-status-by-serial/{serial}"))
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn manage(&self, path: &str) -> String {
        wire::get_tls(self.management, &self.roots(), path)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn configuration(options: &Options, folder: &Path, api: SocketAddr, management: SocketAddr) -> String {
    let keys: serde_json::Map<_, _> =
        options.external_accounts.iter().map(|(name, key)| (name.clone(), key.as_str().into())).collect();
    let config = serde_json::json!({ "pebble": {
        "listenAddress": api.to_string(),
        "managementListenAddress": management.to_string(),
        "certificate": folder.join("api.pem"),
        "privateKey": folder.join("api.key"),
        "httpPort": options.http_port,
        "tlsPort": 1,
        "externalAccountBindingRequired": !keys.is_empty(),
        "externalAccountMACKeys": keys,
        "domainBlocklist": options.blocked,
        "certificateValidityPeriod": options.lifetime,
    }});
    config.to_string()
}

/// A root, and a certificate of it for the API.
fn write_certificates(folder: &Path) {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::new(Vec::new()).expect("parameters");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).expect("a root").pem();
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).expect("parameters");
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&root, &root_key)).expect("a certificate");
    for (name, text) in [("root.pem", root_pem), ("api.pem", leaf.pem()), ("api.key", key.serialize_pem())] {
        fs::write(folder.join(name), text).expect("writing Pebble's certificates");
    }
}
