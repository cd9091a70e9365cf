//! The operator's settings. The binary reads and validates the configuration file; this crate sees only valid
//! values.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use stoa_integrations::acme::AcmeConfig;
use stoa_model::{
    billing::{access::DunningPeriods, money::Currency},
    host::Hostname,
    id::{CustomerId, SiteId},
    job::Lane,
    limits::{Bytes, Limits, MilliCpu},
    route::RouteLimits,
    text::EmailAddress,
};

use crate::rate_limits::Rates;

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The product's name on screen.
    pub product_name: String,
    /// Sites have subdomains of this domain.
    pub base_domain: Hostname,
    /// Port of the edge as visitors see it.
    pub public_port: u16,
    /// Port of the edge for HTTPS as visitors see it; without one, everything is plain HTTP.
    pub https_port: Option<u16>,
    /// Public addresses of this machine, which customers' domains must point to. If empty, where domains point is
    /// not checked.
    pub public_addresses: Vec<IpAddr>,
    /// Address of the portal, without a slash at the end.
    pub portal_url: String,
    /// Hostnames of the portal besides the base domain; no site can have them.
    pub portal_hosts: Vec<Hostname>,
    /// Whether to reject defaults that are only fit for a trial.
    pub production: bool,
    /// Directory of all data that Stoa stores.
    pub data_dir: PathBuf,
    /// Folder of blueprints.
    pub blueprints_dir: PathBuf,
    /// Limits of a site's main service.
    pub main_limits: Limits,
    /// Limits at the edge for a new site.
    pub site_edge: RouteLimits,
    /// Maximum sum of all sites' memory limits, as a multiple of the machine's memory.
    pub memory_overcommit: f64,
    /// What a site may store unless it has a limit of its own; 0: no limit.
    pub site_disk: Bytes,
    /// New sites are refused when the disk of the platform's or the engine's data has less free space.
    pub min_free_disk: Bytes,
    /// Sites that a customer may have, those that are being deleted included; 0: no limit. Staff order beyond it.
    pub sites_per_customer: u32,
    /// Maximum number of concurrent jobs in each lane.
    pub lanes: LaneSizes,
    /// How long a worker may go without a heartbeat before another one takes over its job.
    pub lease: Duration,
    /// How long a site may take to respond after its start.
    pub start_limit: Duration,
    /// How long a deleted site can be restored.
    pub delete_grace: Duration,
    /// How long the name of a purged site is kept for its former owner.
    pub name_rest: Duration,
    /// Address of the edge for requests from this process, which tests a site as visitors see it.
    pub edge_address: SocketAddr,
    /// `edge_address` for HTTPS.
    pub edge_tls_address: Option<SocketAddr>,
    /// The certificate authority, if certificates are issued.
    pub acme: Option<AcmeSettings>,
    /// Time allowed for domain verification.
    pub claim_lifetime: Duration,
    /// Interval between checks that a verified domain still points to this machine.
    pub domain_recheck: Duration,
    /// Limits on attempts.
    pub rates: Rates,
    /// Whether staff must use a second factor.
    pub staff_second_factor: bool,
    /// Whether metrics have series per site and per certificate.
    pub site_metrics: bool,
    /// Sender of all mail.
    pub mail_from: EmailAddress,
    /// Where customers get help; e-mail to them names it.
    pub support_email: Option<EmailAddress>,
    /// Recipient of failure alerts.
    pub staff_mail: Option<EmailAddress>,
    /// Mail that sites send.
    pub site_mail: SiteMailSettings,
    /// How customers pay.
    pub billing: BillingSettings,
    /// Where the keeper of the tenant firewall writes what it found; `None`: the operator switched it off.
    pub firewall: Option<PathBuf>,
}

impl Settings {
    /// Settings for a trial on one machine, with all data under `data_dir`.
    ///
    /// # Panics
    /// Never: the constants in it are well formed.
    pub fn trial(data_dir: PathBuf, blueprints_dir: PathBuf, edge_address: SocketAddr) -> Self {
        let port = edge_address.port();
        Self {
            product_name: "Stoa".into(),
            base_domain: Hostname::parse("localhost").expect("a constant hostname"),
            public_port: port,
            portal_url: format!("http://localhost{}", port_suffix(port)),
            portal_hosts: Vec::new(),
            production: false,
            data_dir,
            blueprints_dir,
            main_limits: Limits { memory: Bytes::mib(1024), cpu: MilliCpu(1000), pids: 200 },
            https_port: None,
            public_addresses: Vec::new(),
            site_edge: RouteLimits::body(100 << 20),
            memory_overcommit: 4.0,
            site_disk: Bytes::mib(10 << 10),
            min_free_disk: Bytes::mib(1024),
            sites_per_customer: 50,
            lanes: LaneSizes::default(),
            lease: Duration::from_secs(15),
            start_limit: Duration::from_secs(120),
            delete_grace: Duration::from_secs(7 * 24 * 3600),
            name_rest: Duration::from_secs(7 * 24 * 3600),
            edge_address,
            edge_tls_address: None,
            acme: None,
            claim_lifetime: Duration::from_secs(7 * 24 * 3600),
            domain_recheck: Duration::from_secs(24 * 3600),
            rates: Rates::default(),
            staff_second_factor: false,
            site_metrics: true,
            mail_from: EmailAddress::parse("stoa@example.com").expect("a constant address"),
            support_email: None,
            staff_mail: None,
            site_mail: SiteMailSettings::default(),
            billing: BillingSettings::default(),
            firewall: None,
        }
    }

    /// Directory of a site's files. Its path consists of ids, never of customer input.
    pub fn site_directory(&self, customer: CustomerId, site: SiteId) -> PathBuf {
        self.data_dir.join("sites").join(customer.uuid().to_string()).join(site.uuid().to_string())
    }

    /// Whether the portal answers to this name, which can't be a site's.
    pub fn is_portal_name(&self, name: &Hostname) -> bool {
        *name == self.base_domain || self.portal_hosts.contains(name)
    }

    /// The portal's URL; before a certificate covers its name, that of plain HTTP, where the portal answers until then.
    pub fn portal_url_now(&self, is_covered: bool) -> String {
        if is_covered || self.https_port.is_none() {
            return self.portal_url.clone();
        }
        format!("http://{}{}", self.base_domain, port_suffix(self.public_port))
    }

    /// The URL of a site for its visitors; pass `secure` if a certificate covers its hostname.
    pub fn site_url(&self, hostname: &Hostname, secure: bool) -> String {
        match self.https_port.filter(|_| secure) {
            Some(443) => format!("https://{hostname}"),
            Some(port) => format!("https://{hostname}:{port}"),
            None => format!("http://{hostname}{}", port_suffix(self.public_port)),
        }
    }
}

/// `:8080`, or empty for the default port of HTTP.
fn port_suffix(port: u16) -> String {
    if port == 80 { String::new() } else { format!(":{port}") }
}

/// Mail that sites send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteMailSettings {
    /// Port of the relay for sites; `None`: there is none.
    pub port: Option<u16>,
    /// Messages of one site that leave per hour, counted once for each recipient; 0: no limit.
    pub hourly_messages: u32,
    /// Bytes of one site's messages that leave per day; 0: no limit.
    pub daily_bytes: Bytes,
    /// What the SPF records of customers' domains must contain, such as `include:spf.example.com`.
    pub spf: Option<String>,
}

impl Default for SiteMailSettings {
    fn default() -> Self {
        Self { port: Some(5587), hourly_messages: 200, daily_bytes: Bytes::mib(100), spf: None }
    }
}

/// How customers pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingSettings {
    /// The currency that a new plan begins with.
    pub currency: Currency,
    /// How customers pay whose payments the operator collects, such as a bank account. Shown with each amount that is due.
    pub payment_instructions: String,
    /// What follows from an overdue payment, and when.
    pub dunning: DunningPeriods,
}

impl Default for BillingSettings {
    fn default() -> Self {
        Self { currency: Currency::EUR, payment_instructions: String::new(), dunning: DunningPeriods::DEFAULT }
    }
}

/// The certificate authority and its limits.
#[derive(Debug, Clone)]
pub struct AcmeSettings {
    /// The certificate authority and our account there.
    pub ca: AcmeConfig,
    /// Limits on orders.
    pub allowance: IssuanceLimits,
    /// How long to wait for a new site's first certificate. After that, the site is served over plain HTTP until
    /// there is one.
    pub first_wait: Duration,
    /// How long to wait until a new DNS record is visible.
    pub dns_wait: Duration,
}

/// Limits that we enforce to stay below the rate limits of the certificate authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuanceLimits {
    /// Refused orders per name and hour.
    pub failures_per_hour: u64,
    /// Certificates for exactly the same names per week.
    pub same_per_week: u64,
    /// Orders of the account per three hours.
    pub orders_per_3_hours: u64,
    /// Certificates for names below the platform's own domain per week.
    pub own_per_week: u64,
}

impl IssuanceLimits {
    /// Those of Let's Encrypt (<https://letsencrypt.org/docs/rate-limits/>), minus one.
    pub const LETS_ENCRYPT: Self =
        Self { failures_per_hour: 4, same_per_week: 4, orders_per_3_hours: 299, own_per_week: 49 };
    /// Of an authority whose limits are not known: it says so itself when one is reached.
    pub const UNKNOWN: Self =
        Self { failures_per_hour: 4, same_per_week: u64::MAX, orders_per_3_hours: u64::MAX, own_per_week: u64::MAX };

    /// The limits of the authority with this directory.
    pub fn of_authority(directory: &str) -> Self {
        let host =
            directory.strip_prefix("https://").and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
        if host == "letsencrypt.org" || host.ends_with(".letsencrypt.org") { Self::LETS_ENCRYPT } else { Self::UNKNOWN }
    }
}

/// How many jobs of each lane work at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSizes {
    /// Of [`Lane::Interactive`].
    pub interactive: usize,
    /// Of [`Lane::Build`].
    pub build: usize,
    /// Of [`Lane::Backup`].
    pub backup: usize,
    /// Of [`Lane::Maintenance`].
    pub maintenance: usize,
}

impl Default for LaneSizes {
    fn default() -> Self {
        Self { interactive: 4, build: 1, backup: 1, maintenance: 2 }
    }
}

impl LaneSizes {
    /// The size of this lane.
    pub const fn of(&self, lane: Lane) -> usize {
        match lane {
            Lane::Interactive => self.interactive,
            Lane::Build => self.build,
            Lane::Backup => self.backup,
            Lane::Maintenance => self.maintenance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portals_address_is_one_that_works() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let mut settings = Settings::trial("data".into(), "blueprints".into(), address);
        assert_eq!(settings.portal_url_now(false), "http://localhost:8080");
        (settings.https_port, settings.public_port) = (Some(8443), 80);
        settings.portal_url = "https://localhost:8443".into();
        assert_eq!(
            settings.portal_url_now(false),
            "http://localhost",
            "nothing answers over HTTPS without a certificate"
        );
        assert_eq!(settings.portal_url_now(true), "https://localhost:8443");
    }
}
