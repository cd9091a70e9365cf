//! `[traefik]`: for `edge = "traefik"`.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use stoa_edge::traefik::TraefikConfig;
use stoa_model::secret::{ExposeSecret, SecretString};

use super::{
    mistake::Mistake,
    schema::{OptionalAddress, settings},
};

/// Whoever guesses the token gets every private key.
const MIN_TOKEN_CHARS: usize = 32;

settings! {
    /// For `edge = "traefik"`. Traefik polls http://STOA/traefik/config for its configuration, which includes
    /// private keys (docs/edges.md).
    pub struct Traefik in "traefik" {
        /// Address at which Traefik receives visitors over HTTP, as seen from here.
        http: SocketAddr = "127.0.0.1:80",
        /// The same for HTTPS; empty: plain HTTP only.
        https: OptionalAddress = "127.0.0.1:443",
        /// Address at which Traefik reaches Stoa; empty: `listen`.
        stoa: OptionalAddress = "",
        /// At least 32 random characters: `openssl rand -hex 32`
        token: SecretString = "",
        /// Addresses of Traefik. Only they may read the configuration, and their forwarded headers are trusted.
        from: Vec<IpAddr> = ["127.0.0.1", "::1"],
        /// Enforce `max_body`. Traefik can do so only by buffering whole requests and responses.
        limit_bodies: bool = true,
        /// Traefik's access log in JSON, from which Stoa counts traffic; empty: nothing is counted.
        log: PathBuf = "",
    }
}

impl Traefik {
    /// The provider's own settings; `listen` is where Stoa listens, `data` a folder of ours.
    pub fn settings(&self, listen: SocketAddr, data: &Path) -> Result<TraefikConfig, Mistake> {
        if self.token.expose_secret().len() < MIN_TOKEN_CHARS {
            let problem =
                format!("use at least {MIN_TOKEN_CHARS} random characters, for example from `openssl rand -hex 32`");
            return Err(Mistake::new("traefik.token", problem));
        }
        let log = (!self.log.as_os_str().is_empty()).then(|| (self.log.clone(), data.join("traefik-position.json")));
        Ok(TraefikConfig { limit_bodies: self.limit_bodies, log, ..TraefikConfig::new(self.stoa_address(listen)) })
    }

    /// Where Traefik reaches Stoa.
    pub fn stoa_address(&self, listen: SocketAddr) -> SocketAddr {
        self.stoa.0.unwrap_or(listen)
    }
}
