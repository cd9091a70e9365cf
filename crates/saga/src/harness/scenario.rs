//! The list of what is done to a saga, and how each must end.

use super::faults::{ActFault, UndoFault};
use super::log::WriteFault;
use crate::Saga;

/// How a scenario must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Succeeded,
    RolledBack,
    /// Either; the world must fit.
    Settled,
}

/// What a person does when the saga is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Resume,
    Unwind,
}

/// Where in a step the executor dies, and what comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Act,
    ActThenCancelled,
    Undo,
}

/// One scenario.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) name: String,
    pub(super) act: Vec<(usize, ActFault)>,
    pub(super) undo: Vec<(usize, UndoFault)>,
    pub(super) write: Option<(usize, WriteFault)>,
    pub(super) cancelled_at_start: bool,
    pub(super) cancelled_at_recovery: bool,
    pub(super) answer: Option<Answer>,
    pub(super) expect: Expect,
}

impl Plot {
    fn new(name: impl Into<String>, expect: Expect) -> Self {
        Self {
            name: name.into(),
            act: Vec::new(),
            undo: Vec::new(),
            write: None,
            cancelled_at_start: false,
            cancelled_at_recovery: false,
            answer: None,
            expect,
        }
    }

    /// Nothing goes wrong.
    pub(super) fn happy() -> Self {
        Self::new("nothing goes wrong", Expect::Succeeded)
    }

    fn act(mut self, step: usize, fault: ActFault) -> Self {
        self.act.push((step, fault));
        self
    }

    fn undo(mut self, step: usize, fault: UndoFault) -> Self {
        self.undo.push((step, fault));
        self
    }

    fn write(mut self, nth: usize, fault: WriteFault) -> Self {
        self.write = Some((nth, fault));
        self
    }

    fn answered(mut self, answer: Answer) -> Self {
        self.answer = Some(answer);
        self
    }
}

/// What the scenarios need to know of the saga.
pub(super) struct Shape {
    pub(super) names: Vec<&'static str>,
    commits: bool,
    pub(super) writes_forward: usize,
    pub(super) writes_back: usize,
}

impl Shape {
    pub(super) fn of<P, C>(saga: &Saga<P, C>) -> Self
    where
        P: Send + Sync + 'static,
        C: Send + Sync + 'static,
    {
        let names = saga.names();
        assert!(!names.is_empty(), "saga {}: there is nothing to prove without steps", saga.name());
        let commits = saga.steps().last().is_some_and(|step| step.is_commit());
        Self { names, commits, writes_forward: 0, writes_back: 0 }
    }

    /// The last step fails, so that all are undone. A commit that fails has done nothing.
    pub(super) fn unwound(&self) -> Plot {
        let fault = if self.commits { ActFault::FailBefore } else { ActFault::FailAfter };
        let name = "the last step fails, everything is undone";
        Plot::new(name, Expect::RolledBack).act(self.last(), fault)
    }

    /// All scenarios whose number is known beforehand.
    pub(super) fn plots(&self) -> Vec<Plot> {
        let mut plots = Vec::new();
        for step in 0..self.names.len() {
            plots.extend(self.failing(step));
            plots.extend(self.repeating(step));
            plots.extend(self.dying(step));
            plots.extend(self.cancelling(step));
            plots.extend(self.asking(step));
        }
        plots.extend(self.writing("on the way forward", self.writes_forward, &Plot::happy()));
        plots.extend(self.writing("on the way back", self.writes_back, &self.unwound()));
        plots
    }

    /// The executor dies inside the step, at its `wait`th wait: what it makes is half made.
    pub(super) fn dies_at_wait(&self, step: usize, place: Place, wait: u32) -> Plot {
        let name = self.names[step];
        let inside = |what: &str, expect| {
            let name = format!("killed at wait {wait} inside {name}{what}");
            Plot::new(name, expect).act(step, ActFault::DieAtWait(wait))
        };
        match place {
            Place::Act => inside("", Expect::Succeeded),
            Place::ActThenCancelled => {
                Plot { cancelled_at_recovery: true, ..inside(", then cancelled", self.back(step)) }
            }
            Place::Undo => Plot {
                name: format!("killed at wait {wait} of the undo of {name}"),
                ..self.unwound().undo(step, UndoFault::DieAtWait(wait))
            },
        }
    }

    fn failing(&self, step: usize) -> Vec<Plot> {
        let name = self.names[step];
        let before = format!("{name} fails before it acts");
        let after = format!("{name} acts, then fails");
        let lost = format!("{name} acts, the answer is lost, it is tried again");
        let mut plots = vec![
            Plot::new(before, Expect::RolledBack).act(step, ActFault::FailBefore),
            Plot::new(lost, Expect::Succeeded).act(step, ActFault::RetryAfter),
        ];
        if !self.is_commit(step) {
            plots.push(Plot::new(after, Expect::RolledBack).act(step, ActFault::FailAfter));
        }
        plots
    }

    fn repeating(&self, step: usize) -> Vec<Plot> {
        let name = self.names[step];
        let undo = |fault, what: &str| {
            let plot = self.unwound().undo(step, fault);
            Plot { name: format!("the undo of {name} {what}"), ..plot }
        };
        let twice = format!("{name} acts twice");
        vec![
            Plot::new(twice, Expect::Succeeded).act(step, ActFault::Twice),
            undo(UndoFault::Twice, "runs twice"),
            undo(UndoFault::RetryAfter, "works, the answer is lost, it is tried again"),
            undo(UndoFault::FailBefore, "fails, and a person resumes it").answered(Answer::Resume),
        ]
    }

    fn dying(&self, step: usize) -> Vec<Plot> {
        let name = self.names[step];
        let act = |what: &str, expect| {
            let name = format!("killed after {name} acted{what}");
            Plot::new(name, expect).act(step, ActFault::DieAfter)
        };
        let undo = self.unwound().undo(step, UndoFault::DieAfter);
        vec![
            act("", Expect::Succeeded),
            Plot { cancelled_at_recovery: true, ..act(", then cancelled", self.back(step)) },
            Plot { name: format!("killed after the undo of {name}"), ..undo },
        ]
    }

    fn cancelling(&self, step: usize) -> Vec<Plot> {
        let name = self.names[step];
        let before = Plot::new(format!("cancelled before {name}"), Expect::RolledBack);
        let inside = if step == self.last() && !self.commits {
            Expect::Settled // Whether it heard of it in time is its own affair.
        } else {
            self.back(step)
        };
        let inside = Plot::new(format!("cancelled inside {name}"), inside);
        let stopped = Plot::new(format!("stopped inside {name}"), Expect::Succeeded);
        vec![
            match step.checked_sub(1) {
                Some(previous) => before.act(previous, ActFault::CancelAfter),
                None => Plot { cancelled_at_start: true, ..before },
            },
            inside.act(step, ActFault::CancelDuring),
            stopped.act(step, ActFault::StopDuring),
        ]
    }

    fn asking(&self, step: usize) -> Vec<Plot> {
        if self.is_commit(step) {
            return Vec::new(); // One transaction, one answer.
        }
        let asks = |what: &str, expect, answer| {
            let name = format!("{} acts, then asks a person, who {what}", self.names[step]);
            Plot::new(name, expect).act(step, ActFault::AskAfter).answered(answer)
        };
        vec![
            asks("says go on", Expect::Succeeded, Answer::Resume),
            asks("gives it up", Expect::RolledBack, Answer::Unwind),
        ]
    }

    fn writing(&self, way: &str, writes: usize, base: &Plot) -> Vec<Plot> {
        let faults = [
            (WriteFault::DieBefore, "killed before write"),
            (WriteFault::DieAfter, "killed after write"),
            (WriteFault::Away, "the log is away at write"),
            (WriteFault::LostReply, "the log's answer is lost at write"),
        ];
        let plot = |nth: usize, fault, what: &str| {
            let name = format!("{what} {} {way}", nth + 1);
            Plot { name, ..base.clone().write(nth, fault) }
        };
        (0..writes).flat_map(|nth| faults.map(|(fault, what)| plot(nth, fault, what))).collect()
    }

    fn back(&self, step: usize) -> Expect {
        if self.is_commit(step) { Expect::Succeeded } else { Expect::RolledBack }
    }

    fn is_commit(&self, step: usize) -> bool {
        self.commits && step == self.last()
    }

    fn last(&self) -> usize {
        self.names.len() - 1
    }
}
