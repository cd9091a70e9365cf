//! An upstream that records every request and answers with its head.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::io::AsyncReadExt;

use crate::support::{Raw, field, upstream};

/// What an upstream has received so far.
#[derive(Clone)]
pub struct Recorder {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// The heads of the whole requests.
    heads: Vec<String>,
    /// Violations: what no edge may send.
    faults: Vec<String>,
}

impl Recorder {
    pub async fn start() -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let there = Arc::clone(&seen);
        let address = upstream(move |mut raw, _| {
            let seen = Arc::clone(&there);
            async move {
                while let Some(head) = raw.head().await {
                    match body(&mut raw, &head).await {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(fault) => return seen.lock().unwrap().faults.push(format!("{fault}: {head:?}")),
                    }
                    seen.lock().unwrap().heads.push(head.clone());
                    raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len())).await;
                }
                if !raw.buf.is_empty() {
                    let rest = String::from_utf8_lossy(&raw.buf).into_owned();
                    seen.lock().unwrap().faults.push(format!("half a head: {rest:?}"));
                }
            }
        })
        .await;
        Self { address, seen }
    }

    /// The whole requests in which this word occurs.
    pub fn requests_with(&self, word: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let attack = |head: &&String| head.contains(word) && !head.contains("/innocent-");
        seen.heads.iter().filter(attack).cloned().collect()
    }

    /// Forgets what was seen so far.
    #[allow(dead_code, reason = "only fuzz/fuzz_targets/request.rs runs for that long")]
    pub fn forget(&self) {
        self.seen.lock().unwrap().heads.clear();
    }

    pub fn assert_clean(&self) {
        let seen = self.seen.lock().unwrap();
        assert!(seen.faults.is_empty(), "the upstream got {:?}", seen.faults);
    }
}

/// Takes the body, and returns whether it was complete.
async fn body(raw: &mut Raw, head: &str) -> Result<bool, &'static str> {
    let count = |name: &str| {
        let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).count()
    };
    if head.replace("\r\n", "").contains(['\r', '\n', '\0']) || head.contains("\r\n ") || head.contains("\r\n\t") {
        return Err("a stray line end");
    }
    if count("host") != 1 || count("content-length") + count("transfer-encoding") > 1 {
        return Err("two framings, or not one host");
    }
    if let Some(coding) = field(head, "transfer-encoding") {
        return if coding == "chunked" { chunks(raw).await } else { Err("an unknown coding") };
    }
    let length = field(head, "content-length").map_or(Ok(0), str::parse).map_err(|_| "a length that is no number")?;
    take(raw, length).await
}

async fn chunks(raw: &mut Raw) -> Result<bool, &'static str> {
    loop {
        let Some(size) = line(raw).await else { return Ok(false) };
        let size = usize::from_str_radix(&size, 16).map_err(|_| "a chunk's size that is no number")?;
        if size == 0 {
            break;
        }
        if !take(raw, size).await? {
            return Ok(false);
        }
        match line(raw).await.as_deref() {
            Some("") => {}
            Some(_) => return Err("a chunk longer than it says"),
            None => return Ok(false),
        }
    }
    loop {
        match line(raw).await.as_deref() {
            Some("") => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
    }
}

async fn line(raw: &mut Raw) -> Option<String> {
    loop {
        if let Some(end) = raw.buf.windows(2).position(|window| window == b"\r\n") {
            let line: Vec<u8> = raw.buf.drain(..end + 2).take(end).collect();
            return Some(String::from_utf8_lossy(&line).into_owned());
        }
        if raw.stream.read_buf(&mut raw.buf).await.ok()? == 0 {
            return None;
        }
    }
}

async fn take(raw: &mut Raw, length: usize) -> Result<bool, &'static str> {
    while raw.buf.len() < length {
        if raw.stream.read_buf(&mut raw.buf).await.unwrap_or(0) == 0 {
            raw.buf.clear();
            return Ok(false);
        }
    }
    raw.buf.drain(..length);
    Ok(true)
}
