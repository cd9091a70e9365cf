//! From the configuration as written to the checked settings. Every mistake is noted beside a value
//! that lets the rest be checked, so that all are told at once.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Result, bail};
use stoa_control::{Settings, throttle::Rates};
use stoa_model::{host::Hostname, limits::Bytes, route::RouteLimits, text::EmailAddress};

use super::{Config, EdgeKind, RatesConfig, ingress};

/// Mistakes, each with the name of its setting.
#[derive(Default)]
struct Bad(Vec<String>);

impl Bad {
    /// Puts a good value into its place and notes a bad one.
    fn take<T, E: Display>(&mut self, name: &str, value: Result<T, E>, place: &mut T) {
        match value {
            Ok(value) => *place = value,
            Err(error) => self.0.push(format!("{name}: {error}")),
        }
    }

    /// A good value; an error names its setting by itself.
    fn good<T>(&mut self, value: Result<T>) -> Option<T> {
        value.map_err(|error| self.0.push(format!("{error:#}"))).ok()
    }

    /// Notes what is wrong unless it is `right`.
    fn must(&mut self, right: bool, wrong: &str) {
        if !right {
            self.0.push(wrong.to_owned());
        }
    }
}

impl Config {
    /// The checked settings; all mistakes are told at once.
    pub fn settings(&self) -> Result<Settings> {
        let mut bad = Bad::default();
        let mut settings = Settings::trial(self.data_dir.clone(), self.blueprints.clone(), self.listen);
        self.names(&mut bad, &mut settings);
        self.sites(&mut bad, &mut settings);
        self.operation(&mut bad, &mut settings);
        let addresses = bad.good(self.listen_addresses());
        if let Some((plain, secure)) = addresses {
            self.set_addresses(plain, secure, &mut settings);
        }
        bad.good(self.trusted());
        bad.good(self.announcing());
        bad.good(self.resolvers());
        self.providers(&mut bad, &mut settings);
        let in_vain = settings.acme.is_some() && addresses.is_some_and(|(_, secure)| secure.is_none());
        bad.must(!in_vain, "acme: certificates are of no use without `https_listen`");
        if !bad.0.is_empty() {
            bail!("the configuration has mistakes:\n  {}", bad.0.join("\n  "));
        }
        Ok(settings)
    }

    fn names(&self, bad: &mut Bad, settings: &mut Settings) {
        settings.product_name.clone_from(&self.product_name);
        settings.production = self.production;
        bad.take("base_domain", Hostname::parse(&self.base_domain), &mut settings.base_domain);
        bad.must(
            !(self.production && self.base_domain == "localhost"),
            "base_domain: `localhost` is for trials; set your own domain for production",
        );
        // Addresses are names of the portal too, but nobody could order them.
        let is_address = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        for text in self.portal_hosts.iter().filter(|host| !is_address(host)) {
            match Hostname::parse(text) {
                Ok(host) => settings.portal_hosts.push(host),
                Err(error) => bad.0.push(format!("portal_hosts: {text:?}: {error}")),
            }
        }
        for text in &self.public_addresses {
            match text.parse() {
                Ok(address) => settings.public_addresses.push(address),
                Err(error) => bad.0.push(format!("public_addresses: {text:?}: {error}")),
            }
        }
    }

    fn sites(&self, bad: &mut Bad, settings: &mut Settings) {
        bad.take("subnet_pool", self.subnet_pool.parse(), &mut settings.subnet_pool);
        bad.take("main_memory", self.main_memory.parse(), &mut settings.main_limits.memory);
        bad.take("main_cpu", self.main_cpu.parse(), &mut settings.main_limits.cpu);
        let mut body = Bytes(settings.site_edge.max_body);
        bad.take("max_body", self.max_body.parse(), &mut body);
        settings.site_edge = RouteLimits {
            max_body: body.0,
            rate: self.site_rate,
            burst: self.site_burst,
            in_flight: self.site_in_flight,
            response_seconds: self.site_response_seconds,
        };
        bad.take("min_free_disk", self.min_free_disk.parse(), &mut settings.min_free_disk);
        settings.memory_overcommit = self.memory_overcommit;
        bad.must((0.1..=1000.0).contains(&self.memory_overcommit), "memory_overcommit: use 0.1 to 1000");
        settings.claim_lifetime = days(self.domain_claim_days);
        settings.delete_grace = days(self.delete_grace_days);
    }

    fn operation(&self, bad: &mut Bad, settings: &mut Settings) {
        settings.workers = self.workers;
        bad.must(self.workers > 0, "workers: use 1 at least");
        settings.lease = Duration::from_secs(u64::from(self.lease_seconds));
        bad.must((1..=3600).contains(&self.lease_seconds), "lease_seconds: use 1 to 3600");
        settings.rates = self.rates.rates();
        bad.take("mail_from", EmailAddress::parse(&self.mail_from), &mut settings.mail_from);
        if !self.staff_mail.is_empty() {
            bad.take("staff_mail", EmailAddress::parse(&self.staff_mail).map(Some), &mut settings.staff_mail);
        }
    }

    fn set_addresses(&self, plain: SocketAddr, secure: Option<SocketAddr>, settings: &mut Settings) {
        let (public_port, https_port) = self.ports_of(plain, secure);
        settings.edge_address = ingress::loopback(plain);
        settings.edge_tls_address = secure.map(ingress::loopback);
        (settings.public_port, settings.https_port) = (public_port, https_port);
        let base = &settings.base_domain;
        settings.portal_url = match (https_port, public_port) {
            (Some(443), _) => format!("https://{base}"),
            (Some(port), _) => format!("https://{base}:{port}"),
            (None, 80) => format!("http://{base}"),
            (None, port) => format!("http://{base}:{port}"),
        };
    }

    fn providers(&self, bad: &mut Bad, settings: &mut Settings) {
        bad.take("acme", self.acme.settings(), &mut settings.acme);
        if let Err(error) = self.dns.settings(&settings.base_domain) {
            bad.0.push(format!("dns: {error}"));
        }
        if self.edge == EdgeKind::Traefik
            && let Err(error) = self.traefik.settings(self.listen, &self.data_dir)
        {
            bad.0.push(error);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        Config::parse(text).unwrap().settings().unwrap_err().to_string()
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let bad = [
            ("base_domain", "\"a b\""),
            ("main_memory", "\"much\""),
            ("https_listen", "\"443\""),
            ("portal_hosts", "[\"127.0.0.1\", \"por tal\"]"),
            ("public_addresses", "[\"here\"]"),
            ("trusted_proxies", "[\"10.0.0.0/99\"]"),
            ("proxy_protocol", "[\"lb\"]"),
            ("resolvers", "[\"9.9.9.9\"]"),
            ("workers", "0"),
            ("lease_seconds", "0"),
        ];
        let text: String = bad.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let told = mistakes(&text);
        for (name, _) in bad {
            assert!(told.contains(&format!("  {name}: ")), "{name} is not told of in {told}");
        }
        assert_eq!(told.lines().count(), bad.len() + 1, "{told}");
        assert!(mistakes("production = true").contains("base_domain"));
    }

    #[test]
    fn a_way_in_that_can_not_be_read_is_one_mistake() {
        let acme = "[acme]\ndirectory = \"https://ca.example/\"\n";
        assert!(mistakes(acme).contains("of no use without `https_listen`"));
        let told = mistakes(&format!("https_listen = \"x\"\n{acme}"));
        assert!(told.contains("https_listen: \"x\"") && told.lines().count() == 2, "{told}");
        assert!(mistakes("edge = \"nginx\"\n[nginx]\nhttp_listen = []").contains("nginx.http_listen"));
    }
}
