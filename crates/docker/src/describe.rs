//! Who answers at the socket, and which images it has.

use bollard::{models::Network, query_parameters::ListNetworksOptions};
use stoa_model::{image::ImageRef, net::Subnet};
use stoa_provider::engine::{EngineError, EngineInfo, ImageInfo};

use crate::{client::Docker, error::Act};

impl Docker {
    pub(crate) async fn info(&self) -> Result<EngineInfo, EngineError> {
        let (describing, listing) = (Act::new("describing", "Docker"), Act::new("listing", "all networks"));
        let (info, networks) = tokio::try_join!(
            self.call(&describing, |api| api.info()),
            self.call(&listing, |api| api.list_networks(None::<ListNetworksOptions>))
        )?;
        Ok(EngineInfo {
            kind: "docker",
            version: info.server_version.unwrap_or_default(),
            cores: info.ncpu.and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
            memory: info.mem_total.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            data_directory: info.docker_root_dir,
            subnets: networks.into_iter().flat_map(subnets).collect(),
        })
    }

    pub(crate) async fn image_info(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError> {
        let act = Act::new("looking up", format!("the image {image}"));
        match self.call(&act, |api| api.inspect_image(image.as_str())).await {
            Ok(found) => Ok(Some(ImageInfo {
                id: found.id.unwrap_or_default(),
                labels: found.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect(),
            })),
            Err(EngineError::ImageMissing { .. } | EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A network's IPv4 subnets; the others are no matter of the address pool.
fn subnets(network: Network) -> Vec<(String, Subnet)> {
    let name = network.name.unwrap_or_default();
    let configs = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    configs.into_iter().filter_map(|config| Some((name.clone(), config.subnet?.parse().ok()?))).collect()
}
