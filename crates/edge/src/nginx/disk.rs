//! Our files as they lie on the disk: read together, replaced together, and put back.
//!
//! Every file is replaced atomically, so nobody ever reads half of one. A link among the enabled sites
//! is made after its file and removed before it, so it never dangles, whenever the process ends. Only
//! names of ours (`file_name`) are looked at.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use stoa_model::{
    certificate::{CertName, Certificate},
    id::CertificateId,
    secret::ExposeSecret,
};
use stoa_util::atomic_file::{self, Durability};

use super::{
    config::NginxConfig,
    file_name::{self, FileName},
};

/// Between two attempts to take the lock.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Our files by their names; what is not in here does not exist.
pub(crate) type ConfigFiles = BTreeMap<FileName, ConfigFile>;

/// One file of ours with its link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// Its content; `None` if only a link is there.
    pub(crate) file: Option<Vec<u8>>,
    /// Where its link among the enabled sites leads.
    pub(crate) link: Option<PathBuf>,
}

impl ConfigFile {
    /// The file as it should be.
    pub(crate) fn wanted(name: FileName, text: impl Into<Vec<u8>>, config: &NginxConfig) -> Self {
        let link = name.is_enabled().then(|| config.sites_available.join(name.to_string()));
        Self { file: Some(text.into()), link }
    }
}

/// Adds to an error what was done to which file.
pub(crate) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{doing} {path}: {error}"))
}

/// The directories.
#[derive(Debug)]
pub(crate) struct Disk {
    available: PathBuf,
    enabled: PathBuf,
    certificates: PathBuf,
}

impl Disk {
    pub(crate) fn new(config: &NginxConfig) -> Self {
        Self {
            available: config.sites_available.clone(),
            enabled: config.sites_enabled.clone(),
            certificates: config.certificates.clone(),
        }
    }

    /// Makes the directory of certificates, for its owner only, and waits until no other process writes.
    /// The lock ends when the file is dropped; `None` after the deadline.
    pub(crate) fn lock(&self, deadline: Duration) -> io::Result<Option<File>> {
        let (started, path) = (Instant::now(), self.certificates.join(".lock"));
        fs::create_dir_all(&self.certificates).map_err(at("making", &self.certificates))?;
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&self.certificates, mode).map_err(at("restricting access to", &self.certificates))?;
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(at("opening", &path))?;
        while started.elapsed() <= deadline {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(error)) => return Err(at("locking", &path)(error)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL_INTERVAL),
            }
        }
        Ok(None)
    }

    /// Reads all of our files, and removes those that a crash left half-written.
    pub(crate) fn read(&self) -> io::Result<ConfigFiles> {
        let mut files = ConfigFiles::new();
        for path in entries(&self.available)? {
            if let Some(name) = FileName::of(&path) {
                files.entry(name).or_default().file = Some(fs::read(&path).map_err(at("reading", &path))?);
            }
        }
        for path in entries(&self.enabled)? {
            let Some(name) = FileName::of(&path) else { continue };
            let file = files.entry(name).or_default();
            match fs::read_link(&path) {
                Ok(target) => file.link = Some(target),
                // A file in the place of the link: what nginx reads is its content.
                Err(_) => {
                    file.file = Some(fs::read(&path).map_err(at("reading", &path))?);
                    file.link = Some(self.available.join(name.to_string()));
                }
            }
        }
        entries(&self.certificates)?;
        Ok(files)
    }

    /// Writes, links and removes what differs between two sets of files, or everything (`rewrite_all`).
    /// If one change fails, those before it are undone.
    pub(crate) fn replace(&self, from: &ConfigFiles, to: &ConfigFiles, rewrite_all: bool) -> io::Result<()> {
        let none = ConfigFile::default();
        let changes = changed_names(from, to, rewrite_all);
        for (done, name) in changes.iter().enumerate() {
            let Err(error) = self.put(*name, to.get(name).unwrap_or(&none)) else { continue };
            let back = changes[..=done].iter().rev().map(|name| self.put(*name, from.get(name).unwrap_or(&none)));
            // Every file is tried, whatever happens to the others.
            return Err(match back.fold(Ok(()), Result::and) {
                Ok(()) => error,
                Err(again) => io::Error::new(error.kind(), format!("{error}; and restoring the former files: {again}")),
            });
        }
        Ok(())
    }

    /// Brings one file and its link into this state.
    fn put(&self, name: FileName, wanted: &ConfigFile) -> io::Result<()> {
        let text = name.to_string();
        let (file, link) = (self.available.join(&text), self.enabled.join(&text));
        if wanted.link.is_none() {
            remove(&link)?;
        }
        match &wanted.file {
            None => remove(&file)?,
            Some(bytes) => write(&file, bytes, 0o644, name.durability())?,
        }
        let Some(target) = wanted.link.as_ref().filter(|target| fs::read_link(&link).ok().as_ref() != Some(target))
        else {
            return Ok(());
        };
        let part = self.enabled.join(file_name::part(&text));
        remove(&part)?;
        symlink(target, &part).map_err(at("linking", &part))?;
        fs::rename(&part, &link).map_err(at("linking", &link))
    }

    /// Writes the certificates that differ from what is there, and closes their keys to others.
    pub(crate) fn write_certificates(&self, all: &[Arc<Certificate>]) -> io::Result<()> {
        for certificate in all {
            let (chain, key) = (certificate.chain.as_bytes(), certificate.key.expose_secret().as_bytes());
            for (extension, bytes, mode) in [("crt", chain, 0o644), ("key", key, 0o600)] {
                let path = self.certificates.join(format!("{}.{extension}", certificate.id));
                let has_mode = || fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o777 == mode);
                if !(fs::read(&path).is_ok_and(|present| present == bytes) && has_mode()) {
                    write(&path, bytes, mode, Durability::Synced)?;
                }
            }
        }
        Ok(())
    }

    /// A certificate that was written before, for these names; `None` if it can't be read.
    pub(crate) fn read_certificate(&self, id: CertificateId, names: Vec<CertName>) -> Option<Certificate> {
        let read = |extension| fs::read_to_string(self.certificates.join(format!("{id}.{extension}"))).ok();
        Some(Certificate { id, names, chain: read("crt")?, key: read("key")?.into() })
    }

    /// Removes all certificates but these.
    pub(crate) fn retain_certificates(&self, used: &BTreeMap<CertificateId, Vec<CertName>>) -> io::Result<()> {
        for path in entries(&self.certificates)? {
            if file_name::certificate(&path).is_some_and(|id| !used.contains_key(&id)) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The names of the files that differ, or of all (`rewrite_all`).
pub(crate) fn changed_names(from: &ConfigFiles, to: &ConfigFiles, rewrite_all: bool) -> Vec<FileName> {
    let put = to.iter().filter(|(name, file)| rewrite_all || from.get(name) != Some(file));
    let gone = from.iter().filter(|(name, _)| !to.contains_key(name));
    put.chain(gone).map(|(name, _)| *name).collect()
}

/// The paths in a directory; what a crash left half-written is removed on the way.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(at("listing", directory))? {
        let path = entry.map_err(at("listing", directory))?.path();
        if file_name::is_part(&path) { remove(&path)? } else { paths.push(path) }
    }
    Ok(paths)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("removing", path)(error)),
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    atomic_file::write(path, bytes, mode, durability).map_err(at("writing", path))
}
