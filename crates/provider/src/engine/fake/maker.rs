//! The fake as an [`Engine`].

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use stoa_model::{
    id::JobId,
    image::ImageRef,
    stack::{ProjectName, ServiceName, Stack},
};
use tokio::{sync::broadcast, time};

use super::{
    FakeEngine, held,
    script::{Call, Extent, Fault, Verb, refused, unavailable},
    world::Signal,
};
use crate::engine::{
    Engine, EngineError, EngineEvent, EngineInfo, Exec, ExecOutput, ImageInfo, LogLine, Observed, RunState, Scope,
    ServiceStats,
};

impl FakeEngine {
    async fn enter(&self, call: Call) -> Result<Extent, EngineError> {
        let verb = call.verb;
        let fault = held(&self.script).enter(call);
        match fault {
            None => Ok(Extent::All),
            Some(Fault::Unavailable) => Err(unavailable(verb)),
            Some(Fault::Refused(reason)) => Err(refused(verb, &reason)),
            Some(Fault::DiskFull) => {
                Err(EngineError::DiskFull { doing: format!("{verb:?}"), reason: "the fake engine was told so".into() })
            }
            Some(Fault::Half) => Ok(Extent::Half),
            Some(Fault::AnswerLost) => Ok(Extent::AllThenLost),
            Some(Fault::Stall) => {
                self.stalled.send_replace(true);
                // The sender lives in `self`: it can't go away here.
                let _ = self.stalled.subscribe().wait_for(|stalled| !stalled).await;
                Ok(Extent::All)
            }
        }
    }

    fn leave<T>(verb: Verb, extent: Extent, answer: T) -> Result<T, EngineError> {
        match extent {
            Extent::All => Ok(answer),
            Extent::Half => Err(refused(verb, "the fake engine was told to stop half-way")),
            Extent::AllThenLost => Err(unavailable(verb)),
        }
    }
}

fn call(verb: Verb, project: Option<&ProjectName>) -> Call {
    Call { verb, project: project.cloned(), operation: None, argv: Vec::new() }
}

fn no_service(project: &ProjectName, service: &ServiceName) -> EngineError {
    EngineError::NotFound { what: format!("the service {service} of project {project}") }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn describe(&self) -> Result<EngineInfo, EngineError> {
        let extent = self.enter(call(Verb::Describe, None)).await?;
        // Taken apart: a lock that is held to the end of a statement can't be taken twice in it.
        let (folder, subnets) = {
            let world = self.world();
            (world.folder.clone(), world.subnets())
        };
        let info = EngineInfo {
            kind: "fake",
            version: "1".into(),
            cores: 2,
            memory: 4 << 30,
            data_directory: folder,
            subnets,
        };
        Self::leave(Verb::Describe, extent, info)
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError> {
        let extent = self.enter(call(Verb::Image, None)).await?;
        let known = self.world().images.get(image).cloned();
        let any = ImageInfo { id: format!("sha256:{image}"), labels: Default::default() };
        Self::leave(Verb::Image, extent, known.unwrap_or(Some(any)))
    }

    async fn apply(&self, stack: &Stack, operation: JobId) -> Result<(), EngineError> {
        let entered = Call { operation: Some(operation), ..call(Verb::Apply, Some(&stack.project)) };
        let extent = self.enter(entered).await?;
        let says = held(&self.says).clone();
        self.world().apply(&self.installation, stack, operation, extent, &*says)?;
        Self::leave(Verb::Apply, extent, ())
    }

    async fn observe(&self, project: &ProjectName) -> Result<Observed, EngineError> {
        let extent = self.enter(call(Verb::Observe, Some(project))).await?;
        let found = self.world().list(&self.installation).into_iter().find(|observed| observed.project == *project);
        let nothing = || Observed {
            project: project.clone(),
            site: None,
            services: Vec::new(),
            networks: Vec::new(),
            volumes: Vec::new(),
        };
        Self::leave(Verb::Observe, extent, found.unwrap_or_else(nothing))
    }

    async fn list(&self) -> Result<Vec<Observed>, EngineError> {
        let extent = self.enter(call(Verb::List, None)).await?;
        let all = self.world().list(&self.installation);
        Self::leave(Verb::List, extent, all)
    }

    async fn start(&self, project: &ProjectName) -> Result<(), EngineError> {
        let extent = self.enter(call(Verb::Start, Some(project))).await?;
        let says = held(&self.says).clone();
        let mut world = self.world();
        let services = world.services(&self.installation, project);
        if services.is_empty() {
            return Err(EngineError::NotFound { what: format!("a container of project {project}") });
        }
        if extent != Extent::Half {
            services.iter().for_each(|service| world.start(&self.installation, project, service, &*says));
        }
        Self::leave(Verb::Start, extent, ())
    }

    async fn stop(&self, project: &ProjectName) -> Result<(), EngineError> {
        let extent = self.enter(call(Verb::Stop, Some(project))).await?;
        let mut world = self.world();
        if extent != Extent::Half {
            let services = world.services(&self.installation, project);
            services.iter().for_each(|service| world.end(&self.installation, project, service, 0));
        }
        Self::leave(Verb::Stop, extent, ())
    }

    async fn remove(&self, project: &ProjectName, scope: Scope) -> Result<(), EngineError> {
        let operation = match scope {
            Scope::CreatedBy(job) => Some(job),
            Scope::Everything => None,
        };
        let extent = self.enter(Call { operation, ..call(Verb::Remove, Some(project)) }).await?;
        self.world().remove(&self.installation, project, scope, extent);
        Self::leave(Verb::Remove, extent, ())
    }

    async fn exec(&self, project: &ProjectName, service: &ServiceName, exec: Exec) -> Result<ExecOutput, EngineError> {
        let entered = Call { argv: exec.argv.clone(), ..call(Verb::Exec, Some(project)) };
        let extent = self.enter(entered).await?;
        let state = self.world().container(&self.installation, project, service).map(|c| c.state);
        match state {
            None => return Err(no_service(project, service)),
            Some(RunState::Running) => {}
            Some(_) => return Err(refused(Verb::Exec, "the service is not running: start it first")),
        }
        let run = held(&self.run).clone();
        let Some(output) = run(project, service, &exec) else {
            time::sleep(exec.deadline).await;
            let doing = format!("running {} in {service} of project {project}", exec.argv.join(" "));
            return Err(EngineError::Timeout { doing, seconds: exec.deadline.as_secs_f64().ceil() as u64 });
        };
        Self::leave(Verb::Exec, extent, output)
    }

    async fn logs(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        tail: u32,
    ) -> Result<Vec<LogLine>, EngineError> {
        let extent = self.enter(call(Verb::Logs, Some(project))).await?;
        let mut world = self.world();
        let mut services = world.services(&self.installation, project);
        if let Some(service) = service {
            services.retain(|name| name == service);
            if services.is_empty() {
                return Err(no_service(project, service));
            }
        }
        let mut lines = Vec::new();
        for service in services {
            let log = world.logs(&self.installation, project, &service);
            lines.extend_from_slice(&log[log.len().saturating_sub(tail as usize)..]);
        }
        lines.sort_by(|a, b| a.at.cmp(&b.at));
        Self::leave(Verb::Logs, extent, lines)
    }

    async fn stats(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError> {
        let extent = self.enter(call(Verb::Stats, Some(project))).await?;
        let mut world = self.world();
        let mut stats = Vec::new();
        for service in world.services(&self.installation, project) {
            let running = world.container(&self.installation, project, &service);
            let Some(container) = running.filter(|c| c.state == RunState::Running) else { continue };
            let memory_limit = container.service.limits.memory.0;
            let service = service.to_string();
            stats.push(ServiceStats { service, cpu_milli: 10, memory: memory_limit / 2, memory_limit, pids: 1 });
        }
        Self::leave(Verb::Stats, extent, stats)
    }

    async fn events(&self) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError> {
        let extent = self.enter(call(Verb::Events, None)).await?;
        let watching = (Some(self.world().watch()), self.installation.clone());
        let stream = stream::unfold(watching, |(signals, installation)| async move {
            let mut signals = signals?;
            let event = next_event(&mut signals, &installation).await;
            let signals = event.is_ok().then_some(signals);
            Some((event, (signals, installation)))
        });
        Self::leave(Verb::Events, extent, stream.boxed())
    }
}

async fn next_event(signals: &mut broadcast::Receiver<Signal>, installation: &str) -> Result<EngineEvent, EngineError> {
    loop {
        match signals.recv().await {
            Ok(Signal::Event(of, event)) if of == installation => return Ok(event),
            Ok(Signal::Event(..)) => {}
            Ok(Signal::Gone) | Err(_) => return Err(unavailable(Verb::Events)),
        }
    }
}
