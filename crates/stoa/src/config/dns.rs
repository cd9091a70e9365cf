//! `[dns]`: who keeps the records of the platform's own zone.

use std::path::PathBuf;

use serde::Deserialize;
use stoa_integrations::dns::{DnsAccess, DnsConfig, Token, Transport, TsigAlgorithm};
use stoa_model::{host::Hostname, secret::SecretString};

/// The section as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    maker: String,
    zone: String,
    ttl_seconds: u32,
    token: SecretString,
    token_file: PathBuf,
    api: String,
    server: String,
    transport: String,
    key: String,
    algorithm: String,
}

impl Dns {
    /// The checked settings; nothing for `none`.
    pub fn settings(&self, base: &Hostname) -> Result<Option<DnsConfig>, String> {
        if self.maker == "none" {
            return Ok(None);
        }
        let access = self.access(self.secret()?)?;
        let zone = if self.zone.is_empty() {
            base.clone()
        } else {
            Hostname::parse(&self.zone).map_err(|e| format!("zone: {e}"))?
        };
        Ok(Some(DnsConfig { zone, ttl: self.ttl_seconds, access }))
    }

    fn access(&self, secret: SecretString) -> Result<DnsAccess, String> {
        let token = |token| Token { token, api: Some(self.api.clone()).filter(|api| !api.is_empty()) };
        Ok(match self.maker.as_str() {
            "rfc2136" => DnsAccess::Rfc2136 {
                server: self
                    .server
                    .parse()
                    .map_err(|_| format!("server: {:?} is not like 127.0.0.1:53", self.server))?,
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
                return Err(format!(
                    "maker: {other:?} is none of none, rfc2136, cloudflare, digitalocean, desec, hetzner, powerdns"
                ));
            }
        })
    }

    /// The token, or the content of its file: configurations are often readable by many.
    fn secret(&self) -> Result<SecretString, String> {
        if self.token_file.as_os_str().is_empty() {
            return Ok(self.token.clone());
        }
        let read = std::fs::read_to_string(&self.token_file);
        read.map(|text| text.trim().to_owned().into())
            .map_err(|e| format!("token_file {}: {e}", self.token_file.display()))
    }

    fn transport(&self) -> Result<Transport, String> {
        match self.transport.as_str() {
            "udp" => Ok(Transport::Udp),
            "tcp" => Ok(Transport::Tcp),
            other => Err(format!("transport: {other:?} is none of udp, tcp")),
        }
    }

    fn algorithm(&self) -> Result<TsigAlgorithm, String> {
        match self.algorithm.as_str() {
            "hmac-sha256" => Ok(TsigAlgorithm::HmacSha256),
            "hmac-sha384" => Ok(TsigAlgorithm::HmacSha384),
            "hmac-sha512" => Ok(TsigAlgorithm::HmacSha512),
            other => Err(format!("algorithm: {other:?} is none of hmac-sha256, hmac-sha384, hmac-sha512")),
        }
    }
}
