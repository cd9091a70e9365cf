//! The largest packet of sites' networks. A network that allows larger ones than the machine's way out carries loses
//! them where nobody reports it, as on many VPNs and in clouds: connections begin and then hang.

use bollard::models::Network;
use stoa_provider::engine::NetworkMtu;

use crate::labels;

/// What Docker gives a network without the option.
pub(crate) const DEFAULT: u32 = 1500;
/// The name of Docker's own network, which has the daemon's setting.
pub(crate) const BRIDGE: &str = "bridge";
/// A network's option.
pub(crate) const OPTION: &str = "com.docker.network.driver.mtu";

/// What new networks get: the setting, or else the smallest of the daemon's own and the way out's.
pub(crate) fn wanted(setting: Option<u32>, networks: &[Network], uplink: Option<(String, u32)>) -> (u32, String) {
    if let Some(mtu) = setting {
        return (mtu, "the setting `site_mtu`".to_owned());
    }
    let daemon = networks.iter().find(|network| network.name.as_deref() == Some(BRIDGE)).map(of);
    let daemon = (daemon.unwrap_or(DEFAULT), "Docker".to_owned());
    let uplink = uplink.map(|(interface, mtu)| (mtu, format!("the way out, {interface}")));
    [Some(daemon.clone()), uplink].into_iter().flatten().min_by_key(|(mtu, _)| *mtu).unwrap_or(daemon)
}

/// What new networks get, and which of this installation's have more.
pub(crate) fn report(
    setting: Option<u32>,
    networks: &[Network],
    installation: &str,
    uplink: Option<(String, u32)>,
) -> NetworkMtu {
    let (wanted, source) = wanted(setting, networks, uplink);
    let own = networks.iter().filter(|network| {
        network
            .labels
            .as_ref()
            .is_some_and(|labels| labels.get(labels::INSTALLATION).is_some_and(|of| of == installation))
    });
    let larger = own.filter(|network| of(network) > wanted);
    let larger = larger.filter_map(|network| Some((network.name.clone()?, of(network)))).collect();
    NetworkMtu { wanted, source, larger }
}

fn of(network: &Network) -> u32 {
    let option = network.options.as_ref().and_then(|options| options.get(OPTION));
    option.and_then(|mtu| mtu.parse().ok()).unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, mtu: &str) -> Network {
        let labels = serde_json::json!({ labels::INSTALLATION: "here" });
        serde_json::from_value(serde_json::json!({"Name": name, "Labels": labels, "Options": {OPTION: mtu}})).unwrap()
    }

    #[test]
    fn the_smallest_of_what_is_known_is_wanted_and_a_setting_wins() {
        let uplink = |mtu| Some(("eth0".to_owned(), mtu));
        let mtu = |setting, daemon, uplink| wanted(setting, &[network(BRIDGE, daemon)], uplink).0;
        assert_eq!(mtu(None, "1500", uplink(1420)), 1420);
        assert_eq!(mtu(None, "1450", uplink(1500)), 1450);
        assert_eq!(mtu(None, "1500", uplink(9001)), 1500, "what lies behind it need not carry more");
        assert_eq!(mtu(None, "1500", None), 1500);
        assert_eq!(mtu(Some(1280), "1500", uplink(1420)), 1280);
    }

    #[test]
    fn networks_that_allow_more_are_reported() {
        let networks = [network("stoa-a_default", "1500"), network("stoa-b_default", "1400")];
        let uplink = || Some(("wg0".to_owned(), 1420));
        let of = |installation| report(None, &networks, installation, uplink());
        assert_eq!(of("here").larger, [("stoa-a_default".to_owned(), 1500)]);
        assert_eq!((of("here").wanted, of("here").source.as_str()), (1420, "the way out, wg0"));
        assert_eq!(of("another").larger, []);
    }
}
