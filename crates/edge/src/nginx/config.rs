//! What an operator decides about nginx.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use stoa_model::host::Hostname;

use super::{
    conf::{Argument, InvalidText},
    file_name::FileName,
};
use crate::host::{self, MAX_NAME};

/// The settings of an nginx edge. Paths and names are checked by [`Nginx::new`](super::Nginx::new).
#[derive(Debug, Clone)]
pub struct NginxConfig {
    /// Where the files are, one per site.
    pub sites_available: PathBuf,
    /// Where links to them are; nginx's main configuration includes all that is in here.
    pub sites_enabled: PathBuf,
    /// Where certificates and keys are, readable for nobody else; made if missing.
    pub certificates: PathBuf,
    /// Where the pages are that nginx shows itself; its workers must be able to read them; made if missing.
    pub pages: PathBuf,
    /// The access log, JSON, which the counts are read from. What rotates it must leave one older
    /// file uncompressed.
    pub log: PathBuf,
    /// The file that says how far the log was read.
    pub position: PathBuf,
    /// Program and arguments that test the configuration.
    pub test: Vec<OsString>,
    /// Program and arguments that make nginx take its configuration over.
    pub reload: Vec<OsString>,
    /// The file with the id of nginx's main process. With it the process is told directly, and
    /// `reload` only runs if that can't be done: `nginx -s reload` reads the whole configuration once
    /// more, just to find this file.
    pub pid: Option<PathBuf>,
    /// An address of this machine where nginx tells which configuration is live; nobody else may
    /// reach it.
    pub version_at: SocketAddr,
    /// Where plain HTTP is listened to.
    pub http: Vec<SocketAddr>,
    /// Where HTTPS is listened to; nowhere switches TLS off.
    pub https: Vec<SocketAddr>,
    /// The ports of HTTP and HTTPS as visitors see them; they stand in redirects.
    pub public_ports: (u16, u16),
    /// Where the platform's own handler listens.
    pub platform: SocketAddr,
    /// Names and addresses of the platform itself. They win over routes.
    pub platform_hosts: Vec<String>,
    /// The product's name, for the pages.
    pub product: String,
    /// How long browsers shall insist on HTTPS for names that require it, in seconds; 0 tells them nothing.
    pub hsts_seconds: u32,
    /// How long nginx may take to test, and again to take over, a configuration.
    pub deadline: Duration,
}

impl NginxConfig {
    /// The settings for an nginx as Debian installs it. `data` is a directory of ours, for the
    /// certificates, the pages, the log and how far it was read.
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
    Argument(#[from] InvalidSetting),
    /// A platform host that is none.
    #[error("reading the platform host {0:?}: write a bare hostname or address")]
    Host(String),
    /// An address for the version that others could reach.
    #[error("asking nginx for its version at {0}: choose an address of this machine's loopback")]
    Public(SocketAddr),
    /// No program.
    #[error("reading how to {0} nginx: write at least a program")]
    Command(&'static str),
}

/// A setting, and why it can't be written.
#[derive(Debug, thiserror::Error)]
#[error("reading the setting {setting}: {word}")]
pub struct InvalidSetting {
    setting: &'static str,
    word: InvalidText,
}

/// What goes into the files of each table, checked once.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: NginxConfig,
    pub(crate) pages: Argument,
    pub(crate) log: Argument,
    /// The files that others include.
    pub(crate) server: Argument,
    pub(crate) proxy: Argument,
    pub(crate) tls: Argument,
    /// The platform's own names, bare and lower-case, IPv6 in brackets.
    pub(crate) platform_hosts: Vec<(String, Argument)>,
}

impl Settings {
    pub(crate) fn check(config: NginxConfig) -> Result<Self, ConfigError> {
        let path = |setting, path: PathBuf| Argument::path(&path).map_err(|word| InvalidSetting { setting, word });
        let included = |name: FileName| path("sites_available", config.sites_available.join(name.to_string()));
        let (server, proxy, tls) = (included(FileName::Server)?, included(FileName::Proxy)?, included(FileName::Tls)?);
        path("certificates", config.certificates.clone())?;
        // With a slash at its end, as an alias wants it.
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

/// A bare name, and as nginx writes it.
fn platform_host(text: &str) -> Result<(String, Argument), ConfigError> {
    let bad = || ConfigError::Host(text.to_owned());
    let name = host::name(text, &mut [0; MAX_NAME]).map_err(|_| bad())?.to_owned();
    let address = name.parse::<Ipv4Addr>().is_ok() || name.starts_with('[');
    if !address && Hostname::parse(&name).is_err() {
        return Err(bad());
    }
    let word = Argument::quoted(&name).map_err(|_| bad())?;
    Ok((name, word))
}
