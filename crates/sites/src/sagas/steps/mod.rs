//! One file a step. The words for the customer name what did not work and never a path, a host or
//! a secret; the cause beneath goes to the operator.

mod activate;
mod application_url;
mod backups;
mod certificate;
mod claim_application;
mod commit_state;
mod containers;
mod crash;
mod credentials;
mod directory;
mod power;
mod route;
mod secrets;
mod stack;
mod update;
mod verify;

pub(super) use activate::Activate;
pub(super) use application_url::{CommitAddress, UpdateApplicationUrl};
pub(super) use backups::ScheduleBackups;
pub(super) use certificate::IssueCertificate;
pub(super) use claim_application::ClaimApplication;
pub(super) use commit_state::CommitState;
pub(super) use containers::StartContainers;
pub(super) use credentials::StoreCredentials;
pub(super) use directory::CreateDirectory;
pub(super) use power::{StartContainersAgain, StopContainers};
pub(crate) use route::publish as publish_route;
pub(super) use route::{PublishRoute, RepublishRoute, WithdrawRoute};
pub(super) use secrets::StoreSecrets;
pub(super) use stack::WriteManifests;
pub(super) use update::{
    BeginUpdate, CommitUpdate, DeployRevision, EnterMaintenance, ReplaceManifests, RetireOldRevision,
    SnapshotBeforeUpdate, StoreNewSecrets, SwitchRoute,
};
pub(super) use verify::VerifySite;
pub(crate) use verify::check_health;

use jiff::Timestamp;
use stoa_db::{DbError, Tx, history, jobs, sites};
use stoa_model::{id::SiteId, site::Lifecycle};
use stoa_provider::engine::EngineError;
use stoa_saga::{StepError, UndoError};

use crate::sagas::{SitePlan, StepContext};

/// An engine's error as a step's: an engine that is away is waited for.
fn engine_failed(public: &str, error: EngineError) -> StepError {
    if error.is_transient() { StepError::retry(public, error) } else { StepError::fail(public, error) }
}

/// Why containers could not be started.
fn deploy_failed(error: EngineError) -> StepError {
    let public = match &error {
        EngineError::Unavailable { .. } | EngineError::Timeout { .. } => {
            "The machine that runs the stores does not answer at this moment.".to_owned()
        }
        EngineError::ImageMissing { .. } => "The software of this store is not installed on the platform.".to_owned(),
        EngineError::DiskFull { .. } => "The platform has no room for another store.".to_owned(),
        EngineError::DataMissing { volume } => {
            format!(
                "The data of this store is missing: the volume {volume}. Nothing was started, so that nothing is overwritten."
            )
        }
        _ => "The store's containers could not be started.".to_owned(),
    };
    engine_failed(&public, error)
}

/// Starts again what ran before, for an undo. Without its data it stays as it is: it starts automatically once that is back.
async fn start_again(cx: &StepContext, plan: &SitePlan, doing: &str) -> Result<(), UndoError> {
    match cx.deploy(plan).await {
        Ok(_) | Err(EngineError::DataMissing { .. }) => Ok(()),
        Err(error) => Err(engine_undo_failed(doing, error)),
    }
}

/// An engine's error as an undo's.
fn engine_undo_failed(doing: &str, error: EngineError) -> UndoError {
    if error.is_transient() { UndoError::retry(doing, error) } else { UndoError::fail(doing, error) }
}

/// Whether the database may do it in a moment.
fn is_transient(error: &DbError) -> bool {
    matches!(error, DbError::Busy(_) | DbError::Unavailable(_) | DbError::Full(_))
}

/// A database's error as a step's.
fn db_failed(error: DbError) -> StepError {
    let public = "The platform's own records could not be written.";
    if is_transient(&error) { StepError::retry(public, error) } else { StepError::fail(public, error) }
}

/// A database's error as an undo's.
fn db_undo_failed(doing: &str, error: DbError) -> UndoError {
    if is_transient(&error) { UndoError::retry(doing, error) } else { UndoError::fail(doing, error) }
}

/// Moves a site that is in this lifecycle state to another; one that is past it stays as it is.
pub(super) async fn move_lifecycle_from(
    tx: &Tx,
    site: SiteId,
    from: Lifecycle,
    to: Lifecycle,
    now: Timestamp,
) -> Result<(), DbError> {
    match sites::site_lock(tx, site).await? {
        Some(known) if known.lifecycle == from => sites::lifecycle_move(tx, site, from, to, None, now).await,
        _ => Ok(()),
    }
}

/// Whether this job has written such a line into the site's history before, and only did not hear of
/// it: since it was asked for, no other job can have.
async fn is_recorded(tx: &Tx, plan: &SitePlan, kind: &str) -> Result<bool, DbError> {
    let Some(job) = jobs::job_get(tx, plan.job).await? else { return Ok(false) };
    let events = history::site_events(tx, plan.site, 20).await?;
    Ok(events.iter().any(|event| event.kind == kind && event.at >= job.queued_at))
}
