//! Scripted faults, and the record of calls.

use stoa_model::{id::JobId, stack::ProjectName};

use crate::engine::EngineError;

/// A method of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Verb {
    Describe,
    Image,
    Deploy,
    Retire,
    Endpoint,
    Observe,
    List,
    Start,
    Stop,
    Remove,
    Pause,
    Resume,
    SetLimits,
    Exec,
    ExportVolume,
    ImportVolume,
    Logs,
    Build,
    Stats,
    Stored,
    Events,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which method.
    pub verb: Verb,
    /// Its project, if it has one.
    pub project: Option<ProjectName>,
    /// Its operation: of `deploy`, and of `remove` unless it is everything.
    pub operation: Option<JobId>,
    /// The program that `exec` ran.
    pub argv: Vec<String>,
}

/// How a call goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done: the engine doesn't answer.
    Unavailable,
    /// Nothing is done: the engine refuses, for this reason.
    Refused(String),
    /// Nothing is done: the disk is full.
    DiskFull,
    /// `deploy` creates network, volumes and half of the instances and starts none, `remove` removes
    /// the instances only, `import_volume` and `export_volume` pass half of the files, others do
    /// nothing; then the engine refuses.
    Half,
    /// Everything is done, but the answer gets lost: [`EngineError::Unavailable`].
    AnswerLost,
    /// Nothing happens until [`release`](super::FakeEngine::release); then all goes well.
    Stall,
}

/// How much of a call is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    Half,
    AllThenLost,
}

#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) down: bool,
    pub(super) calls: Vec<Call>,
    planned: Vec<(Verb, u32, Fault)>,
}

impl Script {
    pub(super) fn plan(&mut self, verb: Verb, nth: u32, fault: Fault) {
        self.planned.push((verb, nth.max(1), fault));
    }

    /// Records a call and returns what goes wrong with it.
    pub(super) fn enter(&mut self, call: Call) -> Option<Fault> {
        let verb = call.verb;
        self.calls.push(call);
        for (_, left, _) in self.planned.iter_mut().filter(|(v, ..)| *v == verb) {
            *left -= 1;
        }
        let due = self.planned.iter().position(|(v, left, _)| *v == verb && *left == 0);
        let fault = due.map(|index| self.planned.remove(index).2);
        // Two faults planned for the same call: the second waits for the next one.
        for (_, left, _) in self.planned.iter_mut().filter(|(v, left, _)| *v == verb && *left == 0) {
            *left = 1;
        }
        if self.down { Some(Fault::Unavailable) } else { fault }
    }
}

pub(super) fn unavailable(verb: Verb) -> EngineError {
    EngineError::Unavailable { doing: format!("{verb:?}"), reason: "the test's script says that it is away".into() }
}

pub(super) fn refused(verb: Verb, reason: &str) -> EngineError {
    EngineError::Refused { doing: format!("{verb:?}"), reason: reason.to_owned() }
}
