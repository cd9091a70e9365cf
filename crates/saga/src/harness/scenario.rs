//! The scenarios, and how each must end.

use super::faults::{ActFault, UndoFault};
use super::faulty_log::WriteFault;
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
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) act: Vec<(usize, ActFault)>,
    pub(super) undo: Vec<(usize, UndoFault)>,
    pub(super) write: Option<(usize, WriteFault)>,
    pub(super) cancelled_at_start: bool,
    pub(super) cancelled_at_recovery: bool,
    pub(super) answer: Option<Answer>,
    pub(super) expect: Expect,
}

impl Scenario {
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

/// What the scenarios need to know about the saga.
pub(super) struct SagaShape {
    pub(super) names: Vec<&'static str>,
    commits: bool,
    pub(super) writes_forward: usize,
    pub(super) writes_back: usize,
}

impl SagaShape {
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

    /// The last step fails, so that all are undone. A failed commit has done nothing.
    pub(super) fn unwound(&self) -> Scenario {
        let fault = if self.commits { ActFault::FailBefore } else { ActFault::FailAfter };
        let name = "the last step fails, everything is undone";
        Scenario::new(name, Expect::RolledBack).act(self.last(), fault)
    }

    /// All scenarios whose number is known in advance.
    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = Vec::new();
        for step in 0..self.names.len() {
            scenarios.extend(self.failing(step));
            scenarios.extend(self.repeating(step));
            scenarios.extend(self.dying(step));
            scenarios.extend(self.cancelling(step));
            scenarios.extend(self.asking(step));
        }
        scenarios.extend(self.writing("on the way forward", self.writes_forward, &Scenario::happy()));
        scenarios.extend(self.writing("on the way back", self.writes_back, &self.unwound()));
        scenarios
    }

    /// The executor dies inside the step, at its `wait`th wait, when its effect is incomplete.
    pub(super) fn dies_at_wait(&self, step: usize, place: Place, wait: u32) -> Scenario {
        let name = self.names[step];
        let inside = |what: &str, expect| {
            let name = format!("killed at wait {wait} inside {name}{what}");
            Scenario::new(name, expect).act(step, ActFault::DieAtWait(wait))
        };
        match place {
            Place::Act => inside("", Expect::Succeeded),
            Place::ActThenCancelled => {
                Scenario { cancelled_at_recovery: true, ..inside(", then cancelled", self.back(step)) }
            }
            Place::Undo => Scenario {
                name: format!("killed at wait {wait} of the undo of {name}"),
                ..self.unwound().undo(step, UndoFault::DieAtWait(wait))
            },
        }
    }

    fn failing(&self, step: usize) -> Vec<Scenario> {
        let name = self.names[step];
        let before = format!("{name} fails before it acts");
        let after = format!("{name} acts, then fails");
        let lost = format!("{name} acts, the answer is lost, it is tried again");
        let mut scenarios = vec![
            Scenario::new(before, Expect::RolledBack).act(step, ActFault::FailBefore),
            Scenario::new(lost, Expect::Succeeded).act(step, ActFault::RetryAfter),
        ];
        if !self.is_commit(step) {
            scenarios.push(Scenario::new(after, Expect::RolledBack).act(step, ActFault::FailAfter));
        }
        scenarios
    }

    fn repeating(&self, step: usize) -> Vec<Scenario> {
        let name = self.names[step];
        let undo = |fault, what: &str| {
            let scenario = self.unwound().undo(step, fault);
            Scenario { name: format!("the undo of {name} {what}"), ..scenario }
        };
        let twice = format!("{name} acts twice");
        vec![
            Scenario::new(twice, Expect::Succeeded).act(step, ActFault::Twice),
            undo(UndoFault::Twice, "runs twice"),
            undo(UndoFault::RetryAfter, "works, the answer is lost, it is tried again"),
            undo(UndoFault::FailBefore, "fails, and a person resumes it").answered(Answer::Resume),
        ]
    }

    fn dying(&self, step: usize) -> Vec<Scenario> {
        let name = self.names[step];
        let act = |what: &str, expect| {
            let name = format!("killed after {name} acted{what}");
            Scenario::new(name, expect).act(step, ActFault::DieAfter)
        };
        let undo = self.unwound().undo(step, UndoFault::DieAfter);
        vec![
            act("", Expect::Succeeded),
            Scenario { cancelled_at_recovery: true, ..act(", then cancelled", self.back(step)) },
            Scenario { name: format!("killed after the undo of {name}"), ..undo },
        ]
    }

    fn cancelling(&self, step: usize) -> Vec<Scenario> {
        let name = self.names[step];
        let before = Scenario::new(format!("cancelled before {name}"), Expect::RolledBack);
        let inside = if step == self.last() && !self.commits {
            Expect::Settled // The step may have finished before it noticed.
        } else {
            self.back(step)
        };
        let inside = Scenario::new(format!("cancelled inside {name}"), inside);
        let stopped = Scenario::new(format!("stopped inside {name}"), Expect::Succeeded);
        vec![
            match step.checked_sub(1) {
                Some(previous) => before.act(previous, ActFault::CancelAfter),
                None => Scenario { cancelled_at_start: true, ..before },
            },
            inside.act(step, ActFault::CancelDuring),
            stopped.act(step, ActFault::StopDuring),
        ]
    }

    fn asking(&self, step: usize) -> Vec<Scenario> {
        if self.is_commit(step) {
            return Vec::new(); // One transaction, one answer.
        }
        let asks = |what: &str, expect, answer| {
            let name = format!("{} acts, then asks a person, who {what}", self.names[step]);
            Scenario::new(name, expect).act(step, ActFault::AskAfter).answered(answer)
        };
        vec![
            asks("says go on", Expect::Succeeded, Answer::Resume),
            asks("gives it up", Expect::RolledBack, Answer::Unwind),
        ]
    }

    fn writing(&self, way: &str, writes: usize, base: &Scenario) -> Vec<Scenario> {
        let faults = [
            (WriteFault::DieBefore, "killed before write"),
            (WriteFault::DieAfter, "killed after write"),
            (WriteFault::Away, "the log is away at write"),
            (WriteFault::LostReply, "the log's answer is lost at write"),
        ];
        let scenario = |nth: usize, fault, what: &str| {
            let name = format!("{what} {} {way}", nth + 1);
            Scenario { name, ..base.clone().write(nth, fault) }
        };
        (0..writes).flat_map(|nth| faults.map(|(fault, what)| scenario(nth, fault, what))).collect()
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
