//! From the configuration to the settings that the service layer sees. Each mistake is noted beside a value that
//! lets the rest be checked, so that all are reported at once.

use std::{fmt::Display, net::IpAddr, time::Duration};

use anyhow::{Result, bail};
use stoa_core::{Settings, rate_limits};
use stoa_docker::Subnet;
use stoa_model::{host::Hostname, limits::Bytes, route::RouteLimits, text::EmailAddress};

use super::{
    Config, EdgeKind,
    ingress::{self, PublicAddresses},
    mistake::Mistake,
    report,
};

/// What was found wrong.
#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Puts a good value into its place and notes a bad one.
    fn assign<T, E: Display>(&mut self, key: &str, value: Result<T, E>, place: &mut T) {
        match value {
            Ok(value) => *place = value,
            Err(error) => self.note(key, error),
        }
    }

    /// A good value; a bad one is noted.
    fn good<T>(&mut self, value: Result<T, Mistake>) -> Option<T> {
        value.map_err(|mistake| self.0.push(mistake)).ok()
    }

    fn require(&mut self, holds: bool, key: &str, problem: &str) {
        if !holds {
            self.note(key, problem);
        }
    }

    fn note(&mut self, key: &str, problem: impl Display) {
        self.0.push(Mistake::new(key, problem));
    }
}

impl Config {
    /// The checked settings; all mistakes are reported at once.
    pub fn settings(&self) -> Result<Settings> {
        let (settings, mistakes) = self.validate();
        if !mistakes.is_empty() {
            bail!(report(mistakes));
        }
        Ok(settings)
    }

    /// The settings as far as they are good, and the mistakes.
    pub(super) fn validate(&self) -> (Settings, Vec<Mistake>) {
        let mut mistakes = Mistakes::default();
        let mut settings = Settings::trial(self.data_dir.clone(), self.blueprints.clone(), self.listen);
        self.validate_names(&mut mistakes, &mut settings);
        self.validate_sites(&mut mistakes, &mut settings);
        self.validate_operation(&mut mistakes, &mut settings);
        let addresses = mistakes.good(self.listen_addresses());
        if let Some(addresses) = addresses {
            self.set_addresses(addresses, &mut settings);
        }
        mistakes.good(self.trusted_proxies());
        mistakes.good(self.proxy_protocol_sources());
        self.validate_providers(&mut mistakes, &mut settings);
        mistakes.good(self.firewall_policy());
        settings.site_mail = mistakes.good(self.site_mail_settings()).unwrap_or_default();
        settings.billing = mistakes.good(self.billing_settings()).unwrap_or_default();
        mistakes.good(self.stripe_account());
        settings.firewall = self.firewall.enabled.then(|| self.firewall.state_dir.clone());
        mistakes.require(
            settings.acme.is_none() || addresses.is_none_or(|addresses| addresses.https.is_some()),
            self.https_key(),
            "certificates need HTTPS: set this, or remove acme.directory",
        );
        let at_source = |mistake: Mistake| {
            let source = self.sources.get(&mistake.key);
            mistake.at(source)
        };
        (settings, mistakes.0.into_iter().map(at_source).collect())
    }

    fn validate_names(&self, mistakes: &mut Mistakes, settings: &mut Settings) {
        settings.product_name.clone_from(&self.product_name);
        settings.production = self.production;
        settings.public_addresses.clone_from(&self.public_addresses);
        mistakes.assign("base_domain", Hostname::parse(&self.base_domain), &mut settings.base_domain);
        mistakes.require(
            !(self.production && self.base_domain == "localhost"),
            "base_domain",
            "`localhost` is for trials; set your own domain for production",
        );
        // Customers can't order addresses, so the service layer needs only the names.
        let is_address = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        for text in self.portal_hosts.iter().filter(|host| !is_address(host)) {
            match Hostname::parse(text) {
                Ok(host) => settings.portal_hosts.push(host),
                Err(error) => mistakes.note("portal_hosts", format!("{text:?}: {error}")),
            }
        }
    }

    /// The private network that Docker gives sites their networks from.
    ///
    /// # Errors
    /// If it is not one; `settings` tells that first, with its source.
    pub fn address_pool(&self) -> Result<Subnet> {
        self.subnet_pool.parse().map_err(|error: String| anyhow::anyhow!("subnet_pool: {error}"))
    }

    fn validate_sites(&self, mistakes: &mut Mistakes, settings: &mut Settings) {
        if let Err(error) = self.subnet_pool.parse::<Subnet>() {
            mistakes.note("subnet_pool", error);
        }
        mistakes.assign("main_memory", self.main_memory.parse(), &mut settings.main_limits.memory);
        mistakes.assign("main_cpu", self.main_cpu.parse(), &mut settings.main_limits.cpu);
        let mut max_body = Bytes(settings.site_edge.max_body);
        mistakes.assign("max_body", self.max_body.parse(), &mut max_body);
        settings.site_edge = RouteLimits {
            max_body: max_body.0,
            rate: self.site_rate,
            burst: self.site_burst,
            in_flight: self.site_in_flight,
            response_seconds: self.site_response_seconds,
        };
        mistakes.assign("site_disk", self.site_disk.parse(), &mut settings.site_disk);
        mistakes.assign("min_free_disk", self.min_free_disk.parse(), &mut settings.min_free_disk);
        let mtu = self.site_mtu == 0 || (1280..=65_535).contains(&self.site_mtu);
        mistakes.require(mtu, "site_mtu", "use 1280 to 65535, or 0");
        settings.sites_per_customer = self.sites_per_customer;
        settings.memory_overcommit = self.memory_overcommit;
        let range = 0.1..=1000.0;
        mistakes.require(range.contains(&self.memory_overcommit), "memory_overcommit", "use 0.1 to 1000");
        settings.claim_lifetime = days(self.domain_claim_days);
        settings.delete_grace = days(self.delete_grace_days);
        settings.name_rest = days(self.name_rest_days);
    }

    fn validate_operation(&self, mistakes: &mut Mistakes, settings: &mut Settings) {
        settings.site_metrics = self.site_metrics;
        settings.staff_second_factor = self.staff_second_factor;
        settings.lanes.interactive = self.workers;
        settings.lanes.maintenance = self.maintenance_workers;
        mistakes.require(self.workers > 0, "workers", "use 1 or more");
        mistakes.require(self.maintenance_workers > 0, "maintenance_workers", "use 1 or more");
        settings.lease = Duration::from_secs(u64::from(self.lease_seconds));
        mistakes.require((1..=3600).contains(&self.lease_seconds), "lease_seconds", "use 1 to 3600");
        settings.rates = rate_limits::Rates {
            login_minute: self.rates.login_minute,
            login_hour: self.rates.login_hour,
            staff_login_minute: self.rates.staff_login_minute,
            staff_login_hour: self.rates.staff_login_hour,
            sign_up_hour: self.rates.sign_up_hour,
            order_hour: self.rates.order_hour,
        };
        mistakes.assign("mail_from", EmailAddress::parse(&self.mail_from), &mut settings.mail_from);
        if !self.support_email.is_empty() {
            let address = EmailAddress::parse(&self.support_email).map(Some);
            mistakes.assign("support_email", address, &mut settings.support_email);
        }
        if !self.staff_mail.is_empty() {
            mistakes.assign("staff_mail", EmailAddress::parse(&self.staff_mail).map(Some), &mut settings.staff_mail);
        }
    }

    fn set_addresses(&self, addresses: PublicAddresses, settings: &mut Settings) {
        let (public_port, https_port) = self.ports_of(addresses);
        settings.edge_address = ingress::loopback(addresses.http);
        settings.edge_tls_address = addresses.https.map(ingress::loopback);
        (settings.public_port, settings.https_port) = (public_port, https_port);
        let base = &settings.base_domain;
        settings.portal_url = match (https_port, public_port) {
            (Some(443), _) => format!("https://{base}"),
            (Some(port), _) => format!("https://{base}:{port}"),
            (None, 80) => format!("http://{base}"),
            (None, port) => format!("http://{base}:{port}"),
        };
    }

    fn validate_providers(&self, mistakes: &mut Mistakes, settings: &mut Settings) {
        settings.acme = mistakes.good(self.acme.settings()).flatten();
        mistakes.good(self.dns.settings(&settings.base_domain));
        mistakes.good(self.mail.settings(&settings.mail_from));
        mistakes.good(self.mail.sender(settings.mail_from.clone(), &self.product_name));
        if self.edge == EdgeKind::Traefik {
            mistakes.good(self.traefik.settings(self.listen, &self.data_dir));
        }
    }
}

fn days(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * 24 * 3600)
}
