//! The place of the certificate: its own issue makes it. Until then every site is served over
//! plain HTTP, and the step says so.

use async_trait::async_trait;
use stoa_saga::{Done, Step, StepError, StepRun, UndoError};

use crate::{Control, sagas::SitePlan};

pub struct Certificate;

#[async_trait]
impl Step<SitePlan, Control> for Certificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn title(&self) -> &'static str {
        "Certificate"
    }

    async fn act(&self, _: &Control, _: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        Ok(Done::saying("Served over plain HTTP: this version of the platform has no certificates yet"))
    }

    async fn undo(&self, _: &Control, _: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}
