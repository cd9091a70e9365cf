//! The access log: one JSON object a line.
//!
//! Requests never wait for the disk. Entries go through a bounded queue to one thread that formats and
//! writes them; when the queue is full they are dropped and counted. The path is logged without its query,
//! which may contain tokens.
//!
//! `tracing-appender` is not used because it rotates by time only; crates that rotate by size lack the
//! queue that drops and counts, and formatting on the request's thread would cost latency.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, BufWriter, Write},
    net::IpAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use http::Method;
use jiff::Timestamp;
use serde_json::json;
use stoa_model::id::SiteId;
use tokio::sync::mpsc;

use crate::{config::LogConfig, stats::RequestOutcome};

/// One request.
#[derive(Debug)]
pub(crate) struct LogEntry {
    /// When its head was read.
    pub(crate) time: SystemTime,
    pub(crate) site: Option<SiteId>,
    pub(crate) host: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) client: IpAddr,
    pub(crate) served: RequestOutcome,
}

impl LogEntry {
    fn write_to(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let time = Timestamp::try_from(self.time).unwrap_or_default();
        // What a site's visitors ask for is the site's; without a site, it is the portal's.
        let path = if self.site.is_some() { &self.path } else { stoa_util::path_for_log(&self.path) };
        let line = json!({
            "time": format_args!("{time:.3}").to_string(),
            "site": self.site,
            "host": self.host,
            "method": self.method.as_str(),
            "path": path,
            "status": self.served.status,
            "bytes_in": self.served.bytes_in,
            "bytes_out": self.served.bytes_out,
            "ms": self.served.took.as_micros() as f64 / 1000.0,
            "client": self.client,
        });
        serde_json::to_writer(&mut *out, &line)?;
        out.push(b'\n');
        Ok(())
    }
}

/// Longer paths are cut: thousands of entries may wait for the disk, and visitors must not decide how much
/// memory they take.
const MAX_PATH_BYTES: usize = 2048;

/// A path as it is logged.
pub(crate) fn shorten_path(path: &str) -> String {
    let end = path.floor_char_boundary(MAX_PATH_BYTES);
    let mut text = path[..end].to_owned();
    if end < path.len() {
        text.push('…');
    }
    text
}

/// The sending end of the log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    queue: mpsc::Sender<Box<LogEntry>>,
    dropped: AtomicU64,
}

impl AccessLog {
    /// Opens the file and starts the thread that writes it, which ends when this is dropped.
    pub(crate) fn open(config: &LogConfig) -> io::Result<Self> {
        let (queue, lines) = mpsc::channel(config.queue.max(1));
        let writer = LogWriter::open(config.clone())?;
        std::thread::Builder::new().name("edge-log".into()).spawn(move || writer.run(lines))?;
        Ok(Self { queue, dropped: AtomicU64::new(0) })
    }

    pub(crate) fn write(&self, line: Box<LogEntry>) {
        if self.queue.try_send(line).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// The thread's end: a file that is rotated when it is full.
struct LogWriter {
    config: LogConfig,
    file: BufWriter<File>,
    size: u64,
}

/// Permissions of log files: for their owner, and for the group of whoever reads logs.
const LOG_MODE: u32 = 0o640;

impl LogWriter {
    fn open(config: LogConfig) -> io::Result<Self> {
        // Addresses of visitors are nobody's business but the operator's, also in a log that an earlier release opened.
        let file = OpenOptions::new().create(true).append(true).mode(LOG_MODE).open(&config.path)?;
        file.set_permissions(Permissions::from_mode(LOG_MODE))?;
        let size = file.metadata()?.len();
        Ok(Self { config, file: BufWriter::new(file), size })
    }

    fn run(mut self, mut lines: mpsc::Receiver<Box<LogEntry>>) {
        let (mut text, mut failing) = (Vec::new(), false);
        while let Some(line) = lines.blocking_recv() {
            text.clear();
            let written = line.write_to(&mut text).and_then(|()| self.append(&text));
            let flush = lines.is_empty();
            let written = if flush { written.and_then(|()| self.file.flush()) } else { written };
            match written {
                Ok(()) => failing &= !flush,
                // Reported once, not per request: the platform's own log may be on the same full disk.
                Err(error) if !failing => {
                    tracing::error!(path = %self.config.path.display(), %error, "writing the access log; check the disk and the folder's owner");
                    failing = true;
                }
                Err(_) => {}
            }
        }
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if self.size >= self.config.rotate_at {
            self.rotate()?;
        }
        self.size += text.len() as u64;
        self.file.write_all(text)
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        // If the file was removed, or an earlier attempt could not open a new one, the older generations
        // stay as they are.
        if self.config.path.exists() {
            self.shift_generations()?;
        }
        let fresh = Self::open(self.config.clone())?;
        (self.file, self.size) = (fresh.file, fresh.size);
        Ok(())
    }

    /// `log.1` becomes `log.2`, `log` becomes `log.1`, the oldest is overwritten.
    fn shift_generations(&self) -> io::Result<()> {
        for number in (1..self.config.keep).rev() {
            let older = self.generation_path(number);
            if older.exists() {
                std::fs::rename(older, self.generation_path(number + 1))?;
            }
        }
        if self.config.keep > 0 {
            std::fs::rename(&self.config.path, self.generation_path(1))
        } else {
            std::fs::remove_file(&self.config.path)
        }
    }

    fn generation_path(&self, number: u32) -> PathBuf {
        let mut path = self.config.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}
