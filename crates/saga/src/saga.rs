//! A saga: a name and a straight list of steps. No graph, no branches, no macro.

use crate::Step;

/// A list of steps over a plan `P` and a context `C`.
pub struct Saga<P, C> {
    name: &'static str,
    steps: Vec<Box<dyn Step<P, C>>>,
}

/// A step's two names, for showing progress without the saga's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Heading {
    /// The stable name, as in the log.
    pub name: &'static str,
    /// Words for people.
    pub title: &'static str,
}

impl<P, C> Saga<P, C>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    /// An empty saga. The name is for messages; what a log holds are the names of steps.
    pub fn named(name: &'static str) -> Self {
        Self { name, steps: Vec::new() }
    }

    /// Adds the next step.
    ///
    /// # Panics
    /// When the name is taken by an earlier step, or the last step was a commit: a saga that
    /// could go wrong after its point of no return would be neither done nor undone.
    #[must_use]
    pub fn step(self, step: impl Step<P, C>) -> Self {
        self.boxed(Box::new(step))
    }

    /// [`Saga::step`], for a step that is boxed already.
    ///
    /// # Panics
    /// As [`Saga::step`] does.
    #[must_use]
    pub fn boxed(mut self, step: Box<dyn Step<P, C>>) -> Self {
        let name = step.name();
        assert!(!self.names().contains(&name), "saga {}: two steps are named {name}", self.name);
        if let Some(last) = self.steps.last() {
            assert!(!last.is_commit(), "saga {}: {name} comes after the commit", self.name);
        }
        self.steps.push(step);
        self
    }

    /// The saga's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Box<dyn Step<P, C>>] {
        &self.steps
    }

    /// The steps, taken out: for a harness that wraps each of them.
    pub fn into_steps(self) -> Vec<Box<dyn Step<P, C>>> {
        self.steps
    }

    /// The stable names of the steps, in order: what [`crate::Position::replay`] needs.
    pub fn names(&self) -> Vec<&'static str> {
        self.steps.iter().map(|step| step.name()).collect()
    }

    /// Names and titles of the steps, in order: what [`crate::progress`] needs.
    pub fn headings(&self) -> Vec<Heading> {
        self.steps.iter().map(|step| Heading { name: step.name(), title: step.title() }).collect()
    }
}
