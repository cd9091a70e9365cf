//! What a deployment has to do: a pure function of what is wanted and what is there.
//!
//! A plan is a list of operations, each with its cause. The executor makes no choices; tests read the
//! plan as text.

use std::fmt;

use stoa_model::stack::{ReplaceStrategy, Service, ServiceName, VolumeName};
use stoa_provider::engine::{Action, Change, Deployed, EngineError, Revision};

use crate::{
    containers::Target,
    names,
    verdict::{Inspected, Verdict},
};

/// What is there of a project.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) has_network: bool,
    pub(crate) volumes: Vec<VolumeName>,
    pub(crate) containers: Vec<Inspected>,
}

/// One thing to do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) kind: OpKind,
    pub(crate) cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpKind {
    CreateNetwork,
    CreateVolume(VolumeName),
    /// Create an instance, beside another one or as the first, and start it.
    Create {
        service: ServiceName,
        instance: u32,
        beside: bool,
    },
    /// Stop and remove these containers, then create an instance and start it.
    Replace {
        service: ServiceName,
        instance: u32,
        old: Vec<Old>,
    },
    /// Change a container's limits in place.
    Limit {
        service: ServiceName,
        container: String,
    },
    /// Start a container that is there.
    Start {
        service: ServiceName,
        instance: u32,
        container: String,
        paused: bool,
    },
}

/// A container that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Old {
    pub(crate) instance: u32,
    pub(crate) container: String,
}

/// Plans a deployment.
///
/// # Errors
/// `Refused` if a container would be replaced whose image keeps data in a volume without a name: the
/// new container could not find it.
pub(crate) fn plan(target: Target<'_>, revision: Revision, present: &Present) -> Result<Vec<Op>, EngineError> {
    let mut ops = Vec::new();
    if !present.has_network {
        ops.push(op(OpKind::CreateNetwork, "not there"));
    }
    for volume in target.stack.volume_names() {
        if !present.volumes.contains(volume) {
            ops.push(op(OpKind::CreateVolume(volume.clone()), "not there"));
        }
    }
    for service in &target.stack.services {
        ops.extend(plan_service(target, revision, service, present)?);
    }
    Ok(ops)
}

/// The container that is what the service wants, if one is; of several the newest.
pub(crate) fn current<'a>(
    target: Target<'_>,
    revision: Revision,
    service: &Service,
    containers: &'a [Inspected],
) -> Option<(&'a Inspected, Verdict)> {
    let own = containers.iter().filter(|found| found.container.service == service.name);
    let judged = own.map(|found| {
        let verdict = found.verdict(target, service, found.container.revision != revision);
        (found, verdict)
    });
    let fitting = judged.filter(|(_, verdict)| !matches!(verdict, Verdict::Differs(_)));
    fitting.max_by_key(|(found, _)| (found.container.revision, found.is_running()))
}

fn plan_service(
    target: Target<'_>,
    revision: Revision,
    service: &Service,
    present: &Present,
) -> Result<Vec<Op>, EngineError> {
    let name = || service.name.clone();
    if let Some((found, verdict)) = current(target, revision, service, &present.containers) {
        let container = || found.container.id.clone();
        let mut ops = Vec::new();
        if let Verdict::LimitsDiffer(cause) = verdict {
            ops.push(op(OpKind::Limit { service: name(), container: container() }, cause));
        }
        let is_done = service.runs_once && found.container.has_completed();
        if !found.is_running() && !is_done {
            let paused = found.container.state == stoa_provider::engine::RunState::Paused;
            let instance = found.container.instance;
            let cause = if paused { "it is paused" } else { "it does not run" };
            ops.push(op(OpKind::Start { service: name(), instance, container: container(), paused }, cause));
        }
        return Ok(ops);
    }
    let own = || present.containers.iter().filter(|found| found.container.service == service.name);
    let Some(newest) = own().max_by_key(|found| (found.container.revision, found.container.instance)) else {
        return Ok(vec![op(OpKind::Create { service: name(), instance: 1, beside: false }, "no instance")]);
    };
    let cause = match newest.verdict(target, service, newest.container.revision != revision) {
        Verdict::Differs(cause) | Verdict::LimitsDiffer(cause) => cause,
        Verdict::UpToDate => String::new(),
    };
    let has_room = target.placement.address(&service.name, 2).is_some();
    let (instance, replaced): (u32, Vec<&Inspected>) = match service.replace {
        ReplaceStrategy::StartFirst if has_room => {
            let taken = |instance: &u32| own().any(|found| found.container.instance == *instance);
            match [1, 2].into_iter().find(|instance| !taken(instance)) {
                Some(free) => {
                    let kind = OpKind::Create { service: name(), instance: free, beside: true };
                    return Ok(vec![op(kind, cause)]);
                }
                // The newest one was never retired to: the older one serves.
                None => (newest.container.instance, vec![newest]),
            }
        }
        ReplaceStrategy::Recreate | ReplaceStrategy::StartFirst => (newest.container.instance, own().collect()),
    };
    if let Some(path) = replaced.iter().flat_map(|found| &found.unnamed_volumes).next() {
        return Err(EngineError::Refused {
            doing: format!("replacing {} of project {}", service.name, target.stack.project),
            reason: format!(
                "its image keeps data at {path} in a volume without a name, which would be lost: name a volume for \
                 {path} in the blueprint and move the data there first"
            ),
        });
    }
    let old = replaced
        .iter()
        .map(|found| Old { instance: found.container.instance, container: found.container.id.clone() })
        .collect();
    Ok(vec![op(OpKind::Replace { service: name(), instance, old }, cause)])
}

fn op(kind: OpKind, cause: impl Into<String>) -> Op {
    Op { kind, cause: cause.into() }
}

impl Op {
    fn change(&self) -> Option<(&ServiceName, Action)> {
        match &self.kind {
            OpKind::CreateNetwork | OpKind::CreateVolume(_) => None,
            OpKind::Create { service, beside: false, .. } => Some((service, Action::Created)),
            OpKind::Create { service, .. } | OpKind::Replace { service, .. } => Some((service, Action::Replaced)),
            OpKind::Limit { service, .. } => Some((service, Action::LimitsChanged)),
            OpKind::Start { service, .. } => Some((service, Action::Started)),
        }
    }
}

/// What a plan changes, by service.
pub(crate) fn changes(target: Target<'_>, ops: &[Op]) -> Deployed {
    let change = |service: &Service| {
        let op = ops.iter().find_map(|op| op.change().filter(|(name, _)| **name == service.name).map(|c| (op, c.1)));
        let (action, cause) = op.map_or((Action::Unchanged, "up to date"), |(op, action)| (action, op.cause.as_str()));
        Change { service: service.name.clone(), action, cause: cause.to_owned() }
    };
    Deployed { changes: target.stack.services.iter().map(change).collect() }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OpKind::CreateNetwork => write!(f, "create the network")?,
            OpKind::CreateVolume(volume) => write!(f, "create the volume {volume}")?,
            OpKind::Create { service, instance, beside } => {
                let beside = if *beside { " beside the old one" } else { "" };
                write!(f, "create {}{beside}", names::instance(service, *instance))?;
            }
            OpKind::Replace { service, instance, old } => {
                let old: Vec<String> = old.iter().map(|old| old.instance.to_string()).collect();
                write!(f, "replace {} (removes {})", names::instance(service, *instance), old.join(" and "))?;
            }
            OpKind::Limit { service, .. } => write!(f, "change the limits of {service}")?,
            OpKind::Start { service, instance, paused, .. } => {
                let verb = if *paused { "resume" } else { "start" };
                write!(f, "{verb} {}", names::instance(service, *instance))?;
            }
        }
        write!(f, ": {}", self.cause)
    }
}

#[cfg(test)]
mod tests;
