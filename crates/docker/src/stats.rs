//! What services use now.
//!
//! Docker's own measure of processor time waits a second for its second sample. Two samples without
//! history, a fifth of a second apart, give the same sooner.

use std::time::Duration;

use bollard::{models::ContainerStatsResponse, query_parameters::StatsOptions};
use futures_util::{StreamExt, future::try_join_all};
use stoa_model::stack::ProjectName;
use stoa_provider::engine::{EngineError, RunState, ServiceStats};
use tokio::time;

use crate::{client::Docker, error::Act, inventory::Container};

const SAMPLE_INTERVAL: Duration = Duration::from_millis(200);

impl Docker {
    pub(crate) async fn stats_of(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError> {
        let mut running = self.containers_of(project, None).await?;
        running.retain(|container| container.state == RunState::Running);
        running.sort_by(|a, b| a.service.cmp(&b.service));
        let stats = try_join_all(running.iter().map(|container| self.usage_of(project, container))).await?;
        Ok(stats.into_iter().flatten().collect())
    }

    /// `None` if the container has ended meanwhile.
    async fn usage_of(
        &self,
        project: &ProjectName,
        container: &Container,
    ) -> Result<Option<ServiceStats>, EngineError> {
        let act = Act::new("measuring", format!("{} of project {project}", container.service));
        let Some(first) = self.sample(&act, container).await? else { return Ok(None) };
        time::sleep(SAMPLE_INTERVAL).await;
        let Some(second) = self.sample(&act, container).await? else { return Ok(None) };
        Ok(Some(between(container.service.0.clone(), &first, &second)))
    }

    async fn sample(&self, act: &Act, container: &Container) -> Result<Option<ContainerStatsResponse>, EngineError> {
        let options = StatsOptions { stream: false, one_shot: true };
        let read = |api: &bollard::Docker| {
            let mut answers = api.stats(&container.id, Some(options)).boxed();
            async move { answers.next().await.transpose() }
        };
        match self.call(act, read).await {
            Err(EngineError::NotFound { .. }) => Ok(None),
            answer => answer,
        }
    }
}

fn between(service: String, first: &ContainerStatsResponse, second: &ContainerStatsResponse) -> ServiceStats {
    let memory = second.memory_stats.clone().unwrap_or_default();
    ServiceStats {
        service,
        cpu_milli: cpu_milli(first, second),
        memory: memory_in_use(memory.usage.unwrap_or(0), &memory.stats.unwrap_or_default()),
        memory_limit: memory.limit.unwrap_or(0),
        pids: second.pids_stats.as_ref().and_then(|pids| pids.current).unwrap_or(0) as u32,
    }
}

/// The container's share of all the machine's processor time, times the machine's cores.
fn cpu_milli(first: &ContainerStatsResponse, second: &ContainerStatsResponse) -> u32 {
    let used = |s: &ContainerStatsResponse| s.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage;
    let whole = |s: &ContainerStatsResponse| s.cpu_stats.as_ref()?.system_cpu_usage;
    let cores = second.cpu_stats.as_ref().and_then(|cpu| cpu.online_cpus).unwrap_or(1);
    let used = used(second).unwrap_or(0).saturating_sub(used(first).unwrap_or(0));
    let whole = whole(second).unwrap_or(0).saturating_sub(whole(first).unwrap_or(0));
    if whole == 0 {
        return 0;
    }
    (used as f64 / whole as f64 * f64::from(cores) * 1000.0).round() as u32
}

/// As `docker stats` counts: without file pages that the kernel can drop at any time. The first key
/// is cgroup v1's, the second v2's.
fn memory_in_use(usage: u64, stats: &std::collections::HashMap<String, u64>) -> u64 {
    let cache = stats.get("total_inactive_file").or_else(|| stats.get("inactive_file")).copied().unwrap_or(0);
    if cache < usage { usage - cache } else { usage }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(used: u64, whole: u64) -> ContainerStatsResponse {
        let json = serde_json::json!({
            "cpu_stats": {"cpu_usage": {"total_usage": used}, "system_cpu_usage": whole, "online_cpus": 2},
            "memory_stats": {"usage": 100, "limit": 500, "stats": {"total_inactive_file": 30}},
            "pids_stats": {"current": 3}
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn use_between_two_samples() {
        let stats = between("web".into(), &sample(1_000, 10_000), &sample(1_500, 12_000));
        assert_eq!(
            stats,
            ServiceStats { service: "web".into(), cpu_milli: 500, memory: 70, memory_limit: 500, pids: 3 }
        );
        assert_eq!(cpu_milli(&sample(5, 5), &sample(5, 5)), 0);
    }
}
