//! Counts what sites have served from the access log of another program.
//!
//! The position up to which each file was read is kept in a small file, so that a restart neither counts
//! twice nor leaves anything out. A log file is identified by its first line, which contains a request's
//! random id: renaming it (rotation by renaming) keeps its identity, a copy has the same one (rotation by
//! copying and truncating), and a new file under the old name has another.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use stoa_model::{id::SiteId, traffic::Traffic};
use stoa_util::atomic_file::{self, Durability};

mod log_line;

pub(crate) use self::log_line::{LoggedRequest, parse_nginx_line, parse_traefik_line};

/// How far each file was read, in bytes, by the hash of its first line.
type Positions = BTreeMap<String, u64>;

/// After so many passes without it, a file is forgotten. Until then it may come back: its directory may
/// have been unmounted, or only a copy that is behind may be left of it.
const MAX_PASSES_UNSEEN: u32 = 10_000;

/// Parses a line, if it is one of a site's requests.
type LineParser = fn(&[u8]) -> Option<LoggedRequest>;

/// A log, the positions in it, and what was counted.
pub(crate) struct Tail {
    log: PathBuf,
    position: PathBuf,
    reader: LineParser,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    positions: Positions,
    /// For how many passes each file has been missing.
    unseen: BTreeMap<String, u32>,
    counted: HashMap<SiteId, Traffic>,
}

impl State {
    /// Adds the positions of missing files to those that a pass has found.
    fn keep_unseen(&mut self, found: &mut Positions) {
        self.unseen.retain(|file, _| !found.contains_key(file));
        for (file, position) in &self.positions {
            if found.contains_key(file) {
                continue;
            }
            let passes = self.unseen.entry(file.clone()).or_default();
            *passes += 1;
            if *passes < MAX_PASSES_UNSEEN {
                found.insert(file.clone(), *position);
            }
        }
        self.unseen.retain(|file, _| found.contains_key(file));
    }
}

impl Tail {
    /// Continues where an earlier process stopped. Without a position it begins at the end: older lines may
    /// have been counted, and nobody is billed twice.
    pub(crate) fn open(log: PathBuf, position: PathBuf, reader: LineParser) -> io::Result<Self> {
        let kept = fs::read(&position).ok().and_then(|text| serde_json::from_slice::<Positions>(&text).ok());
        let fresh = kept.is_none();
        let state = State { positions: kept.unwrap_or_default(), ..State::default() };
        let tail = Self { log, position, reader, state: Mutex::new(state) };
        if fresh {
            let mut state = tail.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.positions = tail.scan(&Positions::new(), |_| {})?;
            tail.save_positions(&state.positions)?;
            drop(state);
        }
        Ok(tail)
    }

    /// As [`read`](Self::read), on a thread that may block.
    pub(crate) async fn read_in_background(self: &Arc<Self>) -> io::Result<Vec<(SiteId, Traffic)>> {
        let tail = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || tail.read()).await;
        read.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// What every site has served since this process began, up to what is logged now.
    pub(crate) fn read(&self) -> io::Result<Vec<(SiteId, Traffic)>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = HashMap::<SiteId, Traffic>::new();
        let mut positions = self.scan(&state.positions, |line| {
            if let Some(seen) = (self.reader)(line) {
                fresh.entry(seen.site).or_default().count(seen.status, seen.bytes_in, seen.bytes_out, seen.micros);
            }
        })?;
        state.keep_unseen(&mut positions);
        // Kept first: if that fails, nothing was counted, and the next time reads the same again.
        if positions != state.positions {
            self.save_positions(&positions)?;
        }
        state.positions = positions;
        for (site, traffic) in fresh {
            state.counted.entry(site).or_default().add(&traffic);
        }
        Ok(state.counted.iter().map(|(site, traffic)| (*site, traffic.clone())).collect())
    }

    /// Passes every line after the positions to `each`, and returns the new positions.
    fn scan(&self, positions: &Positions, mut each: impl FnMut(&[u8])) -> io::Result<Positions> {
        let mut next = Positions::new();
        for path in self.generations()? {
            match read_new_lines(&path, positions, &mut next, &mut each) {
                // It was rotated just now; its lines are found under its other name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(|error| doing("reading", &path, &error))?,
            }
        }
        Ok(next)
    }

    /// The log and its older generations that are not compressed.
    fn generations(&self) -> io::Result<Vec<PathBuf>> {
        let (Some(directory), Some(name)) = (self.log.parent(), self.log.file_name().and_then(|name| name.to_str()))
        else {
            return Err(io::Error::other(format!("reading {}: it is not the path of a file", self.log.display())));
        };
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| doing("listing", directory, &error))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| doing("listing", directory, &error))?.path();
            let rest = path.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
            if rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))) {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    fn save_positions(&self, positions: &Positions) -> io::Result<()> {
        let write = || {
            fs::create_dir_all(self.position.parent().unwrap_or(Path::new(".")))?;
            atomic_file::write(&self.position, &serde_json::to_vec(positions)?, 0o644, Durability::Cached)
        };
        write().map_err(|error| doing("writing", &self.position, &error))
    }
}

/// Passes the new lines of one file to `each`, and notes the new position.
fn read_new_lines(
    path: &Path,
    known: &Positions,
    next: &mut Positions,
    each: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Ok(());
    }
    let identity = hex::encode(&Sha256::digest(&line)[..16]);
    let mut offset = next.get(&identity).or_else(|| known.get(&identity)).copied().unwrap_or(0);
    if offset > file.get_ref().metadata()?.len() {
        // A copy that was made before the file grew: it was read already, and must stay known.
        next.insert(identity, offset);
        return Ok(());
    }
    file.seek(SeekFrom::Start(offset))?;
    loop {
        line.clear();
        let read = file.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        each(&line);
        offset += read as u64;
    }
    next.insert(identity, offset);
    Ok(())
}

fn doing(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
