//! Programs that end again and again: waiting for them is useless, and their last lines say why.

use stoa_model::stack::ServiceName;
use stoa_provider::engine::logs_tail;

use crate::sagas::{SitePlan, StepContext};

/// A program that the engine has started so often in vain is not waited for.
const MAX_EXITS: u32 = 3;
/// Lines of output that are reported.
const LAST_LINES: u32 = 20;

/// For the customer.
pub(super) const PUBLIC: &str = "The store's software stops again and again, each time soon after its start.";

/// Which service of the plan's stack ends again and again, with its exit code and its last lines, for the operator; `None`
/// if none does, or if the engine does not say.
pub(super) async fn crash_report(cx: &StepContext, plan: &SitePlan) -> Option<String> {
    let observed = cx.engine(plan).ok()?.observe(&plan.project).await.ok()?;
    let crashing = observed.services.into_iter().find(|service| service.exits >= MAX_EXITS)?;
    let code = crashing.exit_code.map(|code| format!(", the last time with code {code}")).unwrap_or_default();
    let output = last_output(cx, plan, Some(&crashing.service)).await;
    Some(format!("{} ended {} times{code}; its last output: {output}", crashing.service, crashing.exits))
}

/// The end of a service's output, or of all services'.
pub(super) async fn last_output(cx: &StepContext, plan: &SitePlan, service: Option<&ServiceName>) -> String {
    let Ok(engine) = cx.engine(plan) else { return "(not readable)".to_owned() };
    match logs_tail(&**engine, &plan.project, service, LAST_LINES).await {
        Ok(lines) => lines.iter().map(|l| format!("{}: {}", l.service, l.line)).collect::<Vec<_>>().join(" ⏎ "),
        Err(error) => format!("(not readable: {error})"),
    }
}
