//! What the operator decides. The binary reads it from the configuration file; this crate only
//! sees the checked values.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use stoa_integrations::acme::AcmeConfig;
use stoa_model::{
    host::Hostname,
    id::{CustomerId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    route::RouteLimits,
    text::EmailAddress,
};

use crate::rate_limits::Rates;

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name on screen.
    pub product_name: String,
    /// Sites live under this name.
    pub base_domain: Hostname,
    /// Port of the edge as visitors see it.
    pub public_port: u16,
    /// Port of the edge for HTTPS as visitors see it; without one, all is plain HTTP.
    pub https_port: Option<u16>,
    /// Addresses of this machine as the world sees them: what customers' domains must lead to.
    /// Without any, where a domain leads is not checked.
    pub public_addresses: Vec<IpAddr>,
    /// Address of the portal, without a slash at the end.
    pub portal_url: String,
    /// Names beside the base domain that the portal answers to: no customer's.
    pub portal_hosts: Vec<Hostname>,
    /// Whether defaults that suit a trial are refused.
    pub production: bool,
    /// Everything that Stoa keeps.
    pub data_dir: PathBuf,
    /// Folder of blueprints.
    pub blueprints_dir: PathBuf,
    /// Limits of a site's main service.
    pub main_limits: Limits,
    /// What a new site's visitors may use of the edge.
    pub site_edge: RouteLimits,
    /// How many times the machine's memory the limits of all sites may add up to.
    pub memory_overcommit: f64,
    /// New sites are refused when the disk of the platform's data or of the engine's has less room.
    pub min_free_disk: Bytes,
    /// Jobs at once.
    pub workers: usize,
    /// How long a worker may be silent before another takes its job up.
    pub lease: Duration,
    /// How long a site may take to answer after its start.
    pub start_limit: Duration,
    /// How long a deleted site can be brought back.
    pub delete_grace: Duration,
    /// Where the edge can be reached from this process, to see a site as its visitors do.
    pub edge_address: SocketAddr,
    /// The same for HTTPS.
    pub edge_tls_address: Option<SocketAddr>,
    /// Who issues certificates, if anybody.
    pub acme: Option<AcmeSettings>,
    /// How long a customer may take to prove that a domain is his.
    pub claim_lifetime: Duration,
    /// How often it is made sure that a proven domain still leads here.
    pub domain_recheck: Duration,
    /// Limits on attempts.
    pub rates: Rates,
    /// Sender of all mail.
    pub mail_from: EmailAddress,
    /// Who is told of failures.
    pub staff_mail: Option<EmailAddress>,
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
            min_free_disk: Bytes::mib(1024),
            workers: 3,
            lease: Duration::from_secs(15),
            start_limit: Duration::from_secs(120),
            delete_grace: Duration::from_secs(7 * 24 * 3600),
            edge_address,
            edge_tls_address: None,
            acme: None,
            claim_lifetime: Duration::from_secs(7 * 24 * 3600),
            domain_recheck: Duration::from_secs(24 * 3600),
            rates: Rates::default(),
            mail_from: EmailAddress::parse("stoa@example.com").expect("a constant address"),
            staff_mail: None,
        }
    }

    /// Where a site's own files lie; the names in it are ids, never what a customer typed.
    pub fn site_directory(&self, customer: CustomerId, site: SiteId) -> PathBuf {
        self.data_dir.join("sites").join(customer.uuid().to_string()).join(site.uuid().to_string())
    }

    /// The address of a site as its visitors type it; `secure` if a certificate covers its name.
    pub fn site_url(&self, hostname: &Hostname, secure: bool) -> String {
        match self.https_port.filter(|_| secure) {
            Some(443) => format!("https://{hostname}"),
            Some(port) => format!("https://{hostname}:{port}"),
            None => format!("http://{hostname}{}", port_suffix(self.public_port)),
        }
    }
}

/// `:8080`, or nothing for the port that browsers leave out.
fn port_suffix(port: u16) -> String {
    if port == 80 { String::new() } else { format!(":{port}") }
}

/// Where certificates come from, and how often it may be asked for one.
#[derive(Debug, Clone)]
pub struct AcmeSettings {
    /// The certificate authority and our account there.
    pub ca: AcmeConfig,
    /// What the authority lets us ask.
    pub allowance: IssuanceLimits,
    /// How long a new site's first certificate is waited for; then it is served over plain HTTP
    /// until there is one.
    pub first_wait: Duration,
    /// How long it may take until the world sees a new DNS record.
    pub dns_wait: Duration,
}

/// What a certificate authority lets one account ask, so that we stop before it stops us. The
/// defaults are those of Let's Encrypt (<https://letsencrypt.org/docs/rate-limits/>), less one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuanceLimits {
    /// Refused orders of one name within an hour.
    pub failures_per_hour: u64,
    /// Certificates for exactly the same names within a week.
    pub same_per_week: u64,
    /// Orders of the account within three hours.
    pub orders_per_3_hours: u64,
    /// Certificates for names below the platform's own domain within a week.
    pub own_per_week: u64,
}

impl Default for IssuanceLimits {
    fn default() -> Self {
        Self { failures_per_hour: 4, same_per_week: 4, orders_per_3_hours: 299, own_per_week: 49 }
    }
}
