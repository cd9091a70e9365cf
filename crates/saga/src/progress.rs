//! The progress of a run for people: a view of each step, derived from the log alone.
//!
//! Events that fit no step are skipped, so that a corrupt log still has a view.

use crate::{Entry, Event, Heading};

/// One step, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StepView {
    /// The stable name.
    pub name: &'static str,
    /// What people read.
    pub title: &'static str,
    /// The state.
    pub state: StepState,
    /// When it first started, in milliseconds of Unix time.
    pub started_ms: Option<i64>,
    /// When it last ended: done, failed or undone.
    pub ended_ms: Option<i64>,
    /// One line for people, from the step.
    pub detail: Option<String>,
    /// What went wrong, for the customer.
    pub error: Option<String>,
    /// What went wrong, for the operator only.
    pub operator_error: Option<String>,
}

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not started.
    Waiting,
    /// Acting.
    Running,
    /// Has acted.
    Done,
    /// Failed, not undone yet.
    Failed,
    /// Waiting for a person's decision.
    Asking,
    /// Being undone.
    Undoing,
    /// Undone.
    Undone,
    /// The undo failed; a person has to look.
    UndoFailed,
}

/// The view of each step after `log`.
pub fn progress(steps: &[Heading], log: &[Entry]) -> Vec<StepView> {
    let mut views: Vec<StepView> = steps.iter().map(initial_view).collect();
    for entry in log {
        match &entry.event {
            Event::Resumed { .. } => views.iter_mut().for_each(resume_view),
            event => {
                let name = event.step();
                if let Some(view) = views.iter_mut().find(|view| Some(view.name) == name) {
                    apply_event(view, entry.at_ms, event);
                }
            }
        }
    }
    views
}

fn initial_view(heading: &Heading) -> StepView {
    StepView {
        name: heading.name,
        title: heading.title,
        state: StepState::Waiting,
        started_ms: None,
        ended_ms: None,
        detail: None,
        error: None,
        operator_error: None,
    }
}

fn apply_event(view: &mut StepView, at_ms: i64, event: &Event) {
    let mut end = Some(at_ms);
    view.state = match event {
        Event::Started { .. } => {
            view.started_ms.get_or_insert(at_ms);
            end = None;
            StepState::Running
        }
        Event::Succeeded { detail, .. } => {
            view.detail.clone_from(detail);
            StepState::Done
        }
        Event::Failed(failure) | Event::Asked(failure) => {
            view.error = Some(failure.public.clone());
            view.operator_error = Some(failure.source.clone()).filter(|text| !text.is_empty());
            if matches!(event, Event::Failed(_)) { StepState::Failed } else { StepState::Asking }
        }
        Event::UndoStarted { .. } => {
            end = None;
            StepState::Undoing
        }
        Event::UndoFinished { .. } => StepState::Undone,
        Event::UndoFailed { reason, .. } => {
            view.operator_error = Some(reason.clone());
            StepState::UndoFailed
        }
        Event::Unwinding { .. } | Event::Resumed { .. } | Event::Finished { .. } => return,
    };
    view.ended_ms = end;
}

/// A stuck step runs again, and its error disappears.
fn resume_view(view: &mut StepView) {
    view.state = match view.state {
        StepState::Asking => {
            view.error = None;
            StepState::Running
        }
        StepState::UndoFailed => StepState::Undoing,
        StepState::Waiting
        | StepState::Running
        | StepState::Done
        | StepState::Failed
        | StepState::Undoing
        | StepState::Undone => return,
    };
    view.operator_error = None;
    view.ended_ms = None;
}
