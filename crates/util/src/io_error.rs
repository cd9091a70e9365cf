//! Errors of the operating system about files.

use std::{io, path::Path};

/// Puts the path into an error of the operating system, which does not name it.
pub fn at_path(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Whether trying again is useless before a person has changed something: permissions, a read-only file system, or a
/// file in the place of a directory.
pub fn is_permanent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_path_and_keep_their_kind() {
        let error = at_path(Path::new("/data/x"))(io::ErrorKind::PermissionDenied.into());
        assert!(is_permanent(&error) && error.to_string().starts_with("/data/x: "), "{error}");
        assert!(!is_permanent(&io::ErrorKind::StorageFull.into()));
    }
}
