//! Files that a reader or a crash meets whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Whether the file must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Synced to the disk, and its folder too, before the call returns.
    Synced,
    /// Left to the operating system: after a power cut the file may be empty or as it was before.
    Cached,
}

/// Where [`write`] prepares the file at `path`; a leftover of this name belongs to a process that died.
pub fn temporary_path(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

/// Writes `bytes` to a temporary file beside `path` and renames it over `path`.
///
/// `mode` holds for the new file, whatever the replaced one had. Only one writer at a time may write
/// to the same path.
///
/// # Errors
/// Any I/O error. The file at `path` is as it was then, except that a failure to sync its folder can
/// only be told after the rename.
pub fn write(path: &Path, bytes: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    let temporary = temporary_path(path);
    let written = replace(path, &temporary, bytes, mode, durability);
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes a file that only its owner can read, synced to the disk.
///
/// # Errors
/// As [`write`].
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o600, Durability::Synced)
}

fn replace(path: &Path, temporary: &Path, bytes: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(temporary)?;
    file.write_all(bytes)?;
    if durability == Durability::Cached {
        return fs::rename(temporary, path);
    }
    file.sync_all()?;
    fs::rename(temporary, path)?;
    path.parent().map_or(Ok(()), |folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        write(&path, b"old", 0o644, Durability::Cached).expect("written");
        write_private(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("readable"), b"new");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_temporary_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("target");
        fs::create_dir(&path).expect("made");
        fs::write(path.join("inside"), b"x").expect("written");
        assert!(write_private(&path, b"new").is_err(), "a folder with content can't be replaced");
        assert!(path.join("inside").is_file());
        assert!(!temporary_path(&path).exists());
    }

    #[test]
    fn the_leftover_of_a_dead_process_does_not_matter() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        fs::write(temporary_path(&path), b"half").expect("written");
        write_private(&path, b"whole").expect("written");
        assert_eq!(fs::read(&path).expect("readable"), b"whole");
    }
}
