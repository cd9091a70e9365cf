//! `[dns]`: the provider that hosts the platform's own zone.

use std::fmt::Display;

use stoa_integrations::dns::{DnsAccess, DnsConfig, Token, Transport, TsigAlgorithm};
use stoa_model::{host::Hostname, secret::SecretString};

use super::{mistake::Mistake, schema::settings};

settings! {
    /// The provider that hosts the platform's own zone. With one, Stoa creates the records itself: the
    /// addresses of sites and the challenge for the wildcard certificate. See docs/dns.md.
    pub struct Dns in "dns" {
        /// none, rfc2136, cloudflare, digitalocean, desec, hetzner or powerdns. The old name of this
        /// setting, `maker`, is still accepted.
        provider: String = "none",
        /// The zone as the provider names it; empty: `base_domain`.
        zone: String = "",
        /// Seconds for which resolvers may cache a record.
        ttl_seconds: u32 = 300,
        /// The provider's API token, or the TSIG key in base64.
        token: SecretString = "",
        /// Another URL for the provider's API. Required for powerdns, such as http://127.0.0.1:8081
        api: String = "",
        /// rfc2136: address of the zone's primary server, such as 127.0.0.1:53
        server: String = "",
        /// rfc2136: tcp or udp.
        transport: String = "tcp",
        /// rfc2136: name of the TSIG key.
        key: String = "stoa",
        /// rfc2136: algorithm of the TSIG key: hmac-sha256, hmac-sha384 or hmac-sha512.
        algorithm: String = "hmac-sha256",
    }
}

impl Dns {
    /// The checked settings; nothing for `none`.
    pub fn settings(&self, base: &Hostname) -> Result<Option<DnsConfig>, Mistake> {
        if self.provider == "none" {
            return Ok(None);
        }
        let access = self.access()?;
        let zone = if self.zone.is_empty() {
            base.clone()
        } else {
            Hostname::parse(&self.zone).map_err(|error| Mistake::new("dns.zone", error))?
        };
        Ok(Some(DnsConfig { zone, ttl: self.ttl_seconds, access }))
    }

    fn access(&self) -> Result<DnsAccess, Mistake> {
        let secret = self.token.clone();
        let token = |token| Token { token, api: Some(self.api.clone()).filter(|api| !api.is_empty()) };
        Ok(match self.provider.as_str() {
            "rfc2136" => DnsAccess::Rfc2136 {
                server: self.server.parse().map_err(|_| {
                    Mistake::new("dns.server", format!("{:?} is not an address such as 127.0.0.1:53", self.server))
                })?,
                transport: self.transport()?,
                key: self.key.clone(),
                algorithm: self.algorithm()?,
                secret,
            },
            "cloudflare" => DnsAccess::Cloudflare(token(secret)),
            "digitalocean" => DnsAccess::DigitalOcean(token(secret)),
            "desec" => DnsAccess::Desec(token(secret)),
            "hetzner" => DnsAccess::Hetzner(token(secret)),
            "powerdns" => DnsAccess::PowerDns { api: self.api.clone(), server: "localhost".into(), key: secret },
            other => {
                let known = "none, rfc2136, cloudflare, digitalocean, desec, hetzner, powerdns";
                return Err(not_one_of("dns.provider", other, known));
            }
        })
    }

    fn transport(&self) -> Result<Transport, Mistake> {
        match self.transport.as_str() {
            "udp" => Ok(Transport::Udp),
            "tcp" => Ok(Transport::Tcp),
            other => Err(not_one_of("dns.transport", other, "udp, tcp")),
        }
    }

    fn algorithm(&self) -> Result<TsigAlgorithm, Mistake> {
        match self.algorithm.as_str() {
            "hmac-sha256" => Ok(TsigAlgorithm::HmacSha256),
            "hmac-sha384" => Ok(TsigAlgorithm::HmacSha384),
            "hmac-sha512" => Ok(TsigAlgorithm::HmacSha512),
            other => Err(not_one_of("dns.algorithm", other, "hmac-sha256, hmac-sha384, hmac-sha512")),
        }
    }
}

fn not_one_of(key: &str, value: &str, known: impl Display) -> Mistake {
    Mistake::new(key, format!("{value:?} is not one of {known}"))
}
