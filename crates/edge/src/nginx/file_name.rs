//! The names of the files that are ours. Whatever has another name is somebody else's, and is
//! neither read, changed nor removed.

use std::{fmt, path::Path};

use stoa_model::id::{CertificateId, SiteId};

/// A file of ours in the directory of available sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FileName {
    /// Zones that limits are counted in.
    Limits,
    /// The format of the access log.
    Log,
    /// Maps and answers.
    Platform,
    /// Hosts that nobody has, and the certificate that most sites share.
    Unknown,
    /// The platform's own names.
    Portal,
    /// One site with all its names.
    Site(SiteId),
    /// Tells which configuration is live.
    Version,
    /// What every server of ours includes; not enabled by itself.
    Server,
    /// What every server that forwards includes; not enabled by itself.
    Proxy,
    /// What every server with TLS includes; not enabled by itself.
    Tls,
}

const FIXED: [(FileName, &str); 9] = [
    (FileName::Limits, "stoa-limits.conf"),
    (FileName::Log, "stoa-log.conf"),
    (FileName::Platform, "stoa-platform.conf"),
    (FileName::Unknown, "stoa-unknown.conf"),
    (FileName::Portal, "stoa-portal.conf"),
    (FileName::Version, "stoa-version.conf"),
    (FileName::Server, "stoa-server.inc"),
    (FileName::Proxy, "stoa-proxy.inc"),
    (FileName::Tls, "stoa-tls.inc"),
];

impl FileName {
    /// Whether nginx reads it by itself, through a link among the enabled sites.
    pub(crate) const fn is_enabled(self) -> bool {
        !matches!(self, Self::Server | Self::Proxy | Self::Tls)
    }

    /// Whether the rest can do without it for a while: these files may be refused alone.
    pub(crate) const fn may_be_refused(self) -> bool {
        matches!(self, Self::Portal | Self::Site(_))
    }

    /// The file that has this name, if it is ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let fixed = FIXED.iter().find(|(_, text)| *text == name).map(|(name, _)| *name);
        let of_site = || name.strip_prefix("stoa-")?.strip_suffix(".conf")?.parse().ok().map(Self::Site);
        // An id may be written in capitals, too; then the file is not the one that we write.
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

/// The certificate whose chain or key a file holds, if it is ours.
pub(crate) fn certificate(path: &Path) -> Option<CertificateId> {
    let (id, extension) = path.file_name()?.to_str()?.split_once('.')?;
    let parsed = id.parse().ok().filter(|parsed: &CertificateId| parsed.to_string() == id);
    parsed.filter(|_| matches!(extension, "crt" | "key"))
}

/// What is appended to a name while the file is being written. The dot in front keeps it out of
/// patterns like `sites-enabled/*`.
pub(crate) fn part(name: &str) -> String {
    format!(".{name}{PART}")
}

/// Whether a file is what a crash left of one of ours.
pub(crate) fn is_part(path: &Path) -> bool {
    let whole = path.file_name().and_then(|name| name.to_str()?.strip_prefix('.')?.strip_suffix(PART));
    whole.is_some_and(|whole| FileName::parse(whole).is_some() || certificate(Path::new(whole)).is_some())
}

const PART: &str = ".part";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let site = FileName::Site(SiteId::from_uuid(uuid::Uuid::from_u128(7)));
        for name in FIXED.iter().map(|(name, _)| *name).chain([site]) {
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
            assert!(is_part(Path::new(&part(&name.to_string()))));
        }
        let uses = FIXED.iter().filter(|(name, _)| name.is_enabled() == name.to_string().ends_with(".conf")).count();
        assert_eq!(uses, FIXED.len(), "only .conf files are enabled");
    }

    #[test]
    fn what_is_not_ours_has_no_name() {
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
