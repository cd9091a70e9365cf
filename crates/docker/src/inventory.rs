//! What of this installation there is on Docker: three lists by label, side by side, nothing else.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{ContainerSummary, ContainerSummaryStateEnum as State, Network, Volume},
    query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions},
};
use stoa_model::{
    id::JobId,
    image::ImageId,
    stack::{ProjectName, ServiceName},
};
use stoa_provider::engine::{EngineError, Observed, ObservedService, Readiness, Revision, RunState};

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

/// A container as Docker lists it.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) service: ServiceName,
    pub(crate) instance: u32,
    pub(crate) revision: Revision,
    pub(crate) state: RunState,
    pub(crate) image: Option<ImageId>,
    pub(crate) labels: Labels,
    pub(crate) readiness: Option<Readiness>,
    pub(crate) exit_code: Option<i64>,
    /// Lists don't say it: 0.
    pub(crate) exits: u32,
    reason: Option<String>,
}

/// A network or a volume.
#[derive(Debug)]
pub(crate) struct Part {
    /// What Docker's calls take: the id of a network, the name of a volume.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) labels: Labels,
}

impl Docker {
    /// All of this installation's objects, or one project's, or one operation's share of them.
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

    /// The containers of services that carry the labels of this filter.
    pub(crate) async fn containers(
        &self,
        filter: HashMap<String, Vec<String>>,
        of: &str,
    ) -> Result<Vec<Container>, EngineError> {
        Ok(self.summaries(filter, of).await?.into_iter().filter_map(container).collect())
    }

    /// The containers of one service, or of a whole project.
    pub(crate) async fn containers_of(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
    ) -> Result<Vec<Container>, EngineError> {
        let filter = labels::filter(self.installation(), Some(project), service, None);
        self.containers(filter, &format!("project {project}")).await
    }

    /// All containers that carry the labels of this filter.
    pub(crate) async fn summaries(
        &self,
        filter: HashMap<String, Vec<String>>,
        of: &str,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptions { all: true, filters: Some(filter), ..Default::default() };
        let act = Act::new("listing", format!("the containers of {of}"));
        self.call(&act, |api| api.list_containers(Some(options))).await
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
            observed.has_network = true;
        }
        for volume in self.volumes {
            let Some(observed) = entry(&mut projects, &volume.labels) else { continue };
            observed.volumes.extend(labels::volume(&volume.labels));
        }
        projects.into_values().map(sorted).collect()
    }
}

fn entry<'a>(projects: &'a mut BTreeMap<ProjectName, Observed>, labels: &Labels) -> Option<&'a mut Observed> {
    let project = labels::project(labels)?;
    let observed = projects.entry(project.clone()).or_insert_with(|| Observed::nothing(project));
    observed.site = observed.site.or_else(|| labels::site(labels));
    Some(observed)
}

fn sorted(mut observed: Observed) -> Observed {
    observed.services.sort_by(|a, b| (&a.service, a.instance).cmp(&(&b.service, b.instance)));
    observed.volumes.sort();
    observed
}

impl Container {
    /// Whether it has ended as it should.
    pub(crate) fn has_completed(&self) -> bool {
        self.state == RunState::Exited && self.exit_code == Some(0)
    }

    fn observed(self) -> ObservedService {
        ObservedService {
            operation: labels::operation(&self.labels),
            spec_hash: self.labels.get(labels::SPEC_HASH).cloned(),
            service: self.service,
            instance: self.instance,
            revision: self.revision,
            image: self.image,
            state: self.state,
            readiness: self.readiness,
            exit_code: self.exit_code,
            exits: self.exits,
            reason: self.reason,
        }
    }
}

pub(crate) fn container(summary: ContainerSummary) -> Option<Container> {
    let labels = summary.labels.unwrap_or_default();
    let status = summary.status.unwrap_or_default();
    let state = match summary.state {
        Some(State::RUNNING) => RunState::Running,
        Some(State::CREATED) => RunState::Created,
        Some(State::PAUSED) => RunState::Paused,
        Some(State::RESTARTING) => RunState::Restarting,
        _ => RunState::Exited,
    };
    let exit_code = exit_code(&status).filter(|_| matches!(state, RunState::Exited | RunState::Restarting));
    Some(Container {
        id: summary.id?,
        service: labels::service(&labels)?,
        instance: labels::instance(&labels),
        revision: labels::revision(&labels),
        state,
        image: summary.image_id.and_then(|id| id.parse().ok()),
        readiness: readiness(&status),
        exit_code,
        exits: 0,
        reason: reason(state, exit_code, &status),
        labels,
    })
}

/// Reads `Up 3 seconds (healthy)`: lists have no field of their own for it before API 1.52.
fn readiness(status: &str) -> Option<Readiness> {
    let (_, verdict) = status.strip_suffix(')')?.rsplit_once('(')?;
    match verdict {
        "healthy" => Some(Readiness::Passing),
        "unhealthy" => Some(Readiness::Failing),
        "health: starting" => Some(Readiness::Starting),
        _ => None,
    }
}

/// Reads `Exited (137) 3 seconds ago`.
fn exit_code(status: &str) -> Option<i64> {
    let (_, rest) = status.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

/// Why a container does not run or is not ready.
fn reason(state: RunState, exit_code: Option<i64>, status: &str) -> Option<String> {
    let ended = match exit_code {
        Some(137) => "it was killed, perhaps for want of memory (code 137)".to_owned(),
        Some(code) => format!("it exited with code {code}"),
        None => "it ended".to_owned(),
    };
    match state {
        RunState::Exited => exit_code.filter(|code| *code != 0).map(|_| ended),
        RunState::Restarting => Some(format!("{ended} and is started again and again")),
        RunState::Running if status.ends_with("(health: starting)") => {
            Some("its health check has not passed yet".into())
        }
        RunState::Running if status.ends_with("(unhealthy)") => Some("its health check fails".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_status_line_is_read() {
        assert_eq!(readiness("Up 3 seconds (healthy)"), Some(Readiness::Passing));
        assert_eq!(readiness("Up 3 seconds (unhealthy)"), Some(Readiness::Failing));
        assert_eq!(readiness("Up 3 seconds (health: starting)"), Some(Readiness::Starting));
        assert_eq!(readiness("Up 3 seconds"), None);
        assert_eq!(readiness("Up 3 seconds (Paused)"), None);
        assert_eq!(exit_code("Exited (137) 3 seconds ago"), Some(137));
        assert_eq!(exit_code("Restarting (1) 2 seconds ago"), Some(1));
        assert_eq!(exit_code("Created"), None);
    }

    #[test]
    fn a_reason_does_not_change_with_time() {
        let exited = |code| reason(RunState::Exited, Some(code), "Exited (…) 3 seconds ago");
        assert_eq!(exited(0), None);
        assert_eq!(exited(3).as_deref(), Some("it exited with code 3"));
        assert_eq!(
            reason(RunState::Running, None, "Up 3 seconds (unhealthy)").as_deref(),
            Some("its health check fails")
        );
        assert_eq!(reason(RunState::Running, None, "Up 3 seconds (healthy)"), None);
        let restarting = reason(RunState::Restarting, Some(1), "Restarting (1) 2 seconds ago");
        assert_eq!(restarting.as_deref(), Some("it exited with code 1 and is started again and again"));
    }
}
