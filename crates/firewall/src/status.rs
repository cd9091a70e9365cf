//! What the keeper found, for everybody who must know: the doctor, metrics, people.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_util::atomic_file::{self, Durability};

/// Older than this, nobody keeps the firewall.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What the keeper found when it looked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When it looked.
    pub checked_at: Timestamp,
    /// Why a rule is missing that could not be put back; none: everything is in force.
    pub problem: Option<String>,
    /// How often something was missing since the keeper started.
    pub repairs: u64,
    /// The last time, and what was missing.
    pub last_repair: Option<Repair>,
    /// The keeper's process.
    pub pid: u32,
}

/// A repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// When.
    pub at: Timestamp,
    /// What was missing.
    pub missing: String,
}

/// Whether the firewall is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Everything is in force.
    InForce(Status),
    /// Something is missing and could not be put back.
    Broken(Status),
    /// A keeper ran, but has not looked for a minute.
    Stale(Status),
    /// No keeper has run since the machine started.
    Unknown,
}

impl Status {
    /// That something was missing, and what last; `None` if nothing was.
    pub fn restored(&self) -> Option<String> {
        let last = self.last_repair.as_ref()?;
        Some(format!("restored {} times, last at {:.0}: {}", self.repairs, last.at, last.missing))
    }

    fn file(directory: &Path) -> PathBuf {
        directory.join("status.json")
    }

    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        atomic_file::write(&Self::file(directory), &text, 0o644, Durability::Cached)
    }
}

impl Condition {
    /// Whether everything is in force, as far as somebody looks.
    pub const fn is_in_force(&self) -> bool {
        matches!(self, Self::InForce(_))
    }

    /// It in words.
    pub fn sentence(&self) -> String {
        match self {
            Self::InForce(status) => format!("in force, as process {} saw at {:.0}", status.pid, status.checked_at),
            Self::Broken(status) => format!("not in force: {}", status.problem.as_deref().unwrap_or_default()),
            Self::Stale(status) => format!("nobody has kept it since {:.0}", status.checked_at),
            Self::Unknown => "nobody keeps it".to_owned(),
        }
    }

    /// What the keeper that uses this directory found.
    pub fn read(directory: &Path, now: Timestamp) -> Self {
        let text = fs::read(Status::file(directory)).ok();
        let Some(status) = text.and_then(|text| serde_json::from_slice::<Status>(&text).ok()) else {
            return Self::Unknown;
        };
        if now.duration_since(status.checked_at).unsigned_abs() > MAX_AGE {
            Self::Stale(status)
        } else if status.problem.is_some() {
            Self::Broken(status)
        } else {
            Self::InForce(status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_counts_for_a_minute() {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        assert_eq!(Condition::read(directory.path(), now), Condition::Unknown);
        let mut status = Status { checked_at: now, problem: None, repairs: 0, last_repair: None, pid: 1 };
        status.write(directory.path()).unwrap();
        assert_eq!(Condition::read(directory.path(), now), Condition::InForce(status.clone()));
        let later = now + Duration::from_secs(61);
        assert_eq!(Condition::read(directory.path(), later), Condition::Stale(status.clone()));
        status.problem = Some("nft is not there".into());
        status.write(directory.path()).unwrap();
        assert_eq!(Condition::read(directory.path(), now), Condition::Broken(status));
    }
}
