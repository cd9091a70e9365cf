//! The name server of Pebble's package, `pebble-challtestsrv`: every name has the address 127.0.0.1,
//! until a test says otherwise.

use std::{
    net::SocketAddr,
    process::{Child, Command},
};

use tempfile::TempDir;

use super::{
    program::{end, is_skipped, spawn, wait},
    wire,
};
use crate::port::free_port;

/// A running name server; it ends when this is dropped.
pub struct Names {
    child: Child,
    _folder: TempDir,
    dns: SocketAddr,
    management: SocketAddr,
}

impl Names {
    /// Starts one and waits until it answers. None if `STOA_SKIP_PEBBLE` is set.
    ///
    /// # Panics
    /// If it is not installed, or doesn't start.
    pub fn start() -> Option<Self> {
        if is_skipped() {
            return None;
        }
        let started = (0..5).find_map(|_| Self::try_start());
        Some(started.expect("pebble-challtestsrv did not start five times"))
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (dns, management) = (free_port(), free_port());
        let mut command = Command::new("pebble-challtestsrv");
        command.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        command.arg("-dns01").arg(dns.to_string()).arg("-management").arg(management.to_string());
        let mut child = spawn(&mut command, &folder.path().join("log"));
        let ready = wait(&mut child, &[dns, management]);
        let names = Self { child, _folder: folder, dns, management };
        ready.then_some(names)
    }

    /// Where it listens, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.dns
    }

    /// Adds a text record. `name` is the whole name, as `_acme-challenge.shop.example`.
    pub fn add_text(&self, name: &str, value: &str) {
        self.tell("/set-txt", serde_json::json!({ "host": format!("{name}."), "value": value }));
    }

    /// Removes all text records of a name.
    pub fn clear_text(&self, name: &str) {
        self.tell("/clear-txt", serde_json::json!({ "host": format!("{name}.") }));
    }

    /// Gives a name these IPv4 addresses instead of 127.0.0.1 or those that it had.
    pub fn set_addresses(&self, name: &str, addresses: &[&str]) {
        self.tell("/clear-a", serde_json::json!({ "host": format!("{name}.") }));
        self.tell("/add-a", serde_json::json!({ "host": format!("{name}."), "addresses": addresses }));
    }

    /// Fails at all questions for a name.
    pub fn fail(&self, name: &str) {
        self.tell("/set-servfail", serde_json::json!({ "host": format!("{name}.") }));
    }

    fn tell(&self, path: &str, body: serde_json::Value) {
        wire::post(self.management, path, &body.to_string());
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
