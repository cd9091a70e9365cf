//! The data belongs to one user, and only that user's processes may touch it: what another user creates, the server can
//! neither change nor remove, and its jobs fail for that.

use std::{ffi::OsString, fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, Result, bail};
use stoa_util::file_owner::{effective_user, user_name};

/// What the server writes in the data directory itself.
const OWN_ENTRIES: [&str; 5] = ["stoa.db", "stoa.db-wal", "stoa.db-shm", "outbox", "sites"];

/// Fails unless this process runs as the owner of the data directory and of what is in it; a directory that is not there
/// belongs to nobody.
pub fn ensure_data_owner(data_dir: &Path) -> Result<()> {
    let Ok(meta) = fs::metadata(data_dir) else { return Ok(()) };
    let user = effective_user().context("asking who runs this process")?;
    if meta.uid() != user {
        bail!(
            "the data directory {} belongs to {}, and this is {}: files that it left behind would fail the server's jobs. Type:\n  {}",
            data_dir.display(),
            user_name(meta.uid()),
            user_name(user),
            command_as(meta.uid(), user == 0, std::env::args_os())
        );
    }
    let foreign = OWN_ENTRIES.iter().find_map(|name| {
        let path = data_dir.join(name);
        let owner = fs::symlink_metadata(&path).ok()?.uid();
        (owner != user).then_some((path, owner))
    });
    // Root may write what belongs to others.
    if let Some((path, owner)) = foreign.filter(|_| user != 0) {
        bail!(
            "{} belongs to {}, so {} can't use it. Type as root:\n  chown -R {}: {}",
            path.display(),
            user_name(owner),
            user_name(user),
            account(user),
            quoted(&data_dir.display().to_string())
        );
    }
    Ok(())
}

/// This command line, to be typed again for another user.
fn command_as(owner: u32, is_root: bool, args: impl Iterator<Item = OsString>) -> String {
    let command = args.map(|arg| quoted(&arg.to_string_lossy())).collect::<Vec<_>>().join(" ");
    if is_root && owner != 0 && !account(owner).starts_with('#') {
        return format!("runuser -u {} -- {command}", account(owner));
    }
    // Unlike runuser, sudo passes no environment on.
    let config = std::env::var("STOA_CONFIG").map(|path| format!("STOA_CONFIG={} ", quoted(&path)));
    format!("sudo -u {} {}{command}", quoted(&account(owner)), config.unwrap_or_default())
}

/// A user as commands take it.
fn account(uid: u32) -> String {
    let name = user_name(uid);
    if name.contains(' ') { format!("#{uid}") } else { name }
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_typed_as_it_is() {
        let args = || ["stoa", "sites", "order", "--title", "Joe's \"Shop\""].into_iter().map(OsString::from);
        assert_eq!(command_as(1, true, args()), r#"runuser -u daemon -- stoa sites order --title 'Joe'\''s "Shop"'"#);
        let nobody = command_as(u32::MAX - 7, true, args());
        assert!(nobody.starts_with("sudo -u '#4294967288' ") && nobody.contains("stoa sites order"), "{nobody}");
        assert!(command_as(0, false, args()).starts_with("sudo -u root "));
    }
}
