//! The configuration: one TOML file, three overrides from the environment, and every mistake in it
//! told at once. `default.toml` beside this file is both the defaults and their documentation.

mod acme;
mod dns;
mod front;
mod nginx;
mod traefik;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use stoa_control::{Settings, throttle::Rates};
use stoa_model::{
    host::Hostname,
    limits::{Bytes, Limits},
    route::RouteLimits,
    text::EmailAddress,
};

pub use acme::Acme;
pub use dns::Dns;
pub use front::EdgeKind;
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

    /// The checked settings; all mistakes are told at once.
    pub fn settings(&self) -> Result<Settings> {
        let mut bad = Vec::new();
        let (plain, secure) = self.doors()?;
        let (public_port, https_port) = self.public_ports()?;
        let mut trial = Settings::trial(self.data_dir.clone(), self.blueprints.clone(), front::loopback(plain));
        take(&mut bad, "base_domain", Hostname::parse(&self.base_domain), &mut trial.base_domain);
        take(&mut bad, "subnet_pool", self.subnet_pool.parse(), &mut trial.subnet_pool);
        let mut memory = Bytes::mib(1024);
        take(&mut bad, "main_memory", self.main_memory.parse(), &mut memory);
        let mut cpu = trial.main_limits.cpu;
        take(&mut bad, "main_cpu", self.main_cpu.parse(), &mut cpu);
        let mut body = Bytes(trial.site_edge.max_body);
        take(&mut bad, "max_body", self.max_body.parse(), &mut body);
        take(&mut bad, "min_free_disk", self.min_free_disk.parse(), &mut trial.min_free_disk);
        take(&mut bad, "mail_from", EmailAddress::parse(&self.mail_from), &mut trial.mail_from);
        if !self.staff_mail.is_empty() {
            take(&mut bad, "staff_mail", EmailAddress::parse(&self.staff_mail).map(Some), &mut trial.staff_mail);
        }
        if !(0.1..=1000.0).contains(&self.memory_overcommit) {
            bad.push("memory_overcommit: use 0.1 to 1000".to_owned());
        }
        if !(1..=3600).contains(&self.lease_seconds) {
            bad.push("lease_seconds: use 1 to 3600".to_owned());
        }
        if self.production && self.base_domain == "localhost" {
            bad.push("base_domain: `localhost` is for trials; set your own domain for production".to_owned());
        }
        let mut addresses = Vec::new();
        for text in &self.public_addresses {
            let mut address = std::net::IpAddr::from([0, 0, 0, 0]);
            take(&mut bad, "public_addresses", text.parse(), &mut address);
            addresses.push(address);
        }
        let mut acme = None;
        take(&mut bad, "acme", self.acme.settings(), &mut acme);
        if let Err(error) = self.dns.settings(&trial.base_domain) {
            bad.push(format!("dns: {error}"));
        }
        if self.edge == EdgeKind::Traefik
            && let Err(error) = self.traefik.settings(self.listen, &self.data_dir)
        {
            bad.push(error);
        }
        if acme.is_some() && secure.is_none() {
            bad.push("acme: certificates are of no use without `https_listen`".to_owned());
        }
        if !bad.is_empty() {
            bail!("the configuration has mistakes:\n  {}", bad.join("\n  "));
        }
        let suffix = if public_port == 80 { String::new() } else { format!(":{public_port}") };
        Ok(Settings {
            product_name: self.product_name.clone(),
            public_port,
            portal_url: match https_port {
                Some(443) => format!("https://{}", trial.base_domain),
                Some(port) => format!("https://{}:{port}", trial.base_domain),
                None => format!("http://{}{suffix}", trial.base_domain),
            },
            https_port,
            portal_hosts: named(&self.portal_hosts),
            edge_tls_address: secure.map(front::loopback),
            public_addresses: addresses,
            acme,
            claim_lifetime: days(self.domain_claim_days),
            production: self.production,
            main_limits: Limits { memory, cpu, ..trial.main_limits },
            site_edge: RouteLimits {
                max_body: body.0,
                rate: self.site_rate,
                burst: self.site_burst,
                in_flight: self.site_in_flight,
                response_seconds: self.site_response_seconds,
            },
            memory_overcommit: self.memory_overcommit,
            workers: self.workers.max(1),
            lease: Duration::from_secs(u64::from(self.lease_seconds)),
            delete_grace: days(self.delete_grace_days),
            rates: self.rates.rates(),
            ..trial
        })
    }
}

/// Those that are names, and no addresses.
fn named(hosts: &[String]) -> Vec<Hostname> {
    let names = hosts.iter().filter(|host| host.parse::<std::net::IpAddr>().is_err());
    names.filter_map(|host| Hostname::parse(host).ok()).collect()
}

fn days(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * 24 * 3600)
}

impl RatesConfig {
    fn rates(&self) -> Rates {
        Rates {
            login_minute: self.login_minute,
            login_hour: self.login_hour,
            staff_login_minute: self.staff_login_minute,
            staff_login_hour: self.staff_login_hour,
            sign_up_hour: self.sign_up_hour,
        }
    }
}

/// Puts a good value into its place and notes a bad one.
fn take<T, E: std::fmt::Display>(bad: &mut Vec<String>, name: &str, value: Result<T, E>, place: &mut T) {
    match value {
        Ok(value) => *place = value,
        Err(error) => bad.push(format!("{name}: {error}")),
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

    #[test]
    fn all_mistakes_are_told_at_once() {
        let config = Config::parse("base_domain = \"a b\"\nmain_memory = \"much\"\nproduction = true").unwrap();
        let error = config.settings().unwrap_err().to_string();
        assert!(error.contains("base_domain") && error.contains("main_memory"), "{error}");
        let config = Config::parse("production = true").unwrap();
        assert!(config.settings().unwrap_err().to_string().contains("base_domain"));
    }
}
