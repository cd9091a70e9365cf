//! What jobs on sites do, as sagas: straight lists of steps over a plan.
//!
//! Each step lies in a file of its own under `steps/`, `act` beside `undo`. What a step makes on
//! the engine carries the job's label, and undo removes only that: no retry can touch older data.

mod context;
pub mod plan;
mod specs;
mod steps;

pub use context::StepContext;
pub(crate) use context::{engine_named, place, run_hook};
pub use plan::{ChangeDomainPlan, CreatePlan, OnSite, PowerPlan, SitePlan, UpdatePlan};
pub use specs::{ChangeDomain, CreateSite, RestartSite, StartSite, StopSite, UpdateSite};
pub(crate) use steps::{check_health, publish_route};
