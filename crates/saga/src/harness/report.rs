//! What the harness did, for people to read.

use std::fmt;

/// The scenarios that were run, in order.
#[derive(Clone, Default)]
pub struct Report {
    /// One row for each.
    pub rows: Vec<Row>,
}

/// One scenario that held.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done to the saga.
    pub scenario: String,
    /// How it ended.
    pub outcome: String,
    /// How many appends the first executor tried.
    pub writes: usize,
    /// Whether a second executor had to finish it.
    pub recovered: bool,
}

/// The first scenario that did not hold.
#[derive(Clone, thiserror::Error)]
pub struct Dirty {
    /// What was done to the saga.
    pub scenario: String,
    /// What was wrong afterwards.
    pub problem: String,
    /// What had been fine until then.
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

impl fmt::Display for Dirty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nNO  {}: {}", self.before, self.scenario, self.problem)
    }
}

/// As it reads, so that a test which returns it or expects `Ok` shows the table.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

/// As it reads, for the same reason.
impl fmt::Debug for Dirty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}
