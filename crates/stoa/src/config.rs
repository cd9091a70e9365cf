//! The configuration: one TOML file, three overrides from the environment, and every mistake in it
//! told at once. `default.toml` beside this file is both the defaults and their documentation.

mod acme;
mod validation;
mod dns;
mod ingress;
mod nginx;
mod traefik;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;

pub use acme::Acme;
pub use dns::Dns;
pub use ingress::EdgeKind;
pub use nginx::Nginx;
pub use traefik::Traefik;

/// All settings with their defaults, commented.
pub const DEFAULT: &str = include_str!("default.toml");

/// The configuration as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    pub edge: EdgeKind,
    pub listen: SocketAddr,
    pub public_port: u16,
    pub https_listen: String,
    pub https_port: u16,
    pub public_addresses: Vec<String>,
    pub base_domain: String,
    pub portal_hosts: Vec<String>,
    pub product_name: String,
    pub production: bool,
    pub database: String,
    pub docker_socket: PathBuf,
    pub blueprints: PathBuf,
    pub subnet_pool: String,
    pub main_memory: String,
    pub main_cpu: String,
    pub max_body: String,
    pub site_rate: u32,
    pub site_burst: u32,
    pub site_in_flight: u32,
    pub site_response_seconds: u32,
    pub memory_overcommit: f64,
    pub min_free_disk: String,
    pub workers: usize,
    pub lease_seconds: u32,
    pub delete_grace_days: u32,
    pub mail_from: String,
    pub staff_mail: String,
    pub trusted_proxies: Vec<String>,
    pub proxy_protocol: Vec<String>,
    pub hsts_days: u32,
    pub domain_claim_days: u32,
    pub resolvers: Vec<String>,
    pub access_log: bool,
    pub rates: RatesConfig,
    pub acme: Acme,
    pub dns: Dns,
    pub nginx: Nginx,
    pub traefik: Traefik,
}

/// Attempts from one address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatesConfig {
    login_minute: u32,
    login_hour: u32,
    staff_login_minute: u32,
    staff_login_hour: u32,
    sign_up_hour: u32,
}

impl Config {
    /// Reads `file` over the defaults, then the environment over both.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let text = match file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("reading the configuration {}", file.display()))?,
            None => String::new(),
        };
        let mut config = Self::parse(&text).with_context(|| {
            format!("reading the configuration {}", file.map_or("(defaults)".into(), |f| f.display().to_string()))
        })?;
        if let Ok(dir) = std::env::var("STOA_DATA_DIR") {
            config.data_dir = dir.into();
        }
        if let Ok(address) = std::env::var("STOA_LISTEN") {
            config.listen =
                address.parse().with_context(|| format!("STOA_LISTEN is {address:?}, not like 127.0.0.1:8080"))?;
        }
        if let Ok(url) = std::env::var("STOA_DATABASE") {
            config.database = url;
        }
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut table: toml::Table = toml::from_str(DEFAULT)?;
        merge(&mut table, toml::from_str(text)?);
        Ok(table.try_into()?)
    }

    /// Where the database is.
    pub fn database_url(&self) -> String {
        if self.database.is_empty() {
            format!("sqlite://{}?mode=rwc", self.data_dir.join("stoa.db").display())
        } else {
            self.database.clone()
        }
    }

    /// Where the master key is.
    pub fn key_path(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The names that the portal answers to.
    pub fn platform_hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.base_domain.clone()];
        if self.edge == EdgeKind::Traefik {
            hosts.push(self.traefik.stoa(self.listen).ip().to_string());
        }
        hosts.extend(self.portal_hosts.iter().filter(|host| **host != self.base_domain).cloned());
        hosts
    }
}

/// Settings of `over` win; tables are merged.
fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => drop(base.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use stoa_control::throttle::Rates;
    use stoa_model::limits::Bytes;

    use super::*;

    #[test]
    fn the_defaults_are_good() {
        let config = Config::parse("").unwrap();
        let settings = config.settings().unwrap();
        assert_eq!(settings.portal_url, "http://localhost:8080");
        assert_eq!(settings.rates.login_minute, Rates::default().login_minute);
        assert_eq!(settings.main_limits.memory, Bytes::mib(1024));
    }

    #[test]
    fn a_setting_wins_over_its_default_and_an_unknown_one_is_refused() {
        let config = Config::parse("listen = \"0.0.0.0:80\"\n[rates]\nlogin_minute = 9\n").unwrap();
        let settings = config.settings().unwrap();
        assert_eq!((settings.rates.login_minute, settings.rates.login_hour), (9, 20));
        assert_eq!(settings.portal_url, "http://localhost");
        assert_eq!(settings.edge_address.to_string(), "127.0.0.1:80");
        let error = Config::parse("listne = 1").unwrap_err().to_string();
        assert!(error.contains("listne"), "{error}");
    }

    #[test]
    fn traefik_may_have_plain_http_only() {
        let config = Config::parse("[traefik]\nhttps = \"\"\nstoa = \"10.0.0.1:80\"").unwrap();
        assert_eq!(config.traefik.https, None);
        assert_eq!(config.traefik.stoa(config.listen).port(), 80);
        assert_eq!(Config::parse("").unwrap().traefik.https.map(|at| at.port()), Some(443));
        let error = Config::parse("[traefik]\nhttps = \"443\"").unwrap_err().to_string();
        assert!(error.contains("https"), "{error}");
    }
}
