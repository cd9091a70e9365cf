//! What steps may touch, and the calls to the engine that several of them make.

use std::{net::SocketAddr, sync::Arc};

use stoa_core::Core;
use stoa_domains::Domains;
use stoa_integrations::probe::Probe;
use stoa_model::{
    blueprint::Hook,
    placement::Placement,
    secret::SecretString,
    stack::{ServiceName, Stack},
};
use stoa_provider::engine::{
    Deployed, Deployment, Endpoint, Engine, EngineError, Engines, ExecOutput, PlacementRequest, Program, Revision,
    run_program,
};

use super::plan::{BadPlan, SitePlan};
use crate::programs::ProgramLimits;

/// What the steps of jobs on sites get: not the services, only what they act with.
#[derive(Clone)]
pub struct StepContext {
    /// Settings, database, clock, keys, wakeups.
    pub core: Core,
    /// Where stacks run.
    pub engines: Engines,
    /// Routes, certificates and DNS records.
    pub domains: Domains,
    /// Asks sites whether they answer.
    pub probe: Arc<dyn Probe>,
    /// How many programs run inside sites.
    pub(crate) programs: ProgramLimits,
}

impl StepContext {
    /// The engine of the plan's site.
    ///
    /// # Errors
    /// If this installation has no engine of that name.
    pub fn engine(&self, plan: &SitePlan) -> Result<&Arc<dyn Engine>, BadPlan> {
        engine_named(&self.engines, &plan.engine).map_err(|error| plan.bad(error))
    }

    /// Where the plan's stack lies.
    pub(crate) fn placement(&self, plan: &SitePlan) -> Result<Placement, BadPlan> {
        if let Some(placement) = &plan.placement {
            return Ok(placement.clone());
        }
        let lease = plan.legacy_lease().ok_or_else(|| plan.bad("it says nowhere where the site lies"))?;
        place(&**self.engine(plan)?, Some(lease), &plan.blueprint()?, None).map_err(|error| plan.bad(error))
    }

    /// The plan's stack, ready to be deployed.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn deployment(&self, plan: &SitePlan) -> Result<Deployment, BadPlan> {
        let stack = plan.stack(&self.core.key)?;
        Ok(Deployment {
            claimed: if plan.holds_data { claimed(&stack) } else { Default::default() },
            placement: self.placement(plan)?,
            revision: Revision(plan.revision),
            operation: plan.job,
            stack,
        })
    }

    /// Makes what runs equal to the plan's stack.
    pub(super) async fn deploy(&self, plan: &SitePlan) -> Result<Deployed, EngineError> {
        let deployment = self.deployment(plan).map_err(refused)?;
        self.engine(plan).map_err(refused)?.deploy(&deployment).await
    }

    /// Where the edge reaches the plan's site.
    pub(crate) async fn upstream(&self, plan: &SitePlan) -> Result<SocketAddr, EngineError> {
        let (engine, placement) = (self.engine(plan).map_err(refused)?, self.placement(plan).map_err(refused)?);
        let route = plan.blueprint().map_err(refused)?.route;
        let revision = Revision(plan.revision);
        match engine.endpoint(&plan.project, &placement, &route.service, route.port, revision).await? {
            Endpoint::Address(address) => Ok(address),
            Endpoint::Host { host, port } => resolve(&host, port).await,
        }
    }

    /// Runs one of the blueprint's hooks with these values on its standard input.
    pub(super) async fn run_hook(
        &self,
        plan: &SitePlan,
        hook: &Hook,
        stdin: Option<SecretString>,
    ) -> Result<ExecOutput, EngineError> {
        let _place = self.programs.wait(plan.customer, plan.site).await;
        run_hook(&**self.engine(plan).map_err(refused)?, &plan.project, hook, stdin).await
    }
}

/// Runs a hook to its end.
pub(crate) async fn run_hook(
    engine: &dyn Engine,
    project: &stoa_model::stack::ProjectName,
    hook: &Hook,
    stdin: Option<SecretString>,
) -> Result<ExecOutput, EngineError> {
    let program = Program { argv: hook.command.clone(), stdin, user: hook.user.clone(), deadline: hook.timeout };
    run_program(engine, project, &hook.service, program).await
}

/// The engine with this name.
pub(crate) fn engine_named<'a>(engines: &'a Engines, name: &str) -> Result<&'a Arc<dyn Engine>, String> {
    engines.get(name).ok_or_else(|| format!("this installation has no engine named {name}: configure it again"))
}

/// Chooses where a blueprint's stack lies.
pub(crate) fn place(
    engine: &dyn Engine,
    lease: Option<i64>,
    blueprint: &stoa_model::blueprint::Blueprint,
    previous: Option<&Placement>,
) -> Result<Placement, EngineError> {
    let services: Vec<ServiceName> = blueprint.services.iter().map(|service| service.name.clone()).collect();
    let start_first = blueprint.start_first_names();
    engine.place(&PlacementRequest { lease, services: &services, start_first: &start_first, previous })
}

/// All volumes of a stack whose site has run.
fn claimed(stack: &Stack) -> std::collections::BTreeSet<stoa_model::stack::VolumeName> {
    stack.volume_names().into_iter().cloned().collect()
}

fn refused(bad: BadPlan) -> EngineError {
    EngineError::Refused { doing: "using the job's plan".into(), reason: bad.to_string() }
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, EngineError> {
    let doing = || format!("resolving the service {host}:{port}");
    let found = tokio::net::lookup_host((host, port)).await;
    let mut found = found.map_err(|error| EngineError::Unavailable { doing: doing(), reason: error.to_string() })?;
    found.next().ok_or_else(|| EngineError::Unavailable { doing: doing(), reason: "it has no address".into() })
}
