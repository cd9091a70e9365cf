//! A double of Stripe, as a process of its own (`crates/testkit/stripe/double.py`): its API, hosted pages, events and clock.
//! It ends with the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use stoa_billing::StripeAccount;
use stoa_integrations::stripe::{Stripe, StripeConfig};

/// The secret that its webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_double";
const KEY: &str = "sk_test_double";

/// A running double.
pub struct StripeDouble {
    child: Child,
    address: String,
}

impl Drop for StripeDouble {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl StripeDouble {
    /// Starts one whose clock shows this time.
    ///
    /// # Panics
    /// If Python is missing.
    pub fn start(now: Timestamp) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("stripe/double.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(["--key", KEY])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its address");
        let address = line.trim().trim_start_matches("http://").to_owned();
        let double = Self { child, address };
        double.control("advance", &json!({ "to": now.as_second() }));
        double
    }

    /// The account of an operator who uses it.
    ///
    /// # Panics
    /// Never: the key is well formed.
    pub fn account(&self) -> StripeAccount {
        let config = StripeConfig { secret_key: KEY.to_owned().into(), api_url: format!("http://{}", self.address) };
        let client = Stripe::new(&config).expect("a client");
        StripeAccount { client, webhook_secrets: vec![WEBHOOK_SECRET.to_owned().into()] }
    }

    /// Changes or asks it; `double.py` lists what it understands.
    ///
    /// # Panics
    /// If it refuses.
    pub fn control(&self, name: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).expect("the double answers");
        let head = format!(
            "POST /_double/{name} HTTP/1.1\r\nHost: double\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a response");
        assert!(head.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        serde_json::from_str(body).expect("JSON")
    }

    /// All its objects of a kind, such as `subscription`, the oldest first.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let all = self.control("objects", &json!({ "object": kind }));
        all.as_array().cloned().unwrap_or_default()
    }

    /// All events so far, the oldest first.
    pub fn events(&self) -> Vec<Value> {
        self.objects("event")
    }

    /// The calls of a method and path so far.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        let all = self.control("calls", &json!({}));
        let is_one = |call: &&Value| call["method"] == method && call["path"] == path;
        all.as_array().map_or(0, |all| all.iter().filter(is_one).count())
    }
}

/// An event as Stripe sends it: the header with the signature, and the body.
///
/// # Panics
/// Never: any text is a key.
pub fn signed(event: &Value, now: Timestamp) -> (String, Vec<u8>) {
    let body = serde_json::to_vec_pretty(event).expect("JSON");
    let at = now.as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("a key");
    mac.update(format!("{at}.").as_bytes());
    mac.update(&body);
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("t={at},v1={signature}"), body)
}
