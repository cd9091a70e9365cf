//! Waiting for what a service depends on, as its blueprint says.

use std::time::Duration;

use futures_util::future::join_all;
use stoa_model::stack::{Condition, Dependency, ProjectName, Service};
use stoa_provider::engine::{EngineError, Readiness, RunState};
use tokio::time::{Instant, sleep};

use crate::{client::Docker, containers::Target, deploy::all, error::Act, inventory::Container};

/// So long a dependency may take, whatever its health check allows.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at a dependency.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// What is known of a condition.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    /// It may hold later.
    NotYet,
    /// It will not hold, and why.
    Fails(String),
}

impl Docker {
    /// Waits until everything holds that the service depends on.
    ///
    /// # Errors
    /// `Refused` if a health check fails, or a program ends with an error; `Timeout` after five minutes.
    pub(crate) async fn await_dependencies(&self, target: Target<'_>, service: &Service) -> Result<(), EngineError> {
        // Services of profiles that are off are not there.
        let known = service.depends_on.iter().filter(|d| target.stack.service(&d.service.0).is_some());
        let conditional = known.filter(|dependency| dependency.condition != Condition::Started);
        all(conditional.map(|dependency| self.await_dependency(&target.stack.project, service, dependency))).await
    }

    async fn await_dependency(
        &self,
        project: &ProjectName,
        service: &Service,
        dependency: &Dependency,
    ) -> Result<(), EngineError> {
        let doing = format!("{} of project {project}, which waits for {}", service.name, dependency.service);
        let (act, began) = (Act::new("starting", doing.clone()), Instant::now());
        while began.elapsed() < PATIENCE {
            let found = self.containers_of(project, Some(&dependency.service)).await?;
            // The newest one is what this deployment wants.
            let newest = found.into_iter().max_by_key(|container| (container.revision, container.instance));
            match newest.map_or(Verdict::NotYet, |container| verdict(dependency.condition, &container)) {
                Verdict::Holds => return Ok(()),
                Verdict::Fails(reason) => return Err(act.refused(format!("{}: {reason}", dependency.service))),
                Verdict::NotYet => sleep(POLL_INTERVAL).await,
            }
        }
        Err(EngineError::Timeout { doing: format!("starting {doing}"), seconds: PATIENCE.as_secs() })
    }

    /// Fills in how often each container has ended, which only an inspection tells.
    pub(crate) async fn count_exits(&self, containers: &mut [Container]) -> Result<(), EngineError> {
        let counts = join_all(containers.iter().map(|container| self.exits(container))).await;
        for (container, exits) in containers.iter_mut().zip(counts) {
            container.exits = exits?;
        }
        Ok(())
    }
}

fn verdict(condition: Condition, container: &Container) -> Verdict {
    let ended = || match container.exit_code {
        Some(code) => Verdict::Fails(format!("it ended with code {code}")),
        None => Verdict::NotYet,
    };
    match (condition, container.state, container.readiness) {
        (Condition::Started, _, _) | (Condition::Healthy, RunState::Running, Some(Readiness::Passing)) => {
            Verdict::Holds
        }
        (Condition::Healthy, RunState::Running, Some(Readiness::Failing)) => {
            Verdict::Fails("its health check fails".into())
        }
        (Condition::Completed, RunState::Exited, _) if container.has_completed() => Verdict::Holds,
        (Condition::Healthy | Condition::Completed, RunState::Exited, _) => ended(),
        (Condition::Healthy | Condition::Completed, _, _) => Verdict::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ContainerSummary;

    fn container(state: &str, status: &str) -> Container {
        let labels = serde_json::json!({"com.docker.compose.project": "p", "com.docker.compose.service": "db"});
        let summary = serde_json::json!({"Id": "x", "State": state, "Status": status, "Labels": labels});
        crate::inventory::container(serde_json::from_value::<ContainerSummary>(summary).unwrap()).unwrap()
    }

    #[test]
    fn conditions_hold_fail_or_are_waited_for() {
        let of = |condition, state, status| verdict(condition, &container(state, status));
        let (healthy, completed) = (Condition::Healthy, Condition::Completed);
        assert_eq!(of(healthy, "running", "Up 2 seconds (health: starting)"), Verdict::NotYet);
        assert_eq!(of(healthy, "running", "Up 2 seconds (healthy)"), Verdict::Holds);
        assert_eq!(of(healthy, "running", "Up 2 seconds (unhealthy)"), Verdict::Fails("its health check fails".into()));
        assert_eq!(of(healthy, "restarting", "Restarting (1) 1 second ago"), Verdict::NotYet);
        assert_eq!(of(completed, "created", "Created"), Verdict::NotYet);
        assert_eq!(of(completed, "running", "Up 2 seconds"), Verdict::NotYet);
        assert_eq!(of(completed, "exited", "Exited (0) 1 second ago"), Verdict::Holds);
        assert_eq!(of(completed, "exited", "Exited (3) 1 second ago"), Verdict::Fails("it ended with code 3".into()));
        assert_eq!(of(Condition::Started, "created", "Created"), Verdict::Holds);
    }
}
