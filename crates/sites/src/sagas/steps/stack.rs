//! The rendered Compose file in the site's directory: for a person at the machine, and for the
//! tools of Docker. The engine itself gets the typed stack, never this file.

use std::{fs, io};

use async_trait::async_trait;
use stoa_model::compose;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use crate::sagas::{OnSite, StepContext};
use stoa_util::atomic_file;

pub struct WriteManifests;

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for WriteManifests {
    fn name(&self) -> &'static str {
        "stack"
    }

    fn title(&self) -> &'static str {
        "Render the stack"
    }

    async fn act(&self, cx: &StepContext, plan: &P, _: &StepRun) -> Result<Done, StepError> {
        let plan = plan.site();
        let stack = plan.stack(&cx.core.key).or_fail("The store's description could not be rendered.")?;
        let text = compose::render(&stack);
        let write = |name: &str, text: &str| atomic_file::write_private(&plan.directory.join(name), text.as_bytes());
        write("compose.yaml", &text)
            .and_then(|()| write(".env", &compose::dotenv(&stack)))
            .or_fail("The store's description could not be written.")?;
        Ok(Done::with_detail(format!("{} services on {}", stack.services.len(), stack.subnet)))
    }

    async fn undo(&self, _: &StepContext, plan: &P, _: &StepRun) -> Result<(), UndoError> {
        let plan = plan.site();
        for name in ["compose.yaml", ".env"] {
            match fs::remove_file(plan.directory.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(UndoError::retry("removing the rendered Compose file", error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
