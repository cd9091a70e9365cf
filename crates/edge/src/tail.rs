//! Counts what sites have served from an access log that somebody else writes.
//!
//! How far each file was read is kept in a small file of its own, so that nothing is counted twice
//! or left out over a restart. A log file is known by its first line, which holds a request's random
//! id: so it is still the same file under another name (rotated by renaming), a copy of it is no new
//! one (rotated by copying and truncating), and a new one under the old name is.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use stoa_model::{id::SiteId, traffic::Traffic};

mod log_line;

pub(crate) use self::log_line::{LoggedRequest, parse_nginx_line, parse_traefik_line};

/// How far each file was read, in bytes, by the hash of its first line.
type Positions = BTreeMap<String, u64>;

/// After so many passes without a file it is forgotten. Before, it may come back: its directory may have
/// been away, or what is left of it may be a copy that is behind.
const MAX_PASSES_UNSEEN: u32 = 10_000;

/// Reads a line, if it is one of a site's requests.
type LineParser = fn(&[u8]) -> Option<LoggedRequest>;

/// A log, how far it was read, and what was counted.
pub(crate) struct Tail {
    log: PathBuf,
    position: PathBuf,
    reader: LineParser,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    positions: Positions,
    /// For how many passes a file has not been there.
    unseen: BTreeMap<String, u32>,
    counted: HashMap<SiteId, Traffic>,
}

impl State {
    /// Adds to what a pass has found what is known of files that were not there.
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
    /// Goes on where an earlier process has stopped. Where none has, it begins at the end: what is
    /// older may have been counted, and nobody is billed twice.
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

    /// As [`read`](Self::read), where it holds nobody up.
    pub(crate) async fn read_in_background(self: &Arc<Self>) -> io::Result<Vec<(SiteId, Traffic)>> {
        let tail = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || tail.read()).await;
        read.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// What every site has served since this process began, with all that was logged by now.
    pub(crate) fn read(&self) -> io::Result<Vec<(SiteId, Traffic)>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = HashMap::<SiteId, Traffic>::new();
        let mut positions = self.scan(&state.positions, |line| {
            if let Some(seen) = (self.reader)(line) {
                fresh.entry(seen.site).or_default().count(seen.status, seen.bytes_in, seen.bytes_out, seen.micros);
            }
        })?;
        state.keep_unseen(&mut positions);
        // IdleConnections first: if that fails, nothing was counted, and the next time reads the same again.
        if positions != state.positions {
            self.save_positions(&positions)?;
        }
        state.positions = positions;
        for (site, traffic) in fresh {
            state.counted.entry(site).or_default().add(&traffic);
        }
        Ok(state.counted.iter().map(|(site, traffic)| (*site, traffic.clone())).collect())
    }

    /// Hands every line to `each` that lies behind the positions; the new positions.
    fn scan(&self, positions: &Positions, mut each: impl FnMut(&[u8])) -> io::Result<Positions> {
        let mut next = Positions::new();
        for path in self.generations()? {
            match read_new_lines(&path, positions, &mut next, &mut each) {
                // Rotated away just now; its lines are found under its other name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(|error| doing("reading", &path, &error))?,
            }
        }
        Ok(next)
    }

    /// The log and its older generations, as far as they are readable text.
    fn generations(&self) -> io::Result<Vec<PathBuf>> {
        let (Some(directory), Some(name)) = (self.log.parent(), self.log.file_name().and_then(|name| name.to_str()))
        else {
            return Err(io::Error::other(format!("reading {}: it is no path of a file", self.log.display())));
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
        let mut aside = self.position.clone().into_os_string();
        aside.push(".part");
        let write = || {
            fs::create_dir_all(self.position.parent().unwrap_or(Path::new(".")))?;
            fs::write(&aside, serde_json::to_vec(positions)?)?;
            fs::rename(&aside, &self.position)
        };
        write().map_err(|error| doing("writing", &self.position, &error))
    }
}

/// Hands the lines of one file to `each`, from where it was read to, and notes how far that is now.
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
    let identity = hex(&Sha256::digest(&line)[..16]);
    let mut offset = next.get(&identity).or_else(|| known.get(&identity)).copied().unwrap_or(0);
    if offset > file.get_ref().metadata()?.len() {
        // A copy that was made before the file grew: read already, and to be known when the file is gone.
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn doing(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
