//! The harness's report, for people.

use std::fmt;

/// The scenarios that held, in order.
#[derive(Clone, Default)]
pub struct Report {
    /// One row per scenario.
    pub rows: Vec<Row>,
}

/// One scenario that held.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done to the saga.
    pub scenario: String,
    /// How it ended.
    pub outcome: String,
    /// How many appends the first executor attempted.
    pub writes: usize,
    /// Whether a second executor had to finish it.
    pub recovered: bool,
}

/// The first scenario that did not hold.
#[derive(Clone, thiserror::Error)]
pub struct Violation {
    /// What was done to the saga.
    pub scenario: String,
    /// What was wrong at the end.
    pub problem: String,
    /// The scenarios that held before.
    pub before: Report,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.scenario.chars().count()).max().unwrap_or(0);
        for Row { scenario, outcome, recovered, .. } in &self.rows {
            let by = if *recovered { ", recovered" } else { "" };
            writeln!(f, "ok  {scenario:width$}  {outcome}{by}")?;
        }
        write!(f, "{} scenarios held", self.rows.len())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nNO  {}: {}", self.before, self.scenario, self.problem)
    }
}

/// The same table, so that a failing test shows it.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

/// The same table, so that a failing test shows it.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}
