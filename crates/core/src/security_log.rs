//! `logs/security.log` in the data directory: the sealed entries of the audit trail as JSON lines, for log collectors,
//! and as a witness outside the database.
//!
//! The file is opened for each batch, so another program may rotate it at any time. Batches are appended, and the file
//! rotated, under a lock on `security.lock`: several processes on one machine don't mix their lines. A batch that was
//! written shortly before a crash may be there twice.

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::sleep,
    time::Duration,
};

use serde::Deserialize;

/// A file that would become larger is rotated.
const MAX_FILE_BYTES: u64 = 10 << 20;
/// Number of rotated files: `security.log.1` is the newest.
const ROTATED_FILES: u32 = 9;
/// How much of the file is read for its newest lines.
const NEWEST_BYTES: u64 = 256 << 10;
/// How long a batch waits for another process to finish its own.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The log file, and how writing it fares.
pub struct SecurityLog {
    folder: PathBuf,
    max_file_bytes: u64,
    failures: AtomicU64,
    is_failing: AtomicBool,
}

/// What a line says about the chain.
#[derive(Deserialize)]
struct Seal {
    position: i64,
    hash: String,
}

impl SecurityLog {
    /// The log in this data directory. Nothing is created until a line is written.
    pub fn new(data_dir: &Path) -> Self {
        let (failures, is_failing) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { folder: data_dir.join("logs"), max_file_bytes: MAX_FILE_BYTES, failures, is_failing }
    }

    /// Number of batches that could not be written since this process began.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Appends these lines, all or none as far as the disk permits. The first failure in a row is reported in the
    /// process's own log, and all are counted.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn append(&self, lines: &[String]) -> io::Result<()> {
        let written = self.try_append(lines);
        let path = self.path(0);
        match &written {
            Ok(()) if self.is_failing.swap(false, Ordering::Relaxed) => {
                tracing::info!(path = %path.display(), "the security log can be written again");
            }
            Ok(()) => {}
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(path = %path.display(), %error, "the security log can't be written; entries wait in the database");
                }
            }
        }
        written
    }

    fn try_append(&self, lines: &[String]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let _lock = self.lock()?;
        let mut batch = lines.join("\n");
        batch.push('\n');
        let mut file = self.open()?;
        let mut length = file.metadata()?.len();
        if length > 0 && length + batch.len() as u64 > self.max_file_bytes {
            drop(file);
            self.rotate()?;
            (file, length) = (self.open()?, 0);
        }
        if !ends_with_newline(&mut file, length)? {
            batch.insert(0, '\n');
        }
        let written = file.write_all(batch.as_bytes()).and_then(|()| file.sync_data());
        if written.is_err() {
            // Else half a line would stay.
            let _ = file.set_len(length);
        }
        written
    }

    /// Whether a line could be written now.
    ///
    /// # Errors
    /// Why not.
    pub fn is_writable(&self) -> io::Result<()> {
        match self.path(0).try_exists()? {
            true => self.open().map(drop),
            // It is created with the first line.
            false => Ok(()),
        }
    }

    /// The hashes of all entries in the files, by their position in the chain. If a position is there with different
    /// hashes, the older one counts: it was in the chain when it was written.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn hashes(&self) -> io::Result<HashMap<i64, [u8; 32]>> {
        let mut hashes = HashMap::new();
        for number in (0..=ROTATED_FILES).rev() {
            match File::open(self.path(number)) {
                Ok(file) => collect(BufReader::new(file), &mut hashes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(hashes)
    }

    /// The hashes of the newest entries only.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn newest_hashes(&self) -> io::Result<HashMap<i64, [u8; 32]>> {
        let mut file = match File::open(self.path(0)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
            file => file?,
        };
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(NEWEST_BYTES)))?;
        let mut hashes = HashMap::new();
        collect(BufReader::new(file), &mut hashes)?;
        Ok(hashes)
    }

    fn path(&self, number: u32) -> PathBuf {
        let name = if number == 0 { "security.log".to_owned() } else { format!("security.log.{number}") };
        self.folder.join(name)
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(self.path(0))
    }

    /// Waits for other processes; the lock ends with the file.
    fn lock(&self) -> io::Result<File> {
        let path = self.folder.join("security.lock");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        for _ in 0..LOCK_TIMEOUT.as_millis() / LOCK_POLL_INTERVAL.as_millis() {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => sleep(LOCK_POLL_INTERVAL),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds the lock security.lock"))
    }

    /// Moves each file to the next number; the last one is replaced.
    fn rotate(&self) -> io::Result<()> {
        for number in (0..ROTATED_FILES).rev() {
            match fs::rename(self.path(number), self.path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether the next line begins on a line of its own.
fn ends_with_newline(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Lines that are not whole, or not ours, are skipped.
fn collect(file: impl BufRead, hashes: &mut HashMap<i64, [u8; 32]>) -> io::Result<()> {
    for line in file.split(b'\n') {
        let Ok(seal) = serde_json::from_slice::<Seal>(&line?) else { continue };
        if let Some(hash) = hex::decode(seal.hash).ok().and_then(|hash| hash.try_into().ok()) {
            hashes.entry(seal.position).or_insert(hash);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
