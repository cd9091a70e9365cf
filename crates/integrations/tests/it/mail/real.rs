//! A real server (aiosmtpd, Debian package python3-aiosmtpd) with TLS and a login.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use stoa_integrations::mail::{Failure, Mailer, Security};
use tempfile::TempDir;

use super::{email, mailer};
use crate::port::free_port;

/// A running server; dropping it ends it.
struct Aiosmtpd {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Aiosmtpd {
    /// Starts one whose certificate is for `name`; `None` if these tests are skipped.
    fn start(mode: &str, name: &str) -> Option<Self> {
        if std::env::var_os("STOA_SKIP_AIOSMTPD").is_some() {
            eprintln!("skipped: STOA_SKIP_AIOSMTPD is set");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        write_certificate(&folder, name);
        fs::create_dir(path("mails")).expect("a folder");
        let port = free_port().port();
        let mut command = Command::new("/usr/bin/python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mail/server.py")).arg(port.to_string()).arg(mode);
        // It warns of what is wanted here.
        command.args([path("leaf.pem"), path("leaf.key"), path("mails")]).stdin(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("python3");
        let mut server = Self { folder, port, child };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("a status");
            assert!(
                ended.is_none() && begun.elapsed() < Duration::from_secs(60),
                "aiosmtpd does not answer; install it with `apt-get install python3-aiosmtpd`, or set STOA_SKIP_AIOSMTPD=1"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn mailer(&self, security: Security, password: &str) -> Mailer {
        mailer(self.port, security, Some(self.folder.path().join("root.pem")), Some(("stoa", password)))
    }

    fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path().join("mails")).expect("a folder");
        files.map(|file| fs::read_to_string(file.expect("a file").path()).expect("a message")).collect()
    }
}

impl Drop for Aiosmtpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for `name`, and the root that it is from.
fn write_certificate(folder: &TempDir, name: &str) {
    let mut root = CertificateParams::new(Vec::new()).expect("no names");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (root_key, leaf_key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let leaf = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&leaf_key, &Issuer::from_params(&root, &root_key)).expect("a certificate");
    let write = |name: &str, pem: String| fs::write(folder.path().join(name), pem).expect("a file");
    write("root.pem", root.self_signed(&root_key).expect("a root").pem());
    write("leaf.pem", leaf.pem());
    write("leaf.key", leaf_key.serialize_pem());
}

#[tokio::test]
async fn an_email_arrives_over_tls_and_over_starttls() {
    for (mode, security) in [("tls", Security::Tls), ("starttls", Security::StartTls)] {
        let Some(server) = Aiosmtpd::start(mode, "localhost") else { return };
        let mut steps = Vec::new();
        let sent = server.mailer(security, "right").send_in_steps(&email("jane@example.com"), &mut steps).await;
        assert_eq!(sent.expect("sent"), "250 2.0.0 Ok: queued as 0");
        let has = |text: &str| steps.iter().any(|step| step.contains(text));
        assert!(has("certificate is valid for localhost") && has("Logged in as stoa"), "{steps:?}");
        let mail = server.mails().remove(0);
        assert!(mail.contains("To: jane@example.com\r\n"), "{mail}");
        assert!(mail.contains("\r\n\r\nHi,"), "{mail}");

        let error = server.mailer(security, "right").send(&email("nobody@example.com")).await.expect_err("refused");
        assert_eq!(error.failure(), Failure::BadRecipient, "{error}");
        let error = server.mailer(security, "wrong").send(&email("jane@example.com")).await.expect_err("refused");
        assert!(error.to_string().contains("at the login: 535 5.7.8"), "{error}");
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_or_from_an_unknown_root_is_refused() {
    for (mode, security) in [("tls", Security::Tls), ("starttls", Security::StartTls)] {
        let Some(server) = Aiosmtpd::start(mode, "mail.example.com") else { return };
        let error = server.mailer(security, "right").send(&email("jane@example.com")).await.expect_err("another name");
        assert!(error.to_string().contains("not valid for name"), "{error}");
        assert_eq!(error.failure(), Failure::Temporary);

        let Some(server) = Aiosmtpd::start(mode, "localhost") else { return };
        let unknown = mailer(server.port, security, None, None);
        let error = unknown.send(&email("jane@example.com")).await.expect_err("an unknown root");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        assert!(server.mails().is_empty());
    }
}
