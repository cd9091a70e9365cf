//! Listens for the mail of sites.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use ipnet::Ipv4Net;
use stoa_control::Control;
use stoa_docker::Subnet;
use stoa_sites::site_mail::SubmissionBackend;
use stoa_submission::{Limits, Server};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// While a predecessor has the port.
const BIND_INTERVAL: Duration = Duration::from_millis(200);

/// Accepts mail of sites until `stop`.
pub async fn run(config: &Config, control: &Control, stop: &CancellationToken) {
    let Ok(pool) = config.subnet_pool.parse::<Ipv4Net>() else { return };
    if !config.site_mail.enabled {
        return;
    }
    let backend = SubmissionBackend::new(control.sites.clone(), Box::new(move |source| network_of(pool, source)));
    let server = Server::new(backend, control.settings().base_domain.as_str(), Limits::default());
    tokio::select! {
        listener = bind(config) => server.serve(listener, stop).await,
        () = stop.cancelled() => {}
    }
}

async fn bind(config: &Config) -> TcpListener {
    let address = config.site_mail.listen;
    let mut is_reported = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if !is_reported => {
                is_reported = true;
                tracing::warn!(%error, %address, "the relay for sites' mail waits for its port; if another program has it, set `site_mail.listen`");
            }
            Err(_) => {}
        }
        sleep(BIND_INTERVAL).await;
    }
}

/// The lease of the site whose network this address lies in; `None` outside of all sites' networks. The first address after
/// the network's is the machine's own.
fn network_of(pool: Ipv4Net, source: IpAddr) -> Option<i64> {
    let address: Ipv4Addr = match source {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => address.to_ipv4_mapped()?,
    };
    pool.contains(&address).then(|| i64::from(u32::from(address) & !(Subnet::SITE_ADDRESSES - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_one_network_of_the_pool() {
        let pool: Ipv4Net = "10.213.0.0/16".parse().unwrap();
        let lease = |address: &str| network_of(pool, address.parse().unwrap());
        let first = i64::from(u32::from(Ipv4Addr::new(10, 213, 1, 16)));
        assert_eq!(lease("10.213.1.18"), Some(first));
        assert_eq!(lease("::ffff:10.213.1.31"), Some(first));
        assert_eq!(lease("10.213.1.32"), Some(first + 16));
        for outside in ["127.0.0.1", "10.214.0.2", "198.51.100.7", "::1", "2001:db8::1"] {
            assert_eq!(lease(outside), None, "{outside}");
        }
    }
}
