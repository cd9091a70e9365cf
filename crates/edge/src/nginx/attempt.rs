//! Brings a set of files to nginx, and finds out whose fault it is if nginx refuses them.
//!
//! A refused set is taken back at once, as a whole, so that a restart of nginx finds what has worked
//! before; only then is the guilty file looked for. What nginx names in its complaint is believed
//! first; where it names nothing, halves of the changed files are tried. The guilty file gives way to
//! the former one, or to none if that is wrong by now (`former`) or refused too, and the rest is tried
//! again. If it names a certificate, all is written anew without that.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use stoa_model::id::CertificateId;

use super::{
    config::Settings,
    disk::{ConfigFile, Disk, Undo},
    file_name::FileName,
    former::stand_in,
    program::{self, About, ProgramError},
};

/// Files by their names.
pub(crate) type ConfigFiles = BTreeMap<FileName, ConfigFile>;

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// nginx, and no site of ours is to blame.
    #[error("{0}")]
    Refused(String),
    /// nginx, because of a certificate of the table.
    #[error("nginx does not load the certificate {0}. It says: {1}")]
    Certificate(CertificateId, String),
}

/// After so many refusals it is no matter of single sites any more; each takes a test of everything.
const MAX_REFUSALS: usize = 32;

/// The files that were refused, with what nginx said of each.
pub(crate) type Refused = BTreeMap<FileName, String>;

/// What an attempt needs to know.
pub(crate) struct Attempt<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) disk: Arc<Disk>,
    /// What lay on the disk before.
    pub(crate) present: Arc<ConfigFiles>,
    /// The certificates that the wanted files are written with, and could be written without.
    pub(crate) certificates: BTreeSet<CertificateId>,
    /// Whether files are written also if they are as wanted.
    pub(crate) anew: bool,
}

impl Attempt<'_> {
    /// Writes the wanted files and lets nginx test them, until it accepts what is left of them.
    /// Changes `wanted` to what was accepted.
    pub(crate) async fn run(&self, wanted: &mut ConfigFiles) -> Result<Refused, Failure> {
        let mut refused = Refused::new();
        for _ in 0..MAX_REFUSALS {
            let (complaint, undo) = match self.write_and_test(wanted).await? {
                Ok(()) => return Ok(refused),
                Err(refusal) => refusal,
            };
            self.restore(undo).await?;
            for name in self.guilty(wanted, &complaint).await? {
                self.give_way(name, wanted).ok_or_else(|| blame_nobody(&complaint))?;
                refused.entry(name).or_insert_with(|| complaint.clone());
            }
        }
        let first = refused.into_values().next().unwrap_or_default();
        Err(Failure::Refused(format!("nginx refuses more than {MAX_REFUSALS} sites, of one of which it says: {first}")))
    }

    /// Puts what may stand in for it in the place of a refused file; if that is what was refused, takes
    /// it out of what is enabled. `None` if both were done before.
    fn give_way(&self, name: FileName, wanted: &mut ConfigFiles) -> Option<()> {
        let now = wanted.get(&name)?;
        let former = self.present.get(&name);
        let next = match former {
            Some(former) if former == now => ConfigFile { link: None, ..former.clone() },
            _ => stand_in(name, former, now),
        };
        if *now == next {
            return None;
        }
        wanted.insert(name, next);
        Some(())
    }

    /// The files that this complaint is about; at least one.
    async fn guilty(&self, wanted: &ConfigFiles, complaint: &str) -> Result<Vec<FileName>, Failure> {
        let guilty: Vec<FileName> = match program::about(complaint) {
            About::File(name) if name.may_be_refused() => vec![name],
            About::Certificate(id) if self.certificates.contains(&id) => {
                return Err(Failure::Certificate(id, complaint.to_owned()));
            }
            // A former file shows it.
            About::Certificate(id) => showing(wanted, id),
            About::Foreign(place) => {
                return Err(Failure::Refused(format!(
                    "nginx refuses its configuration because of {place}, which is not stoa's: mend or remove it. It says: {complaint}"
                )));
            }
            About::File(_) => return Err(blame_nobody(complaint)),
            About::Unknown => self.bisect(wanted, complaint).await?,
        };
        if guilty.is_empty() { Err(blame_nobody(complaint)) } else { Ok(guilty) }
    }

    /// Tries halves of the changed files until those are found that nginx refuses.
    async fn bisect(&self, wanted: &ConfigFiles, complaint: &str) -> Result<Vec<FileName>, Failure> {
        let changed: Vec<FileName> = wanted.keys().copied().filter(|name| name.may_be_refused()).collect();
        let changed: Vec<FileName> =
            changed.into_iter().filter(|name| self.present.get(name) != wanted.get(name)).collect();
        if !self.accepts(wanted, &changed, &[]).await? {
            return Err(blame_nobody(complaint));
        }
        let (mut guilty, mut rest) = (Vec::new(), vec![changed.as_slice()]);
        while let Some(some) = rest.pop() {
            if some.is_empty() || self.accepts(wanted, &changed, some).await? {
                continue;
            }
            match some {
                [one] => guilty.push(*one),
                more => {
                    let (left, right) = more.split_at(more.len() / 2);
                    rest.extend([left, right]);
                }
            }
        }
        Ok(guilty)
    }

    /// Whether nginx accepts the wanted files if, of the changed ones, only these are changed.
    async fn accepts(&self, wanted: &ConfigFiles, changed: &[FileName], these: &[FileName]) -> Result<bool, Failure> {
        let mut some = wanted.clone();
        let these: BTreeSet<&FileName> = these.iter().collect();
        for name in changed.iter().filter(|name| !these.contains(name)) {
            some.insert(*name, self.present.get(name).cloned().unwrap_or_default());
        }
        match self.write_and_test(&some).await? {
            Ok(()) => {
                // Accepted is not wanted: this was only a question. What lay there is put back.
                let back = self.differing(&some, &self.present);
                self.write(some, back).await?;
                Ok(true)
            }
            Err((_, undo)) => {
                self.restore(undo).await?;
                Ok(false)
            }
        }
    }

    /// Writes, and asks nginx. The inner error is what nginx said, and the way back.
    async fn write_and_test(&self, wanted: &ConfigFiles) -> Result<Result<(), (String, Undo)>, Failure> {
        let changes = self.changes(wanted);
        let undo = self.write((*self.present).clone(), changes).await?;
        let config = &self.settings.config;
        match program::run(&config.test, config.deadline).await {
            Ok(()) => Ok(Ok(())),
            Err(ProgramError::Failed(complaint)) => Ok(Err((complaint, undo))),
            Err(ProgramError::NotRun(why)) => {
                self.restore(undo).await?;
                Err(Failure::Refused(format!("testing the configuration: {why}")))
            }
        }
    }

    /// What is to be written so that the wanted files lie there and nothing else of ours.
    pub(crate) fn changes(&self, wanted: &ConfigFiles) -> ConfigFiles {
        if self.anew {
            let mut all = wanted.clone();
            all.extend(self.differing(&self.present, wanted));
            return all;
        }
        self.differing(&self.present, wanted)
    }

    /// What must be put over `there` to get `wanted`; an empty slot removes.
    fn differing(&self, there: &ConfigFiles, wanted: &ConfigFiles) -> ConfigFiles {
        let put = wanted.iter().filter(|(name, slot)| there.get(name).unwrap_or(&ConfigFile::default()) != *slot);
        let put = put.map(|(name, slot)| (*name, slot.clone()));
        let gone = there.iter().filter(|(name, slot)| !wanted.contains_key(name) && !slot.is_empty());
        put.chain(gone.map(|(name, _)| (*name, ConfigFile::default()))).collect()
    }

    async fn write(&self, there: ConfigFiles, changes: ConfigFiles) -> Result<Undo, Failure> {
        let disk = Arc::clone(&self.disk);
        blocking(move || Undo::write(&disk, &there, &changes)).await
    }

    async fn restore(&self, undo: Undo) -> Result<(), Failure> {
        let disk = Arc::clone(&self.disk);
        blocking(move || undo.restore(&disk)).await
    }
}

/// The files that show a certificate and may be refused for it.
fn showing(wanted: &ConfigFiles, id: CertificateId) -> Vec<FileName> {
    let shows = |slot: &ConfigFile| slot.link.is_some() && certificates_in(slot).any(|shown| shown == id);
    wanted.iter().filter(|(name, slot)| name.may_be_refused() && shows(slot)).map(|(name, _)| *name).collect()
}

/// The certificates that a file names.
pub(crate) fn certificates_in(slot: &ConfigFile) -> impl Iterator<Item = CertificateId> {
    let text = slot.file.as_deref().unwrap_or_default();
    let quoted = text.split(|byte| *byte == b'"').filter_map(|piece| std::str::from_utf8(piece).ok());
    quoted.filter_map(|piece| super::file_name::certificate(std::path::Path::new(piece)))
}

fn blame_nobody(complaint: &str) -> Failure {
    Failure::Refused(format!(
        "nginx refuses its configuration, and not because of one site; look whether another file of nginx sets the same. It says: {complaint}"
    ))
}

/// Runs what waits for the disk where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|error| Err(io::Error::other(error)))?)
}
