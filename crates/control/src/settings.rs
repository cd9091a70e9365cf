//! What the operator decides. The binary reads it from the configuration file; this crate only
//! sees the checked values.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use stoa_model::{
    host::Hostname,
    id::{CustomerId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    net::Subnet,
    text::EmailAddress,
};

use crate::throttle::Rates;

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name on screen.
    pub product_name: String,
    /// Sites live under this name.
    pub base_domain: Hostname,
    /// Port of the edge as visitors see it.
    pub public_port: u16,
    /// Address of the portal, without a slash at the end.
    pub portal_url: String,
    /// Whether defaults that suit a trial are refused.
    pub production: bool,
    /// Everything that Stoa keeps.
    pub data_dir: PathBuf,
    /// Folder of blueprints.
    pub blueprints_dir: PathBuf,
    /// Private addresses for sites; every site gets a block of 16.
    pub subnet_pool: Subnet,
    /// Limits of a site's main service.
    pub main_limits: Limits,
    /// Largest request body of a site in bytes.
    pub max_body: u64,
    /// How many times the machine's memory the limits of all sites may add up to.
    pub memory_overcommit: f64,
    /// New sites are refused when the disk has less room.
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
            production: false,
            data_dir,
            blueprints_dir,
            subnet_pool: "10.213.0.0/16".parse().expect("a constant network"),
            main_limits: Limits { memory: Bytes::mib(1024), cpu: MilliCpu(1000), pids: 200 },
            max_body: 100 << 20,
            memory_overcommit: 4.0,
            min_free_disk: Bytes::mib(1024),
            workers: 3,
            lease: Duration::from_secs(15),
            start_limit: Duration::from_secs(120),
            delete_grace: Duration::from_secs(7 * 24 * 3600),
            edge_address,
            rates: Rates::default(),
            mail_from: EmailAddress::parse("stoa@example.com").expect("a constant address"),
            staff_mail: None,
        }
    }

    /// Where a site's own files lie; the names in it are ids, never what a customer typed.
    pub fn site_directory(&self, customer: CustomerId, site: SiteId) -> PathBuf {
        self.data_dir.join("sites").join(customer.uuid().to_string()).join(site.uuid().to_string())
    }

    /// The address of a site as its visitors type it.
    pub fn site_url(&self, hostname: &Hostname) -> String {
        format!("http://{hostname}{}", port_suffix(self.public_port))
    }
}

/// `:8080`, or nothing for the port that browsers leave out.
fn port_suffix(port: u16) -> String {
    if port == 80 { String::new() } else { format!(":{port}") }
}
