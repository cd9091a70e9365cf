//! `[firewall]`: what sites' containers may reach.

use std::path::PathBuf;

use ipnet::Ipv4Net;
use stoa_firewall::{Destination, EdgePort, Policy};

use super::{Config, mistake::Mistake, schema::settings};

settings! {
    /// The tenant firewall: sites reach themselves and the public internet, but no other site, no private network, no
    /// cloud's metadata service and, of this machine, the edge only (docs/operate.md).
    pub struct Firewall in "firewall" {
        /// Whether it is kept in force: by `stoa serve` if it may (CAP_NET_ADMIN), else by `stoa firewall keep`.
        enabled: bool = true,
        /// Exceptions, such as ["10.0.5.7:3306", "10.0.9.0/24"]; a port is a TCP port.
        allow: Vec<String> = [],
        /// Further networks that sites may not reach, such as ["203.0.113.0/24"].
        block: Vec<String> = [],
        /// Whether sites may connect to mail servers directly (port 25). A store that was broken into sends spam that way.
        mail: bool = false,
        /// Port on which Stoa answers the DNS questions of sites, so that a store reaches itself by its public names; 0: their
        /// questions go to the machine's name servers.
        dns_port: u16 = 5354,
        /// Where the keeper writes what it found, for everybody else.
        state_dir: PathBuf = "/run/stoa-firewall",
    }
}

impl Config {
    /// What sites may reach.
    pub fn firewall_policy(&self) -> Result<Policy, Mistake> {
        let pool = self.subnet_pool.parse().map_err(|error| Mistake::new("subnet_pool", error))?;
        let block =
            |text: &String| text.parse().map_err(|error| Mistake::new("firewall.block", format!("{text:?}: {error}")));
        let allow = |text: &String| text.parse().map_err(|error: String| Mistake::new("firewall.allow", error));
        Ok(Policy {
            sites: pool,
            edge_ports: self.edge_ports()?,
            allow: self.firewall.allow.iter().map(allow).collect::<Result<Vec<Destination>, _>>()?,
            block: self.firewall.block.iter().map(block).collect::<Result<Vec<Ipv4Net>, _>>()?,
            mail: self.firewall.mail,
            resolvers: Policy::system_resolvers(),
            dns_port: None,
            submission_port: self.site_mail.enabled.then(|| self.site_mail.listen.port()),
        })
    }

    /// HTTP and HTTPS.
    fn edge_ports(&self) -> Result<Vec<EdgePort>, Mistake> {
        let addresses = self.listen_addresses()?;
        let (http, https) = self.ports_of(addresses);
        let secure = https.zip(addresses.https).map(|(public, address)| EdgePort { public, local: address.port() });
        Ok([EdgePort { public: http, local: addresses.http.port() }].into_iter().chain(secure).collect())
    }
}
