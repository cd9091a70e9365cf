//! What jobs do, as sagas: straight lists of steps over a [`SitePlan`].
//!
//! Each step lies in a file of its own under `steps/`, `act` beside `undo`. What a step makes on
//! the engine carries the job's label, and undo removes only that: no retry can touch older data.

pub mod plan;
mod steps;

pub use plan::SitePlan;

use stoa_model::job::JobKind;
use stoa_saga::Saga;

use crate::Control;

/// The saga of a kind of job.
pub fn saga_of(kind: JobKind) -> Saga<SitePlan, Control> {
    match kind {
        JobKind::Create => create_site(),
        JobKind::Start => start_site(),
        JobKind::Stop => stop_site(),
        JobKind::Restart => restart_site(),
        JobKind::ChangeDomain => readdress_site(),
    }
}

/// Makes a new site, in the order of PRODUCT.md A4.
fn create_site() -> Saga<SitePlan, Control> {
    Saga::named("create_site")
        .step(steps::MakeDirectory)
        .step(steps::KeepSecrets)
        .step(steps::WriteStack)
        .step(steps::StartContainers)
        .step(steps::ClaimApplication)
        .step(steps::OpenRoute::new_site())
        .step(steps::Certificate)
        .step(steps::Verify)
        .step(steps::KeepCredentials)
        .step(steps::ScheduleBackups)
        .step(steps::Activate)
}

/// Starts a stopped site.
fn start_site() -> Saga<SitePlan, Control> {
    Saga::named("start_site")
        .step(steps::StartContainers)
        .step(steps::OpenRoute::again())
        .step(steps::Verify)
        .step(steps::Settle::running())
}

/// Stops a running site; visitors see a page that says so.
fn stop_site() -> Saga<SitePlan, Control> {
    Saga::named("stop_site").step(steps::CloseRoute).step(steps::StopContainers).step(steps::Settle::stopped())
}

/// Stops and starts a running site.
fn restart_site() -> Saga<SitePlan, Control> {
    Saga::named("restart_site")
        .step(steps::CloseRoute)
        .step(steps::StopContainers)
        .step(steps::StartAgain)
        .step(steps::ReopenRoute)
        .step(steps::Verify)
        .step(steps::Settle::restarted())
}

/// Gives a running site another main address.
fn readdress_site() -> Saga<SitePlan, Control> {
    Saga::named("readdress_site").step(steps::TellApplication).step(steps::Verify).step(steps::SettleAddress)
}
