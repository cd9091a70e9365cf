//! What runs stacks: Docker today, Kubernetes later. Every engine is one provider of [`Engine`].
//!
//! Invariants of the interface:
//! - **It speaks of stacks and services, never of containers.** Object names, addresses and networks
//!   are the engine's own. What an engine must choose before the first effect is a [`Placement`],
//!   saved by the platform and passed to every later call.
//! - **Deploying converges.** [`Engine::deploy`] compares what a stack wants with what runs, replaces
//!   only what differs, and says why.
//! - **Data is never replaced.** No call but [`Engine::remove`] removes a volume, and a missing volume
//!   that should hold data stops a deployment before it makes anything.
//! - **Large things are streams** with back-pressure: programs' input and output, volumes, logs, builds.
//!
//! [`conformance`] is the suite that every provider passes; [`fake`] is a provider in memory for tests.

mod build;
pub mod conformance;
mod deployment;
mod description;
mod error;
mod exec;
pub mod fake;
mod logs;
mod observation;
mod registry;
pub mod spec;
mod tar;

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use stoa_model::{
    image::ImageRef,
    limits::Limits,
    placement::{LeasePool, Placement},
    stack::{ProjectName, ServiceName, Stack, VolumeName},
};

pub use self::{
    build::{Build, BuildEvent},
    deployment::{Action, Change, Deployed, Deployment, Manifest, PlacementRequest, Revision, Scope},
    description::{Capabilities, EngineInfo, ImageInfo, NetworkMtu},
    error::EngineError,
    exec::{Exec, ExecEvent, ExecOutput, ExecSession, Program, run_program},
    logs::{LogLine, LogQuery, MAX_TAIL_BYTES, logs_tail},
    observation::{
        Endpoint, EngineEvent, EngineEventKind, Observed, ObservedService, Readiness, RunState, ServiceStats, Stored,
        newest_at,
    },
    registry::Engines,
};

/// A stream that an engine answers with. An error is its last item.
pub type EngineStream<T> = BoxStream<'static, Result<T, EngineError>>;

/// A stream of bytes that a caller gives to an engine. An error stops the call that reads it.
pub type InputStream = BoxStream<'static, std::io::Result<Bytes>>;

/// Runs stacks. All methods are idempotent and may be cancelled at any await: a change that has begun
/// then runs to its end, and the next change of the project waits for it.
///
/// A method without its [capability](Capabilities) answers [`EngineError::Unsupported`].
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// The engine's key in the registry and in the database, for example `docker`.
    fn name(&self) -> &str;

    /// What this engine can do beyond the core.
    fn capabilities(&self) -> Capabilities;

    /// The engine's version, its machine, and what of its lease pool is in use.
    async fn describe(&self) -> Result<EngineInfo, EngineError>;

    /// The numbers of which each site needs one before it can be placed; `None` if sites need none.
    /// What `info` says is in use is left out.
    fn lease_pool(&self, info: &EngineInfo) -> Option<LeasePool>;

    /// Chooses where a stack lies. Pure: it asks nothing and changes nothing. Keeps everything that
    /// `previous` chose and adds what is new.
    ///
    /// # Errors
    /// `Refused` if the lease is not one of the pool's, or has no room for all services.
    fn place(&self, request: &PlacementRequest<'_>) -> Result<Placement, EngineError>;

    /// The address of the platform's machine as containers of the stack reach it, so that they can use services there;
    /// `None` if they can't.
    fn host_address(&self, placement: &Placement) -> Option<IpAddr>;

    /// Looks an image up on the engine; `None` if it is not there.
    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>, EngineError>;

    /// Makes what runs equal to the stack and returns what it changed: creates what is missing,
    /// replaces a service whose configuration differs by the service's own strategy, changes limits
    /// in place where it can, and starts what is down. New objects carry the operation as a label.
    /// Volumes and services that the stack does not have stay. Returns when everything is started,
    /// not when it is healthy; call it again after a crash to finish.
    ///
    /// # Errors
    /// `DataMissing` if a claimed volume is not there; nothing is created then. `ImageMissing` before
    /// any running instance is stopped.
    async fn deploy(&self, deployment: &Deployment) -> Result<Deployed, EngineError>;

    /// Removes instances that `deployment` has superseded: services that its stack does not have, and
    /// instances that differ from it while one that equals it is there. Volumes stay.
    async fn retire(&self, deployment: &Deployment) -> Result<(), EngineError>;

    /// Where the edge reaches a service: the instance of this revision or, if the service did not
    /// change in it, of the newest one before.
    ///
    /// # Errors
    /// `NotFound` if no instance of the service is there.
    async fn endpoint(
        &self,
        project: &ProjectName,
        placement: &Placement,
        service: &ServiceName,
        port: u16,
        revision: Revision,
    ) -> Result<Endpoint, EngineError>;

    /// What there is of a project; empty when there is nothing.
    async fn observe(&self, project: &ProjectName) -> Result<Observed, EngineError>;

    /// Everything on the engine that carries this installation's label, by project.
    async fn list(&self) -> Result<Vec<Observed>, EngineError>;

    /// Starts all instances of a project, paused ones too. A project without any is
    /// [`EngineError::NotFound`].
    async fn start(&self, project: &ProjectName) -> Result<(), EngineError>;

    /// Stops all instances of a project gracefully; data stays. Nothing to stop is fine.
    async fn stop(&self, project: &ProjectName) -> Result<(), EngineError>;

    /// Removes instances, networks and volumes within `scope`, and nothing else; what is gone already
    /// is fine. After a failure it still tries the rest.
    async fn remove(&self, project: &ProjectName, scope: Scope) -> Result<(), EngineError>;

    /// Freezes all running instances of a project: they keep their memory and use no processor.
    /// Capability `pause`.
    async fn pause(&self, project: &ProjectName) -> Result<(), EngineError>;

    /// Continues all paused instances of a project. Capability `pause`.
    async fn resume(&self, project: &ProjectName) -> Result<(), EngineError>;

    /// Changes a service's limits without restarting it. Capability `live_limits`.
    async fn set_limits(&self, project: &ProjectName, service: &ServiceName, limits: Limits)
    -> Result<(), EngineError>;

    /// Starts a program inside a running service. Its output is unbounded and comes as it is written;
    /// an unread output blocks the program. Dropping the session may leave the program running:
    /// Docker can't end it. See [`run_program`] for small programs.
    async fn exec(&self, project: &ProjectName, service: &ServiceName, exec: Exec) -> Result<ExecSession, EngineError>;

    /// The files of a volume as a tar archive, with names relative to the volume's root. The stream
    /// ends with an error if the archive is not complete. Capability `volumes`.
    async fn export_volume(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
    ) -> Result<EngineStream<Bytes>, EngineError>;

    /// Unpacks a tar archive into a volume of the project. Files of the same name are replaced, others
    /// stay. Capability `volumes`.
    async fn import_volume(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
        archive: InputStream,
    ) -> Result<(), EngineError>;

    /// Lines of a service's output, or of all services. Lines of one service come in order; see
    /// [`logs_tail`] for the last lines merged by time.
    ///
    /// # Errors
    /// `NotFound` if the named service has no instance.
    async fn logs(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        query: LogQuery,
    ) -> Result<EngineStream<LogLine>, EngineError>;

    /// Builds an image from a tar archive. The stream ends with [`BuildEvent::Built`] or an error;
    /// dropping it cancels the build. Capability `build`.
    async fn build(&self, build: Build) -> Result<EngineStream<BuildEvent>, EngineError>;

    /// What each running service uses now.
    async fn stats(&self, project: &ProjectName) -> Result<Vec<ServiceStats>, EngineError>;

    /// What each project of this installation stores, running or not. It may take minutes: the engine counts files.
    /// Capability `volumes`.
    async fn stored(&self) -> Result<Vec<Stored>, EngineError>;

    /// Changes of this installation's instances as they happen. The stream ends with an error when
    /// the engine goes away; the caller asks again.
    async fn events(&self) -> Result<EngineStream<EngineEvent>, EngineError>;

    /// Waits for all changes in progress, including those whose caller has gone. A process calls it
    /// before it exits: the next process may not see yet what the engine is still creating.
    async fn settled(&self) {}

    /// Files for a person at the machine that describe the stack in the engine's own terms, without
    /// effect on it.
    fn manifests(&self, stack: &Stack, placement: &Placement) -> Result<Vec<Manifest>, EngineError>;
}
