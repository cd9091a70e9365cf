//! What this machine does for the network of sites' containers: it keeps the tenant firewall in force, answers their DNS
//! questions, and leads them to an edge that listens on loopback only.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use ipnet::Ipv4Net;
use stoa_control::Control;
use stoa_docker::Subnet;
use stoa_firewall::EdgePort;
use stoa_integrations::site_dns::{self, SiteDns};
use tokio::{
    io,
    net::{TcpListener, TcpStream, UdpSocket},
    time,
};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, EdgeKind};

/// While a predecessor has the port.
const BIND_INTERVAL: Duration = Duration::from_millis(200);

/// Does all of it until `stop`, as far as this process may.
pub async fn run(config: &Config, control: &Control, stop: &CancellationToken) {
    if !config.firewall.enabled {
        return;
    }
    let dns = async {
        tokio::select! {
            () = answer_dns(config, control) => {}
            () = stop.cancelled() => {}
        }
    };
    tokio::join!(dns, keep(config, stop));
}

async fn keep(config: &Config, stop: &CancellationToken) {
    if !stoa_firewall::is_permitted() {
        tracing::info!(
            "this process lacks the capability CAP_NET_ADMIN: the service stoa-firewall keeps the tenant firewall; `stoa doctor` says \
             whether it does"
        );
        return;
    }
    let ports = match relay_to_loopback(config).await {
        Ok(ports) => ports,
        Err(error) => {
            let error = format!("{error:#}");
            return tracing::error!(error, "the tenant firewall can't be kept");
        }
    };
    if let Err(error) = keep_policy(config, &ports, stop).await {
        let error = format!("{error:#}");
        tracing::error!(error, "the tenant firewall is kept no longer");
    }
}

/// Keeps the configured policy in force until `stop`. Sites reach these ports of the edge, or else the configured ones.
///
/// # Errors
/// The configuration is wrong, or the keeper can't write its status.
pub async fn keep_policy(config: &Config, ports: &[EdgePort], stop: &CancellationToken) -> Result<()> {
    config.firewall_policy()?;
    let policy = async || {
        let mut policy = config.firewall_policy().expect("it was checked above, and the configuration does not change");
        if !ports.is_empty() {
            policy.edge_ports = ports.to_vec();
        }
        // Only while somebody answers there: names must resolve while Stoa is down.
        policy.dns_port = Some(config.firewall.dns_port).filter(|port| *port > 0);
        if let Some(port) = policy.dns_port
            && !site_dns::answers((Ipv4Addr::LOCALHOST, port).into()).await
        {
            policy.dns_port = None;
        }
        policy
    };
    Ok(stoa_firewall::keep(policy, &config.firewall.state_dir, stop).await?)
}

/// Answers sites' DNS questions.
async fn answer_dns(config: &Config, control: &Control) {
    let port = config.firewall.dns_port;
    let Ok(pool) = config.subnet_pool.parse::<Ipv4Net>() else { return };
    if port == 0 {
        return;
    }
    let domains = control.domains.clone();
    let is_served: site_dns::IsServed = Arc::new(move |name, network| {
        let domains = domains.clone();
        Box::pin(async move { domains.leads_to_edge(&name, u32::from(network).into()).await })
    });
    let configured = config.resolvers.clone();
    let system = || stoa_firewall::system_name_servers().into_iter().map(|address| (address, 53).into()).collect();
    let name_servers: site_dns::NameServers =
        Arc::new(move || if configured.is_empty() { system() } else { configured.clone() });
    let dns = SiteDns::new((pool.network(), pool.prefix_len()), Subnet::SITE_PREFIX, is_served, name_servers);
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let mut is_reported = false;
    loop {
        let bound = async { Ok::<_, io::Error>((UdpSocket::bind(address).await?, TcpListener::bind(address).await?)) };
        match bound.await {
            Ok((udp, tcp)) => {
                if let Err(error) = dns.serve(udp, tcp).await {
                    tracing::error!(%error, "DNS for sites failed; starting it again");
                }
            }
            Err(error) if !is_reported => {
                is_reported = true;
                tracing::warn!(%error, %address, "DNS for sites waits for its port; if another program has it, set `firewall.dns_port`");
            }
            Err(_) => {}
        }
        time::sleep(BIND_INTERVAL).await;
    }
}

/// An edge on loopback can't be reached from a container. For each of its addresses, a port on all others, for sites only,
/// leads there. Empty if the edge listens on other addresses.
async fn relay_to_loopback(config: &Config) -> Result<Vec<EdgePort>> {
    let mut ports = config.firewall_policy()?.edge_ports;
    let addresses = config.listen_addresses()?;
    let targets = [Some(addresses.http), addresses.https].into_iter().flatten();
    if config.edge != EdgeKind::Embedded || !addresses.http.ip().is_loopback() {
        return Ok(Vec::new());
    }
    let pool: Ipv4Net = config.subnet_pool.parse().context("subnet_pool")?;
    for (port, target) in ports.iter_mut().zip(targets) {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.context("opening a port for sites")?;
        port.local = listener.local_addr().context("opening a port for sites")?.port();
        tokio::spawn(relay(listener, pool, target));
    }
    Ok(ports)
}

async fn relay(listener: TcpListener, pool: Ipv4Net, target: SocketAddr) {
    loop {
        let Ok((mut site, from)) = listener.accept().await else {
            time::sleep(BIND_INTERVAL).await;
            continue;
        };
        let IpAddr::V4(address) = from.ip() else { continue };
        if pool.contains(&address) {
            tokio::spawn(async move {
                let mut edge = TcpStream::connect(target).await?;
                io::copy_bidirectional(&mut site, &mut edge).await
            });
        }
    }
}
