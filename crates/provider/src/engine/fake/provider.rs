//! The fake as an [`Engine`].

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use stoa_model::{
    image::ImageRef,
    limits::Limits,
    placement::{LeasePool, Placement},
    stack::{ProjectName, ServiceName, Stack, VolumeName},
};

use super::{
    Deployed, DeploymentRecord, FakeEngine, held, image_id, placement,
    script::{Call, Extent, Fault, Verb, refused, unavailable},
    streams,
};
use crate::engine::{
    Build, BuildEvent, Capabilities, Deployment, Endpoint, Engine, EngineError, EngineEvent, EngineInfo, EngineStream,
    Exec, ExecSession, ImageInfo, InputStream, LogLine, LogQuery, Manifest, Observed, PlacementRequest, Revision,
    RunState, Scope, ServiceStats, Stored, newest_at,
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
                Err(EngineError::DiskFull { doing: format!("{verb:?}"), reason: "the test's script says so".into() })
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

    /// Enters a call that needs a capability.
    async fn enter_with(&self, has: bool, what: &'static str, call: Call) -> Result<Extent, EngineError> {
        if !has {
            return Err(EngineError::Unsupported { engine: self.name.clone(), what });
        }
        self.enter(call).await
    }

    pub(super) fn leave<T>(verb: Verb, extent: Extent, answer: T) -> Result<T, EngineError> {
        match extent {
            Extent::All => Ok(answer),
            Extent::Half => Err(refused(verb, "the test's script stops it half-way")),
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
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        *held(&self.capabilities)
    }

    async fn describe(&self) -> Result<EngineInfo, EngineError> {
        let extent = self.enter(call(Verb::Describe, None)).await?;
        // Two statements: a lock that is held to the end of a statement can't be taken twice in it.
        let (data_directory, in_use) = {
            let world = self.world();
            (world.data_directory.clone(), world.leases())
        };
        let info = EngineInfo {
            kind: "fake",
            version: "1".into(),
            cores: 2,
            memory: 4 << 30,
            data_directory,
            mtu: held(&self.mtu).clone(),
            in_use,
        };
        Self::leave(Verb::Describe, extent, info)
    }

    fn lease_pool(&self, info: &EngineInfo) -> Option<LeasePool> {
        let mut pool = held(&self.pool).clone();
        pool.taken.extend(info.in_use.iter().map(|(_, range)| *range));
        Some(pool)
    }

    fn place(&self, request: &PlacementRequest<'_>) -> Result<Placement, EngineError> {
        placement::place(&self.name, &held(&self.pool), request)
    }

    fn host_address(&self, placement: &Placement) -> Option<IpAddr> {
        let lease = placement::read(placement).ok()?.lease;
        Some(Ipv4Addr::from(u32::try_from(lease + 1).ok()?).into())
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError> {
        let extent = self.enter(call(Verb::Image, None)).await?;
        let known = self.world().images.get(image).cloned();
        let any = ImageInfo { id: image_id(image.as_str().as_bytes()), labels: Default::default() };
        Self::leave(Verb::Image, extent, known.unwrap_or(Some(any)))
    }

    async fn deploy(&self, deployment: &Deployment) -> Result<Deployed, EngineError> {
        let project = &deployment.stack.project;
        let entered = Call { operation: Some(deployment.operation), ..call(Verb::Deploy, Some(project)) };
        let extent = self.enter(entered).await?;
        let says = held(&self.says).clone();
        let live_limits = self.capabilities().live_limits;
        let deployed = self.world().deploy(&self.installation, deployment, extent, live_limits, &*says)?;
        held(&self.deployments).push(DeploymentRecord {
            revision: deployment.revision,
            stack: deployment.stack.clone(),
            deployed: deployed.clone(),
        });
        Self::leave(Verb::Deploy, extent, deployed)
    }

    async fn retire(&self, deployment: &Deployment) -> Result<(), EngineError> {
        let extent = self.enter(call(Verb::Retire, Some(&deployment.stack.project))).await?;
        if extent != Extent::Half {
            self.world().retire(&self.installation, deployment);
        }
        Self::leave(Verb::Retire, extent, ())
    }

    async fn endpoint(
        &self,
        project: &ProjectName,
        placed: &Placement,
        service: &ServiceName,
        port: u16,
        revision: Revision,
    ) -> Result<Endpoint, EngineError> {
        let extent = self.enter(call(Verb::Endpoint, Some(project))).await?;
        let numbered: Vec<(u32, Revision)> = {
            let mut world = self.world();
            world.instances(&self.installation, project, Some(service)).map(|((_, n), i)| (*n, i.revision)).collect()
        };
        let serving = newest_at(numbered, revision, |(_, revision)| *revision);
        let (instance, _) = serving.ok_or_else(|| no_service(project, service))?;
        let address =
            placement::read(placed)?.address(service, instance).ok_or_else(|| no_service(project, service))?;
        Self::leave(Verb::Endpoint, extent, Endpoint::Address((address, port).into()))
    }

    async fn observe(&self, project: &ProjectName) -> Result<Observed, EngineError> {
        let extent = self.enter(call(Verb::Observe, Some(project))).await?;
        let found = self.world().list(&self.installation).into_iter().find(|observed| observed.project == *project);
        Self::leave(Verb::Observe, extent, found.unwrap_or_else(|| Observed::nothing(project.clone())))
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
        let keys = world.keys(&self.installation, project);
        if keys.is_empty() {
            return Err(EngineError::NotFound { what: format!("a container of project {project}") });
        }
        if extent != Extent::Half {
            keys.iter().for_each(|key| world.start(&self.installation, project, key, &*says));
        }
        Self::leave(Verb::Start, extent, ())
    }

    async fn stop(&self, project: &ProjectName) -> Result<(), EngineError> {
        let extent = self.enter(call(Verb::Stop, Some(project))).await?;
        let mut world = self.world();
        if extent != Extent::Half {
            for key in world.keys(&self.installation, project) {
                world.end(&self.installation, project, &key, 0);
            }
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

    async fn pause(&self, project: &ProjectName) -> Result<(), EngineError> {
        let has = self.capabilities().pause;
        let extent = self.enter_with(has, "pause a project", call(Verb::Pause, Some(project))).await?;
        if extent != Extent::Half {
            self.world().switch(&self.installation, project, RunState::Running, RunState::Paused);
        }
        Self::leave(Verb::Pause, extent, ())
    }

    async fn resume(&self, project: &ProjectName) -> Result<(), EngineError> {
        let has = self.capabilities().pause;
        let extent = self.enter_with(has, "resume a project", call(Verb::Resume, Some(project))).await?;
        if extent != Extent::Half {
            self.world().switch(&self.installation, project, RunState::Paused, RunState::Running);
        }
        Self::leave(Verb::Resume, extent, ())
    }

    async fn set_limits(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        limits: Limits,
    ) -> Result<(), EngineError> {
        let has = self.capabilities().live_limits;
        let extent = self.enter_with(has, "change limits live", call(Verb::SetLimits, Some(project))).await?;
        let mut found = false;
        for (_, instance) in self.world().instances(&self.installation, project, Some(service)) {
            found = true;
            instance.service.limits = limits;
        }
        if found { Self::leave(Verb::SetLimits, extent, ()) } else { Err(no_service(project, service)) }
    }

    async fn exec(&self, project: &ProjectName, service: &ServiceName, exec: Exec) -> Result<ExecSession, EngineError> {
        let entered = Call { argv: exec.argv.clone(), ..call(Verb::Exec, Some(project)) };
        let extent = self.enter(entered).await?;
        let states: Vec<RunState> = {
            let mut world = self.world();
            world.instances(&self.installation, project, Some(service)).map(|(_, i)| i.state).collect()
        };
        if states.is_empty() {
            return Err(no_service(project, service));
        }
        if !states.contains(&RunState::Running) {
            return Err(refused(Verb::Exec, "the service is not running: start it first"));
        }
        let run = held(&self.run).clone();
        Ok(streams::session(run, project.clone(), service.clone(), exec, extent))
    }

    async fn export_volume(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
    ) -> Result<EngineStream<Bytes>, EngineError> {
        let has = self.capabilities().volumes;
        let extent = self.enter_with(has, "export volumes", call(Verb::ExportVolume, Some(project))).await?;
        let files = self.world().volume(&self.installation, project, volume)?.clone();
        Ok(streams::archive(&files, extent))
    }

    async fn import_volume(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
        archive: InputStream,
    ) -> Result<(), EngineError> {
        let has = self.capabilities().volumes;
        let extent = self.enter_with(has, "import volumes", call(Verb::ImportVolume, Some(project))).await?;
        self.world().volume(&self.installation, project, volume)?;
        let chunks: Vec<Bytes> =
            archive.try_collect().await.map_err(|e| refused(Verb::ImportVolume, &e.to_string()))?;
        let mut files = crate::engine::tar::files(&chunks);
        if extent == Extent::Half {
            let half = files.len() / 2;
            files = files.into_iter().take(half).collect();
        }
        self.world().volume(&self.installation, project, volume)?.extend(files);
        Self::leave(Verb::ImportVolume, extent, ())
    }

    async fn logs(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        query: LogQuery,
    ) -> Result<EngineStream<LogLine>, EngineError> {
        let extent = self.enter(call(Verb::Logs, Some(project))).await?;
        let (signals, lines) = {
            let mut world = self.world();
            let signals = world.watch();
            let last = |log: &[Arc<LogLine>]| log[log.len().saturating_sub(query.tail as usize)..].to_vec();
            let logs = world.instances(&self.installation, project, service).map(|(_, i)| last(&i.log));
            (signals, logs.collect::<Vec<_>>())
        };
        if let (true, Some(service)) = (lines.is_empty(), service) {
            return Err(no_service(project, service));
        }
        let past = lines.into_iter().flatten().collect();
        let own = (self.installation.clone(), project.clone(), service.cloned());
        Self::leave(Verb::Logs, extent, streams::log(past, query, signals, own))
    }

    async fn build(&self, build: Build) -> Result<EngineStream<BuildEvent>, EngineError> {
        let extent = self.enter_with(self.capabilities().build, "build images", call(Verb::Build, None)).await?;
        let context = build.context.try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        });
        let context = context.await.map_err(|error| refused(Verb::Build, &error.to_string()))?;
        let id = image_id(&context);
        if extent != Extent::Half {
            self.set_image(&build.tag, ImageInfo { id: id.clone(), labels: Default::default() });
        }
        let end = Self::leave(Verb::Build, extent, BuildEvent::Built(id));
        let log = BuildEvent::Log(format!("building {}", build.tag));
        Ok(stream::iter([Ok(log), end]).boxed())
    }

    async fn stats(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError> {
        let extent = self.enter(call(Verb::Stats, Some(project))).await?;
        let mut world = self.world();
        let running = world.instances(&self.installation, project, None).filter(|(_, i)| i.state == RunState::Running);
        let stats = running.map(|((service, _), instance)| {
            let memory_limit = instance.service.limits.memory.0;
            let service = service.to_string();
            ServiceStats { service, cpu_milli: 10, memory: memory_limit / 2, memory_limit, pids: 1 }
        });
        Self::leave(Verb::Stats, extent, stats.collect())
    }

    async fn stored(&self) -> Result<Vec<Stored>, EngineError> {
        let extent = self.enter(call(Verb::Stored, None)).await?;
        let world = self.world();
        let own = world.projects.iter().filter(|((installation, _), _)| *installation == self.installation);
        let size = |files: &BTreeMap<String, Bytes>| files.values().map(|file| file.len() as u64).sum();
        let stored = own.map(|((_, name), project)| {
            let volumes = project.volumes.iter().map(|(volume, (_, files))| (volume.clone(), size(files)));
            Stored { volumes: volumes.collect(), ..Stored::nothing(name.clone()) }
        });
        let all = stored.collect();
        drop(world);
        Self::leave(Verb::Stored, extent, all)
    }

    async fn events(&self) -> Result<EngineStream<EngineEvent>, EngineError> {
        let extent = self.enter(call(Verb::Events, None)).await?;
        let stream = streams::events(self.world().watch(), self.installation.clone());
        Self::leave(Verb::Events, extent, stream)
    }

    fn manifests(&self, stack: &Stack, _: &Placement) -> Result<Vec<Manifest>, EngineError> {
        let text = stoa_model::compose::render(stack, None);
        Ok(vec![Manifest { name: "compose.yaml".into(), text }])
    }
}
