//! The engine's manifests in the site's directory, for a person at the machine: on Docker a Compose
//! file. The engine itself gets the typed stack, never these files.

use std::{fs, io};

use async_trait::async_trait;
use stoa_provider::engine::Deployment;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use crate::sagas::{OnSite, SitePlan, StepContext};
use stoa_util::{atomic_file, io_error::at_path};

/// Writes the manifests, over those that are there.
pub(super) fn write_manifests(cx: &StepContext, plan: &SitePlan) -> Result<Deployment, stoa_core::error::Source> {
    let deployment = cx.deployment(plan)?;
    for manifest in cx.engine(plan)?.manifests(&deployment.stack, &deployment.placement)? {
        let path = plan.directory.join(manifest.name);
        atomic_file::write_private(&path, manifest.text.as_bytes()).map_err(at_path(&path))?;
    }
    Ok(deployment)
}

pub struct WriteManifests;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for WriteManifests {
    fn name(&self) -> &'static str {
        "stack"
    }

    fn title(&self) -> &'static str {
        "Prepare configuration"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let deployment = write_manifests(cx, plan.site()).or_fail("The store's description could not be written.")?;
        Ok(Done::with_detail(format!("{} services", deployment.stack.services.len())))
    }

    async fn undo(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        let doing = "removing the site's manifests";
        let deployment = cx.deployment(plan).or_undo_fail(doing)?;
        let engine = cx.engine(plan).or_undo_fail(doing)?;
        for manifest in engine.manifests(&deployment.stack, &deployment.placement).or_undo_fail(doing)? {
            let path = plan.directory.join(manifest.name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(UndoError::retry(doing, at_path(&path)(error)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
