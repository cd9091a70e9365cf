//! What of this installation there is on Docker: three lists by label, side by side, nothing else.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{ContainerSummary, ContainerSummaryStateEnum as State, Network, Volume},
    query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions},
};
use stoa_model::{
    id::JobId,
    stack::{ProjectName, ServiceName},
};
use stoa_provider::engine::{EngineError, Observed, ObservedService, RunState};

use crate::{
    client::Docker,
    error::Act,
    labels::{self, Labels},
};

/// Containers, networks and volumes with their labels.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) containers: Vec<Container>,
    pub(crate) networks: Vec<Part>,
    pub(crate) volumes: Vec<Part>,
}

/// A container as Docker's list tells it.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) service: ServiceName,
    pub(crate) state: RunState,
    healthy: Option<bool>,
    exit_code: Option<i64>,
    labels: Labels,
}

/// A network or a volume.
#[derive(Debug)]
pub(crate) struct Part {
    /// What Docker's calls take: the id of a network, the name of a volume.
    pub(crate) id: String,
    pub(crate) name: String,
    labels: Labels,
}

impl Docker {
    /// All of this installation's things, or one project's, or one operation's share of them.
    pub(crate) async fn inventory(
        &self,
        project: Option<&ProjectName>,
        operation: Option<JobId>,
    ) -> Result<Inventory, EngineError> {
        let filter = labels::filter(self.installation(), project, None, operation);
        let of = project.map_or_else(|| "this installation".to_owned(), |project| format!("project {project}"));
        let (containers, networks, volumes) = tokio::try_join!(
            self.containers(filter.clone(), &of),
            self.networks(filter.clone(), &of),
            self.volumes(filter, &of)
        )?;
        Ok(Inventory { containers, networks, volumes })
    }

    /// The containers that carry the labels of this filter.
    pub(crate) async fn containers(
        &self,
        filter: HashMap<String, Vec<String>>,
        of: &str,
    ) -> Result<Vec<Container>, EngineError> {
        let options = ListContainersOptions { all: true, filters: Some(filter), ..Default::default() };
        let act = Act::new("listing", format!("the containers of {of}"));
        let found = self.call(&act, |api| api.list_containers(Some(options))).await?;
        Ok(found.into_iter().filter_map(container).collect())
    }

    async fn networks(&self, filters: HashMap<String, Vec<String>>, of: &str) -> Result<Vec<Part>, EngineError> {
        let options = ListNetworksOptions { filters: Some(filters) };
        let act = Act::new("listing", format!("the networks of {of}"));
        let found = self.call(&act, |api| api.list_networks(Some(options))).await?;
        let part = |n: Network| Some(Part { id: n.id?, name: n.name?, labels: n.labels.unwrap_or_default() });
        Ok(found.into_iter().filter_map(part).collect())
    }

    async fn volumes(&self, filters: HashMap<String, Vec<String>>, of: &str) -> Result<Vec<Part>, EngineError> {
        let options = ListVolumesOptions { filters: Some(filters) };
        let act = Act::new("listing", format!("the volumes of {of}"));
        let found = self.call(&act, |api| api.list_volumes(Some(options))).await?;
        let part = |v: Volume| Part { id: v.name.clone(), name: v.name, labels: v.labels };
        Ok(found.volumes.unwrap_or_default().into_iter().map(part).collect())
    }
}

impl Inventory {
    /// The same as the rest of Stoa sees it, by project.
    pub(crate) fn by_project(self) -> Vec<Observed> {
        let mut projects = BTreeMap::new();
        for container in self.containers {
            let Some(observed) = entry(&mut projects, &container.labels) else { continue };
            observed.services.push(container.observed());
        }
        for network in self.networks {
            let Some(observed) = entry(&mut projects, &network.labels) else { continue };
            observed.networks.push(network.name);
        }
        for volume in self.volumes {
            let Some(observed) = entry(&mut projects, &volume.labels) else { continue };
            observed.volumes.push(volume.name);
        }
        projects.into_values().map(sorted).collect()
    }
}

fn entry<'a>(projects: &'a mut BTreeMap<ProjectName, Observed>, labels: &Labels) -> Option<&'a mut Observed> {
    let project = labels::project(labels)?;
    let observed = projects.entry(project.clone()).or_insert_with(|| nothing(project));
    observed.site = observed.site.or_else(|| labels::site(labels));
    Some(observed)
}

/// A project of which nothing is there.
pub(crate) fn nothing(project: ProjectName) -> Observed {
    Observed { project, site: None, services: Vec::new(), networks: Vec::new(), volumes: Vec::new() }
}

fn sorted(mut observed: Observed) -> Observed {
    observed.services.sort_by(|a, b| a.service.cmp(&b.service));
    observed.networks.sort();
    observed.volumes.sort();
    observed
}

impl Container {
    fn observed(self) -> ObservedService {
        ObservedService {
            operation: labels::operation(&self.labels),
            service: self.service,
            state: self.state,
            healthy: self.healthy,
            exit_code: self.exit_code,
        }
    }
}

fn container(summary: ContainerSummary) -> Option<Container> {
    let labels = summary.labels.unwrap_or_default();
    let status = summary.status.unwrap_or_default();
    let state = match summary.state {
        Some(State::RUNNING) => RunState::Running,
        Some(State::CREATED) => RunState::Created,
        _ => RunState::Down,
    };
    Some(Container {
        id: summary.id?,
        service: labels::service(&labels)?,
        state,
        healthy: health(&status),
        exit_code: exit_code(&status).filter(|_| state == RunState::Down),
        labels,
    })
}

/// Reads `Up 3 seconds (healthy)`: lists have no field of their own for it before API 1.52.
fn health(status: &str) -> Option<bool> {
    let (_, verdict) = status.strip_suffix(')')?.rsplit_once('(')?;
    match verdict {
        "healthy" => Some(true),
        "unhealthy" | "health: starting" => Some(false),
        _ => None,
    }
}

/// Reads `Exited (137) 3 seconds ago`.
fn exit_code(status: &str) -> Option<i64> {
    let (_, rest) = status.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_status_line_is_read() {
        assert_eq!(health("Up 3 seconds (healthy)"), Some(true));
        assert_eq!(health("Up 3 seconds (unhealthy)"), Some(false));
        assert_eq!(health("Up 3 seconds (health: starting)"), Some(false));
        assert_eq!(health("Up 3 seconds"), None);
        assert_eq!(health("Up 3 seconds (Paused)"), None);
        assert_eq!(exit_code("Exited (137) 3 seconds ago"), Some(137));
        assert_eq!(exit_code("Restarting (1) 2 seconds ago"), Some(1));
        assert_eq!(exit_code("Created"), None);
    }
}
