//! `[nginx]`: for `edge = "nginx"`.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use stoa_edge::nginx::{NginxConfig, commands};

/// The section as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nginx {
    pub binary: PathBuf,
    pub main_config: PathBuf,
    pub pid: PathBuf,
    pub sites_available: PathBuf,
    pub sites_enabled: PathBuf,
    pub folder: PathBuf,
    pub log: PathBuf,
    pub version_at: SocketAddr,
    pub http_listen: Vec<SocketAddr>,
    pub https_listen: Vec<SocketAddr>,
}

impl Nginx {
    /// The maker's own settings; `platform` is where Stoa listens behind nginx.
    pub fn settings(&self, platform: SocketAddr) -> NginxConfig {
        let (test, reload) = commands(self.binary.clone(), self.main_config.clone());
        NginxConfig {
            sites_available: self.sites_available.clone(),
            sites_enabled: self.sites_enabled.clone(),
            log: self.log.clone(),
            version_at: self.version_at,
            pid: Some(self.pid.clone()).filter(|path| !path.as_os_str().is_empty()),
            http: self.http_listen.clone(),
            https: self.https_listen.clone(),
            test,
            reload,
            ..NginxConfig::debian(self.folder.clone(), platform)
        }
    }
}
