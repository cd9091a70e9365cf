//! Who files belong to. One command as root leaves files behind that the server, as its own user, can't change.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::io_error::at_path;

/// So many entries of a directory are looked at, so that a look ends.
const MAX_ENTRIES: usize = 200_000;

/// The user that this process acts as. `/proc/self` belongs to it (proc(5)).
///
/// # Errors
/// If `/proc` is not mounted.
pub fn effective_user() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// A user's name, or `uid 998` where `/etc/passwd` has none.
pub fn user_name(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&passwd, uid).map_or_else(|| format!("uid {uid}"), str::to_owned)
}

fn name_in(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// Files and directories at and beneath `path` that belong to another user than `owner`, at most `limit`. What is
/// removed meanwhile is none.
///
/// # Errors
/// If a directory can't be read; its own entry is reported first.
pub fn foreign_files(path: &Path, owner: u32, limit: usize) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut left, mut seen) = (Vec::new(), vec![path.to_owned()], 0);
    while let Some(path) = left.pop() {
        let meta = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        seen += 1;
        let is_foreign = meta.uid() != owner;
        if meta.is_dir() && !is_foreign {
            for entry in fs::read_dir(&path).map_err(at_path(&path))? {
                left.push(entry?.path());
            }
        }
        if is_foreign {
            found.push(path);
        }
        if found.len() >= limit || seen >= MAX_ENTRIES {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nstoa:x:998:998::/var/lib/stoa:/usr/sbin/nologin\n";
        assert_eq!((name_in(passwd, 998), name_in(passwd, 99)), (Some("stoa"), None));
        assert_eq!(user_name(u32::MAX - 7), format!("uid {}", u32::MAX - 7));
    }

    #[test]
    fn files_of_other_users_are_found_and_no_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("sites");
        fs::create_dir(&inner).expect("made");
        fs::write(inner.join("compose.yaml"), "x").expect("written");
        let me = effective_user().expect("a user");
        let paths = |owner, limit| foreign_files(folder.path(), owner, limit).expect("read");
        assert!(paths(me, 9).is_empty());
        assert_eq!(paths(me + 1, 9), [folder.path()], "what is in somebody else's directory is not listed too");
        let read_only = std::os::unix::fs::chown(inner.join("compose.yaml"), Some(me + 1), None);
        if read_only.is_ok() {
            assert_eq!(paths(me, 9), [inner.join("compose.yaml")]);
            assert_eq!(paths(me, 0).len(), 0);
        }
    }
}
