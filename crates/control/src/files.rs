//! Files that are whole or absent.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Where a file is written before it is whole.
pub fn aside(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

/// Writes a file that only its owner can read: aside, synced, then renamed over the target, so
/// that a reader or a crash never meets half of it.
///
/// # Errors
/// If it can't be written; the target is as before then.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
