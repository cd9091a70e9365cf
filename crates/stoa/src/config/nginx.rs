//! `[nginx]`: for `edge = "nginx"`.

use std::{net::SocketAddr, path::PathBuf};

use stoa_edge::nginx::{NginxConfig, commands};

use super::schema::settings;

settings! {
    /// For `edge = "nginx"`. The main configuration must include the files in `sites_enabled`.
    pub struct Nginx in "nginx" {
        /// The program.
        binary: PathBuf = "/usr/sbin/nginx",
        /// The main configuration.
        main_config: PathBuf = "/etc/nginx/nginx.conf",
        /// Its PID file, to signal a reload directly; empty: run `nginx -s reload`.
        pid: PathBuf = "/run/nginx.pid",
        /// Folder of the sites' configurations.
        sites_available: PathBuf = "/etc/nginx/sites-available",
        /// Folder of the links to those that nginx loads.
        sites_enabled: PathBuf = "/etc/nginx/sites-enabled",
        /// Folder for certificates, error pages and state. nginx's workers must be able to read the pages.
        folder: PathBuf = "/var/lib/stoa-nginx",
        /// nginx's access log of the sites, from which Stoa counts traffic.
        log: PathBuf = "/var/log/nginx/stoa.jsonl",
        /// Loopback address on which nginx reports the configuration that it has loaded.
        version_at: SocketAddr = "127.0.0.1:9180",
        /// Addresses on which nginx listens for HTTP.
        http_listen: Vec<SocketAddr> = ["0.0.0.0:80", "[::]:80"],
        /// Addresses on which nginx listens for HTTPS.
        https_listen: Vec<SocketAddr> = ["0.0.0.0:443", "[::]:443"],
    }
}

impl Nginx {
    /// The provider's own settings; `platform` is where Stoa listens behind nginx.
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
