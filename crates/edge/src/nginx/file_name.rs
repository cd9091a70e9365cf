//! The names of our files. A file with any other name is neither read, changed nor removed.

use std::{fmt, path::Path};

use stoa_model::id::{CertificateId, SiteId};
use stoa_util::atomic_file::Durability;

/// A file of ours in the directory of available sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FileName {
    /// Zones that limits are counted in.
    Limits,
    /// The format of the access log.
    Log,
    /// Maps and answers.
    Platform,
    /// Unknown hosts, and the certificate that most sites share.
    Unknown,
    /// The platform's own names.
    Portal,
    /// One site with all its names.
    Site(SiteId),
    /// Answers which configuration is live.
    Version,
    /// Included by every server of ours.
    Server,
    /// Included by every server that forwards.
    Proxy,
    /// Included by every server with TLS.
    Tls,
    /// What the other files stand for. The last one, so that it is never newer than them.
    State,
}

const FIXED: [(FileName, &str); 10] = [
    (FileName::Limits, "stoa-limits.conf"),
    (FileName::Log, "stoa-log.conf"),
    (FileName::Platform, "stoa-platform.conf"),
    (FileName::Unknown, "stoa-unknown.conf"),
    (FileName::Portal, "stoa-portal.conf"),
    (FileName::Version, "stoa-version.conf"),
    (FileName::Server, "stoa-server.inc"),
    (FileName::Proxy, "stoa-proxy.inc"),
    (FileName::Tls, "stoa-tls.inc"),
    (FileName::State, "stoa-state.json"),
];

impl FileName {
    /// Whether a link among the enabled sites makes nginx read it.
    pub(crate) const fn is_enabled(self) -> bool {
        !matches!(self, Self::Server | Self::Proxy | Self::Tls | Self::State)
    }

    /// Whether it must survive a power cut. Without a site's file or the state nginx still starts, and the
    /// next table repairs them.
    pub(crate) const fn durability(self) -> Durability {
        if matches!(self, Self::Site(_) | Self::State) { Durability::Cached } else { Durability::Synced }
    }

    /// The file that has this name, if it is ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let fixed = FIXED.iter().find(|(_, text)| *text == name).map(|(name, _)| *name);
        let of_site = || name.strip_prefix("stoa-")?.strip_suffix(".conf")?.parse().ok().map(Self::Site);
        // An id in capitals parses too, but is not the file that we write.
        fixed.or_else(|| of_site().filter(|site| site.to_string() == name))
    }

    /// The file at this path, if its name is one of ours.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Self::parse(path.file_name()?.to_str()?)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(site) => write!(f, "stoa-{site}.conf"),
            other => f.write_str(FIXED.iter().find(|(name, _)| name == other).map_or("", |(_, text)| text)),
        }
    }
}

/// The certificate of a chain's or key's file, if it is ours.
pub(crate) fn certificate(path: &Path) -> Option<CertificateId> {
    let (id, extension) = path.file_name()?.to_str()?.split_once('.')?;
    let parsed = id.parse().ok().filter(|parsed: &CertificateId| parsed.to_string() == id);
    parsed.filter(|_| matches!(extension, "crt" | "key"))
}

/// The name of a link while it is being made. The dot in front keeps it out of patterns like
/// `sites-enabled/*`.
pub(crate) fn part(name: &str) -> String {
    format!(".{name}{PART_SUFFIX}")
}

/// Whether a crash left this file or link of ours half-made.
pub(crate) fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(PART_SUFFIX));
    let name = name.map(|name| name.strip_prefix('.').unwrap_or(name));
    name.is_some_and(|name| FileName::parse(name).is_some() || certificate(Path::new(name)).is_some())
}

/// As in [`stoa_util::atomic_file::temporary_path`].
const PART_SUFFIX: &str = ".part";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_to_their_files() {
        let site = FileName::Site(SiteId::from_uuid(uuid::Uuid::from_u128(7)));
        for name in FIXED.iter().map(|(name, _)| *name).chain([site]) {
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
            assert!(is_part(Path::new(&part(&name.to_string()))));
            assert!(is_part(&stoa_util::atomic_file::temporary_path(Path::new(&name.to_string()))));
        }
        let uses = FIXED.iter().filter(|(name, _)| name.is_enabled() == name.to_string().ends_with(".conf")).count();
        assert_eq!(uses, FIXED.len(), "only .conf files are enabled");
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in
            ["default", "stoa-.conf", "stoa-site_7.conf", "stoa-mine.conf", "stoa-limits.conf.bak", "x.part", ".x.part"]
        {
            assert_eq!(FileName::parse(name), None, "{name}");
            assert!(!is_part(Path::new(name)), "{name}");
        }
        assert_eq!(certificate(Path::new("crt_7.key")), None);
        assert_eq!(certificate(Path::new("privkey.pem")), None);
        // The same id in capitals is another file.
        let capitals = "0000000000000000000000000000000A";
        assert_eq!(FileName::parse(&format!("stoa-site_{capitals}.conf")), None);
        assert_eq!(certificate(Path::new(&format!("crt_{capitals}.key"))), None);
        let id = CertificateId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(certificate(Path::new(&format!("/x/{id}.key"))), Some(id));
    }
}
