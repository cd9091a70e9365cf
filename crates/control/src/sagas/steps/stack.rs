//! The rendered Compose file in the site's directory: for a person at the machine, and for the
//! tools of Docker. The engine itself gets the typed stack, never this file.

use std::{fs, io};

use async_trait::async_trait;
use stoa_model::compose;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};

use crate::{Control, files, sagas::SitePlan};

pub struct WriteStack;

#[async_trait]
impl Step<SitePlan, Control> for WriteStack {
    fn name(&self) -> &'static str {
        "stack"
    }

    fn title(&self) -> &'static str {
        "Render the stack"
    }

    async fn act(&self, cx: &Control, plan: &SitePlan, _: &StepRun) -> Result<Done, StepError> {
        let stack = plan.stack(&cx.key).or_fail("The store's description could not be rendered.")?;
        let text = compose::render(&stack);
        let write = |name: &str, text: &str| files::write_private(&plan.directory.join(name), text.as_bytes());
        write("compose.yaml", &text)
            .and_then(|()| write(".env", &compose::dotenv(&stack)))
            .or_fail("The store's description could not be written.")?;
        Ok(Done::with_detail(format!("{} services on {}", stack.services.len(), stack.subnet)))
    }

    async fn undo(&self, _: &Control, plan: &SitePlan, _: &StepRun) -> Result<(), UndoError> {
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
