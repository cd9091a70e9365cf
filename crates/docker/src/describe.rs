//! Docker's version and machine, its networks and its images.

use bollard::{models::Network, query_parameters::ListNetworksOptions};
use stoa_model::{image::ImageRef, placement::LeasePool, stack::Stack};
use stoa_provider::engine::{EngineError, EngineInfo, ImageInfo, Manifest};

use crate::{client::Docker, error::Act, host_network, mtu, placement::DockerPlacement, subnet::Subnet};

impl Docker {
    pub(crate) async fn info(&self) -> Result<EngineInfo, EngineError> {
        let describing = Act::new("describing", "Docker");
        let (info, networks) = tokio::try_join!(self.call(&describing, |api| api.info()), self.all_networks())?;
        let mtu = mtu::report(self.mtu_setting(), &networks, self.installation(), host_network::uplink());
        let mut subnets: Vec<_> = networks.into_iter().flat_map(subnets).collect();
        subnets.extend(host_network::taken(&subnets));
        Ok(EngineInfo {
            kind: "docker",
            version: info.server_version.unwrap_or_default(),
            cores: info.ncpu.and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
            memory: info.mem_total.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            data_directory: info.docker_root_dir,
            in_use: subnets.into_iter().map(|(name, subnet)| (name, subnet.range())).collect(),
            mtu: Some(mtu),
        })
    }

    /// The IPv4 subnets of all networks, of whatever owner.
    pub(crate) async fn subnets(&self) -> Result<Vec<(String, Subnet)>, EngineError> {
        Ok(self.all_networks().await?.into_iter().flat_map(subnets).collect())
    }

    async fn all_networks(&self) -> Result<Vec<Network>, EngineError> {
        let act = Act::new("listing", "all networks");
        self.call(&act, |api| api.list_networks(None::<ListNetworksOptions>)).await
    }

    /// Networks with this text in their names: few, while there can be a thousand sites' networks.
    pub(crate) async fn networks_named(&self, name: &str) -> Result<Vec<Network>, EngineError> {
        let act = Act::new("listing", format!("the networks {name}"));
        let filters = Some([("name".to_owned(), vec![name.to_owned()])].into());
        self.call(&act, |api| api.list_networks(Some(ListNetworksOptions { filters }))).await
    }

    /// One lease per block of addresses in the pool.
    pub(crate) fn pool(&self, info: &EngineInfo) -> LeasePool {
        let pool = self.address_pool();
        // The operator chose a pool inside of a larger network that this machine has a route to; the doctor says so.
        let covers = |name: &str, (from, to): (i64, i64)| {
            host_network::is_route(name) && from <= pool.range().0 && pool.range().1 <= to
        };
        LeasePool {
            name: pool.to_string(),
            first: pool.lease(),
            step: Subnet::SITE_ADDRESSES.into(),
            count: pool.blocks().into(),
            taken: info.in_use.iter().filter(|(name, range)| !covers(name, *range)).map(|(_, range)| *range).collect(),
        }
    }

    pub(crate) async fn image_info(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError> {
        let act = Act::new("looking up", format!("the image {image}"));
        match self.call(&act, |api| api.inspect_image(image.as_str())).await {
            Ok(found) => Ok(Some(ImageInfo {
                id: found.id.unwrap_or_default().parse().map_err(|reason: String| act.refused(reason))?,
                labels: found.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect(),
            })),
            Err(EngineError::ImageMissing { .. } | EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The Compose file and what belongs beside it.
pub(crate) fn manifests(stack: &Stack, placement: &DockerPlacement) -> Vec<Manifest> {
    let network = placement.compose_network(stack);
    let manifest = |name: &str, text| Manifest { name: name.to_owned(), text };
    vec![
        manifest("compose.yaml", stoa_model::compose::render(stack, Some(&network))),
        manifest(".env", stoa_model::compose::dotenv(stack)),
    ]
}

/// A network's IPv4 subnets; the pool has no others.
fn subnets(network: Network) -> Vec<(String, Subnet)> {
    let name = network.name.unwrap_or_default();
    let configs = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    configs.into_iter().filter_map(|config| Some((name.clone(), config.subnet?.parse().ok()?))).collect()
}
