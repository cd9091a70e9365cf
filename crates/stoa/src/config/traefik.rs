//! `[traefik]`: for `edge = "traefik"`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, de::Error};
use stoa_edge::traefik::TraefikConfig;
use stoa_model::secret::{ExposeSecret, SecretString};

/// A token that can be guessed gives everybody's private keys away.
const MIN_TOKEN_CHARS: usize = 32;

/// The section as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traefik {
    pub http: SocketAddr,
    #[serde(deserialize_with = "maybe")]
    pub https: Option<SocketAddr>,
    #[serde(deserialize_with = "maybe")]
    stoa: Option<SocketAddr>,
    pub token: SecretString,
    pub from: Vec<IpAddr>,
    limit_bodies: bool,
    log: PathBuf,
}

/// An address, or none where the text is empty.
fn maybe<'de, D: Deserializer<'de>>(text: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(text)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
}

impl Traefik {
    /// The maker's own settings; `listen` is where Stoa listens, `data` a folder of ours.
    pub fn settings(&self, listen: SocketAddr, data: &std::path::Path) -> Result<TraefikConfig, String> {
        if self.token.expose_secret().len() < MIN_TOKEN_CHARS {
            return Err(format!(
                "traefik.token: {MIN_TOKEN_CHARS} random characters at least, for instance of `openssl rand -hex 32`"
            ));
        }
        let log = (!self.log.as_os_str().is_empty()).then(|| (self.log.clone(), data.join("traefik-position.json")));
        Ok(TraefikConfig { limit_bodies: self.limit_bodies, log, ..TraefikConfig::new(self.stoa(listen)) })
    }

    /// Where Traefik reaches Stoa.
    pub fn stoa(&self, listen: SocketAddr) -> SocketAddr {
        self.stoa.unwrap_or(listen)
    }
}
