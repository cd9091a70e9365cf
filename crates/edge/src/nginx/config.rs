//! What an operator decides about nginx.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use stoa_model::host::Hostname;

use super::{
    conf::{Arg, InvalidText},
    file_name::FileName,
};
use crate::host::{self, MAX_NAME};

/// The settings of an nginx edge. Paths and names are checked by [`Nginx::new`](super::Nginx::new).
#[derive(Debug, Clone)]
pub struct NginxConfig {
    /// The directory of the files, one per site.
    pub sites_available: PathBuf,
    /// The directory of links to them; nginx's main configuration includes everything in it.
    pub sites_enabled: PathBuf,
    /// The directory of certificates and keys, readable for nobody else; made if missing.
    pub certificates: PathBuf,
    /// The directory of the pages that nginx shows itself, which its workers must be able to read; made if
    /// missing.
    pub pages: PathBuf,
    /// The access log in JSON, from which traffic is counted. Rotation must leave one older file
    /// uncompressed.
    pub log: PathBuf,
    /// The file with the position up to which the log was read.
    pub position: PathBuf,
    /// Program and arguments that test the configuration.
    pub test: Vec<OsString>,
    /// Program and arguments that make nginx reload its configuration.
    pub reload: Vec<OsString>,
    /// The file with the id of nginx's main process. With it the process is signaled directly, and `reload`
    /// only runs if that fails: `nginx -s reload` reads the whole configuration once more, just to find
    /// this file.
    pub pid: Option<PathBuf>,
    /// An address of the loopback interface where nginx answers which configuration is live.
    pub version_at: SocketAddr,
    /// Addresses for plain HTTP.
    pub http: Vec<SocketAddr>,
    /// Addresses for HTTPS; none disables TLS.
    pub https: Vec<SocketAddr>,
    /// The ports of HTTP and HTTPS as visitors see them, for redirects.
    pub public_ports: (u16, u16),
    /// Where the platform's own handler listens.
    pub platform: SocketAddr,
    /// Names and addresses of the platform itself. They win over routes.
    pub platform_hosts: Vec<String>,
    /// The product's name, for the pages.
    pub product: String,
    /// `max-age` of HSTS for names that require HTTPS; 0 sends none.
    pub hsts_seconds: u32,
    /// How long nginx may take to test a configuration, and again to reload it.
    pub deadline: Duration,
}

impl NginxConfig {
    /// The settings for an nginx as Debian installs it. `data` is a directory of ours, for the
    /// certificates, the pages and the position in the log.
    pub fn debian(data: impl Into<PathBuf>, platform: SocketAddr) -> Self {
        let data = data.into();
        let any = |port| vec![SocketAddr::from(([0, 0, 0, 0], port)), SocketAddr::from(([0u16; 8], port))];
        let (test, reload) = commands("/usr/sbin/nginx", "/etc/nginx/nginx.conf");
        Self {
            sites_available: "/etc/nginx/sites-available".into(),
            sites_enabled: "/etc/nginx/sites-enabled".into(),
            certificates: data.join("certificates"),
            pages: data.join("pages"),
            log: "/var/log/nginx/stoa.jsonl".into(),
            position: data.join("log-position.json"),
            test,
            reload,
            pid: None,
            version_at: SocketAddr::from(([127, 0, 0, 1], 9180)),
            http: any(80),
            https: any(443),
            public_ports: (80, 443),
            platform,
            platform_hosts: Vec::new(),
            product: "Stoa".into(),
            hsts_seconds: 180 * 24 * 60 * 60,
            deadline: Duration::from_secs(60),
        }
    }
}

/// The argument lists that test and reload nginx with this main configuration.
pub fn commands(binary: impl Into<OsString>, main: impl Into<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let (binary, main) = (binary.into(), main.into());
    let test = vec![binary.clone(), "-t".into(), "-q".into(), "-c".into(), main.clone()];
    let reload = vec![binary, "-s".into(), "reload".into(), "-c".into(), main];
    (test, reload)
}

/// Why a setting can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A path that can't stand in nginx's configuration.
    #[error(transparent)]
    Arg(#[from] InvalidSetting),
    /// A platform host that is no host.
    #[error("reading the platform host {0:?}: write a bare hostname or address")]
    Host(String),
    /// A version address that others could reach.
    #[error("asking nginx for its version at {0}: choose a loopback address")]
    Public(SocketAddr),
    /// An empty command.
    #[error("reading the command to {0} nginx: it needs at least a program")]
    Command(&'static str),
}

/// A setting that can't be written into nginx's configuration.
#[derive(Debug, thiserror::Error)]
#[error("reading the setting {setting}: {word}")]
pub struct InvalidSetting {
    setting: &'static str,
    word: InvalidText,
}

/// What goes into the files of every table, checked once.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: NginxConfig,
    pub(crate) pages: Arg,
    pub(crate) log: Arg,
    /// The files that others include.
    pub(crate) server: Arg,
    pub(crate) proxy: Arg,
    pub(crate) tls: Arg,
    /// The platform's own names, bare and lower-case, IPv6 in brackets.
    pub(crate) platform_hosts: Vec<(String, Arg)>,
}

impl Settings {
    pub(crate) fn check(config: NginxConfig) -> Result<Self, ConfigError> {
        let path = |setting, path: PathBuf| Arg::path(&path).map_err(|word| InvalidSetting { setting, word });
        let included = |name: FileName| path("sites_available", config.sites_available.join(name.to_string()));
        let (server, proxy, tls) = (included(FileName::Server)?, included(FileName::Proxy)?, included(FileName::Tls)?);
        path("certificates", config.certificates.clone())?;
        // `alias` needs a slash at the end.
        let (pages, log) = (path("pages", config.pages.join(""))?, path("log", config.log.clone())?);
        if !config.version_at.ip().is_loopback() {
            return Err(ConfigError::Public(config.version_at));
        }
        for (name, command) in [("test", &config.test), ("reload", &config.reload)] {
            if command.is_empty() {
                return Err(ConfigError::Command(name));
            }
        }
        let platform_hosts = config.platform_hosts.iter().map(|text| platform_host(text)).collect::<Result<_, _>>()?;
        Ok(Self { pages, log, server, proxy, tls, platform_hosts, config })
    }

    /// Whether a name is the platform's own.
    pub(crate) fn is_platform(&self, host: &Hostname) -> bool {
        self.platform_hosts.iter().any(|(name, _)| name == host.as_str())
    }
}

/// A bare name, and its form in nginx's configuration.
fn platform_host(text: &str) -> Result<(String, Arg), ConfigError> {
    let bad = || ConfigError::Host(text.to_owned());
    let name = host::name(text, &mut [0; MAX_NAME]).map_err(|_| bad())?.to_owned();
    let address = name.parse::<Ipv4Addr>().is_ok() || name.starts_with('[');
    if !address && Hostname::parse(&name).is_err() {
        return Err(bad());
    }
    let word = Arg::quoted(&name).map_err(|_| bad())?;
    Ok((name, word))
}
