//! Our files as they lie on the disk: read as a whole, changed one by one, and put back.
//!
//! A file is written aside and renamed, so nobody ever reads half of one. A link among the enabled
//! sites comes after its file and goes before it, so that it never leads nowhere, whenever the
//! process ends. Only names of ours (`names`) are looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

use stoa_model::{
    certificate::{CertName, Certificate},
    id::CertificateId,
    secret::ExposeSecret,
};

use super::{
    config::NginxConfig,
    file_name::{self, FileName, is_part, part},
};

/// One file of ours with its link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// What is in it; `None` if there is none.
    pub(crate) file: Option<Vec<u8>>,
    /// What has its name among the enabled sites.
    pub(crate) link: Option<Link>,
}

/// What has a name of ours among the enabled sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// A link that leads to our file.
    Ours,
    /// A link that leads elsewhere.
    Elsewhere(PathBuf),
    /// A file in its place.
    File(Vec<u8>),
}

impl ConfigFile {
    /// As this file is meant to be.
    pub(crate) fn wanted(name: FileName, text: String) -> Self {
        Self { file: Some(text.into_bytes()), link: name.is_enabled().then_some(Link::Ours) }
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.file.is_none() && self.link.is_none()
    }
}

/// An error of the disk, with what was done to which file.
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

    /// Makes the directory of certificates, for its owner only.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.certificates).map_err(at("making", &self.certificates))?;
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&self.certificates, mode).map_err(at("closing to others", &self.certificates))
    }

    /// Reads all of our files, and removes what a crash has left of some.
    pub(crate) fn read(&self) -> io::Result<BTreeMap<FileName, ConfigFile>> {
        let mut slots: BTreeMap<FileName, ConfigFile> = BTreeMap::new();
        for path in entries(&self.available)? {
            if let Some(name) = FileName::of(&path) {
                slots.entry(name).or_default().file = Some(fs::read(&path).map_err(at("reading", &path))?);
            }
        }
        for path in entries(&self.enabled)? {
            if let Some(name) = FileName::of(&path) {
                slots.entry(name).or_default().link = Some(self.link(name, &path).map_err(at("reading", &path))?);
            }
        }
        entries(&self.certificates)?;
        Ok(slots)
    }

    fn link(&self, name: FileName, path: &Path) -> io::Result<Link> {
        if !fs::symlink_metadata(path)?.is_symlink() {
            return Ok(Link::File(fs::read(path)?));
        }
        let target = fs::read_link(path)?;
        Ok(if target == self.available.join(name.to_string()) { Link::Ours } else { Link::Elsewhere(target) })
    }

    /// Makes a file and its link be like this.
    pub(crate) fn put(&self, name: FileName, slot: &ConfigFile) -> io::Result<()> {
        let text = name.to_string();
        let (file, link) = (self.available.join(&text), self.enabled.join(&text));
        if slot.link.is_none() {
            remove(&link)?;
        }
        match &slot.file {
            None => remove(&file)?,
            Some(bytes) => write_aside(&self.available, &text, bytes, 0o644, !matches!(name, FileName::Site(_)))?,
        }
        match &slot.link {
            None => Ok(()),
            Some(Link::File(bytes)) => write_aside(&self.enabled, &text, bytes, 0o644, false),
            Some(Link::Elsewhere(target)) => self.relink(&text, target),
            Some(Link::Ours) => self.relink(&text, &file),
        }
    }

    /// Puts a link in the place of whatever is there.
    fn relink(&self, name: &str, target: &Path) -> io::Result<()> {
        let (link, aside) = (self.enabled.join(name), self.enabled.join(part(name)));
        if fs::read_link(&link).is_ok_and(|present| present == target) {
            return Ok(());
        }
        remove(&aside)?;
        symlink(target, &aside).map_err(at("linking", &aside))?;
        fs::rename(&aside, &link).map_err(at("linking", &link))
    }

    /// Writes those certificates that are not there as they should be.
    pub(crate) fn put_certificates(&self, all: &BTreeMap<CertificateId, Arc<Certificate>>) -> io::Result<()> {
        for certificate in all.values() {
            let (chain, key) = (certificate.chain.as_bytes(), certificate.key.expose_secret().as_bytes());
            for (extension, bytes, mode) in [("crt", chain, 0o644), ("key", key, 0o600)] {
                let name = format!("{}.{extension}", certificate.id);
                let path = self.certificates.join(&name);
                let is_closed = || fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o777 == mode);
                if !(fs::read(&path).is_ok_and(|present| present == bytes) && is_closed()) {
                    write_aside(&self.certificates, &name, bytes, mode, true)?;
                }
            }
        }
        Ok(())
    }

    /// A certificate that some file shows, for these names; nothing if it can't be read.
    pub(crate) fn certificate(&self, id: CertificateId, names: Vec<CertName>) -> Option<Certificate> {
        let read = |extension| fs::read_to_string(self.certificates.join(format!("{id}.{extension}"))).ok();
        Some(Certificate { id, names, chain: read("crt")?, key: read("key")?.into() })
    }

    /// Removes the certificates that no file shows any more.
    pub(crate) fn keep_certificates(&self, shown: &BTreeSet<CertificateId>) -> io::Result<()> {
        for path in entries(&self.certificates)? {
            if file_name::certificate(&path).is_some_and(|id| !shown.contains(&id)) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// What has been changed, and how it was before.
#[derive(Debug, Default)]
pub(crate) struct Undo(Vec<(FileName, ConfigFile)>);

impl Undo {
    /// Makes the changes. If one fails, those before it are taken back.
    pub(crate) fn write(
        disk: &Disk,
        present: &BTreeMap<FileName, ConfigFile>,
        changes: &BTreeMap<FileName, ConfigFile>,
    ) -> io::Result<Self> {
        let mut undo = Self::default();
        for (name, slot) in changes {
            undo.0.push((*name, present.get(name).cloned().unwrap_or_default()));
            if let Err(error) = disk.put(*name, slot) {
                return Err(match undo.restore(disk) {
                    Ok(()) => error,
                    Err(again) => io::Error::new(error.kind(), format!("{error}; and putting back what was: {again}")),
                });
            }
        }
        Ok(undo)
    }

    /// Puts everything back; goes on after a failure and tells the first.
    pub(crate) fn restore(self, disk: &Disk) -> io::Result<()> {
        let mut result = Ok(());
        for (name, slot) in self.0.iter().rev() {
            result = result.and(disk.put(*name, slot));
        }
        result
    }
}

/// The paths in a directory; what a crash has left half-written is removed on the way.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(at("listing", directory))? {
        let path = entry.map_err(at("listing", directory))?.path();
        if is_part(&path) { remove(&path)? } else { paths.push(path) }
    }
    Ok(paths)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("removing", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file so that it is there as a whole or not at all; `synced` also after a power cut. A
/// site's file needs no sync: an empty one is no error to nginx, and the next table mends it.
fn write_aside(directory: &Path, name: &str, bytes: &[u8], mode: u32, synced: bool) -> io::Result<()> {
    let (path, aside) = (directory.join(name), directory.join(part(name)));
    let write = || {
        remove(&aside)?;
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside)?;
        file.write_all(bytes)?;
        if synced { file.sync_data() } else { Ok(()) }
    };
    write().map_err(at("writing", &aside))?;
    fs::rename(&aside, &path).map_err(at("writing", &path))
}
