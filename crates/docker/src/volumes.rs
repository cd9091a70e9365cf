//! Volumes as tar streams, through a container that is never started.
//!
//! Docker reads and writes files only through containers. A helper of an empty image mounts the volume
//! and exists as long as its stream: so a volume can be read and filled whatever the site's own
//! containers do, also before there are any.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::{
    body_try_stream,
    models::{ContainerCreateBody, HostConfig, Mount, MountType},
    query_parameters::{
        CreateContainerOptions, CreateImageOptions, DownloadFromContainerOptions, RemoveContainerOptions,
        UploadToContainerOptions,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use stoa_model::stack::{ProjectName, VolumeName};
use stoa_provider::engine::{EngineError, EngineStream, InputStream};
use tokio::{runtime::Handle, time};

use crate::{client::Docker, error::Act, labels, names};

/// An image without any file.
const EMPTY_IMAGE: &str = "stoa/empty";
const MOUNT_POINT: &str = "/volume";

impl Docker {
    pub(crate) async fn export(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
    ) -> Result<EngineStream<Bytes>, EngineError> {
        let act = Act::new("exporting", format!("the volume {volume} of project {project}"));
        let helper = self.helper(&act, project, volume, true).await?;
        // The dot leaves the directory's own name out of the archive.
        let options = DownloadFromContainerOptions { path: format!("{MOUNT_POINT}/.") };
        let chunks = self.api(&act)?.download_from_container(&helper.id, Some(options)).boxed();
        let deadline = self.timeout();
        let archive = stream::unfold(Some((chunks, helper, act)), move |state| async move {
            let (mut chunks, helper, act) = state?;
            match time::timeout(deadline, chunks.next()).await {
                Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some((chunks, helper, act)))),
                Ok(Some(Err(error))) => Some((Err(act.failed(error)), None)),
                Ok(None) => helper.remove().await.err().map(|error| (Err(error), None)),
                Err(_) => Some((Err(act.timed_out(deadline)), None)),
            }
        });
        Ok(archive.boxed())
    }

    pub(crate) async fn import(
        &self,
        project: &ProjectName,
        volume: &VolumeName,
        archive: InputStream,
    ) -> Result<(), EngineError> {
        let act = Act::new("importing", format!("the volume {volume} of project {project}"));
        let helper = self.helper(&act, project, volume, false).await?;
        let options = UploadToContainerOptions { path: MOUNT_POINT.into(), ..Default::default() };
        let (archive, failure) = watched(archive);
        let body = body_try_stream(archive);
        // No deadline: the archive comes as fast as its source gives it.
        let answer = self.api(&act)?.upload_to_container(&helper.id, Some(options), body).await;
        let removed = helper.remove().await;
        if let Some(reason) = taken(&failure) {
            return Err(act.refused(format!("the archive can't be read: {reason}")));
        }
        answer.map_err(|error| act.failed(error)).and(removed)
    }

    /// A container that mounts the volume. The volume must be there: Docker would create it.
    async fn helper(
        &self,
        act: &Act,
        project: &ProjectName,
        volume: &VolumeName,
        read_only: bool,
    ) -> Result<Helper, EngineError> {
        let name = names::volume(project, volume);
        let missing = || EngineError::NotFound { what: format!("the volume {volume} of project {project}") };
        match self.call(act, |api| api.inspect_volume(&name)).await {
            Ok(found) if labels::is_of(&found.labels, self.installation(), project) => {}
            Ok(_) | Err(EngineError::NotFound { .. }) => return Err(missing()),
            Err(error) => return Err(error),
        }
        let body = || ContainerCreateBody {
            image: Some(format!("{EMPTY_IMAGE}:1")),
            cmd: Some(vec!["never-started".into()]),
            labels: Some(labels::on_helper(self.installation(), project)),
            host_config: Some(HostConfig {
                mounts: Some(vec![Mount {
                    typ: Some(MountType::VOLUME),
                    source: Some(name.clone()),
                    target: Some(MOUNT_POINT.into()),
                    read_only: Some(read_only),
                    ..Default::default()
                }]),
                network_mode: Some("none".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let create = || self.call(act, |api| api.create_container(None::<CreateContainerOptions>, body()));
        let created = match create().await {
            Err(EngineError::ImageMissing { .. }) => {
                self.import_empty_image().await?;
                create().await?
            }
            created => created?,
        };
        Ok(Helper { docker: self.clone(), id: created.id, is_removed: false })
    }

    async fn import_empty_image(&self) -> Result<(), EngineError> {
        let act = Act::new("creating", format!("the image {EMPTY_IMAGE}"));
        let options = CreateImageOptions {
            from_src: Some("-".into()),
            repo: Some(EMPTY_IMAGE.into()),
            tag: Some("1".into()),
            ..Default::default()
        };
        let empty_archive = Bytes::from_static(&[0; 1024]);
        let events = self.api(&act)?.create_image(Some(options), Some(bollard::body_full(empty_archive)), None);
        let import = events.try_for_each(|_| async { Ok(()) });
        let deadline = self.timeout();
        let imported = time::timeout(deadline, import).await.map_err(|_| act.timed_out(deadline))?;
        imported.map_err(|error| act.failed(error))
    }

    /// Removes helpers that a process left behind when it was killed.
    pub(crate) async fn remove_helpers(&self, project: &ProjectName) -> Result<(), EngineError> {
        let filter = labels::helper_filter(self.installation(), project);
        let found = self.summaries(filter, &format!("project {project}'s volumes")).await?;
        let act = Act::new("removing", format!("the access to a volume of project {project}"));
        let ids = found.into_iter().filter_map(|summary| summary.id);
        crate::deploy::all(ids.map(|id| self.remove_helper(&act, id))).await
    }

    async fn remove_helper(&self, act: &Act, id: String) -> Result<(), EngineError> {
        let options = || RemoveContainerOptions { force: true, v: true, link: false };
        self.gone(act, || self.api(act).map(|api| api.remove_container(&id, Some(options())))).await
    }
}

/// A container that gives access to a volume while it exists.
struct Helper {
    docker: Docker,
    id: String,
    is_removed: bool,
}

impl Helper {
    async fn remove(mut self) -> Result<(), EngineError> {
        self.is_removed = true;
        let act = Act::new("removing", "the access to a volume");
        self.docker.remove_helper(&act, self.id.clone()).await
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Where no runtime is left, the project's removal finds it by its label.
        let (false, Ok(runtime)) = (self.is_removed, Handle::try_current()) else { return };
        let (docker, id) = (self.docker.clone(), std::mem::take(&mut self.id));
        runtime.spawn(async move {
            let act = Act::new("removing", "the access to a volume");
            let _ = docker.remove_helper(&act, id).await;
        });
    }
}

type Failure = Arc<Mutex<Option<String>>>;

/// Notes why an input broke: Docker itself only sees its end.
pub(crate) fn watched(input: InputStream) -> (impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static, Failure) {
    let failure = Failure::default();
    let noted = failure.clone();
    let input = input.inspect_err(move |error| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    });
    (input, failure)
}

pub(crate) fn taken(failure: &Failure) -> Option<String> {
    failure.lock().unwrap_or_else(PoisonError::into_inner).take()
}
