//! A saga: a name and a straight list of steps. No graph, no branches, no macro.

use crate::Step;

/// A list of steps over a plan `P` and a context `C`.
pub struct Saga<P, C> {
    name: &'static str,
    steps: Vec<Box<dyn Step<P, C>>>,
}

/// A step's two names, to show progress without the saga's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Heading {
    /// The stable name, which is in the log.
    pub name: &'static str,
    /// What people read.
    pub title: &'static str,
}

impl<P, C> Saga<P, C>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    /// An empty saga. The name is for messages; logs hold only the names of steps.
    pub fn named(name: &'static str) -> Self {
        Self { name, steps: Vec::new() }
    }

    /// Adds the next step.
    ///
    /// # Panics
    /// If an earlier step has the same name, or the last step is a commit: a saga that fails after its
    /// point of no return would be neither done nor undone.
    #[must_use]
    pub fn step(self, step: impl Step<P, C>) -> Self {
        self.boxed(Box::new(step))
    }

    /// [`Saga::step`] for a boxed step.
    ///
    /// # Panics
    /// As [`Saga::step`].
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

    /// The steps, for a harness that wraps each of them.
    pub fn into_steps(self) -> Vec<Box<dyn Step<P, C>>> {
        self.steps
    }

    /// The stable names of the steps, in order, for [`crate::Position::replay`].
    pub fn names(&self) -> Vec<&'static str> {
        self.steps.iter().map(|step| step.name()).collect()
    }

    /// Names and titles of the steps, in order, for [`crate::progress`].
    pub fn headings(&self) -> Vec<Heading> {
        self.steps.iter().map(|step| Heading { name: step.name(), title: step.title() }).collect()
    }
}
