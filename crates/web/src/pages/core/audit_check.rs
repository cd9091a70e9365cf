//! What the page of the audit log says about the last check of the chain.

use stoa_core::{
    RequestContext,
    audit_chain::{AuditCheck, describe_problem},
};

use crate::ui::{
    number::{count, counted},
    time::{self, Moment},
};

/// The last check of the whole chain, as shown.
pub struct CheckLine {
    /// When; `None` if there was none yet.
    pub at: Option<Moment>,
    /// What it found.
    pub text: String,
    /// Whether all was well.
    pub is_good: bool,
}

impl CheckLine {
    /// Of the last check, if there was one.
    pub fn new(check: Option<AuditCheck>, cx: &RequestContext) -> Self {
        let Some(AuditCheck { at, report }) = check else {
            let text = "Not checked yet. It is checked once a day, and by the command stoa audit verify.".to_owned();
            return Self { at: None, text, is_good: true };
        };
        let (text, is_good) = match report.problems.first() {
            None => (format!("{}, all as they were written.", counted_entries(report.entries)), true),
            Some(problem) => {
                let more = report.problems.len() as u64 - 1 + report.more_problems;
                let more =
                    if more > 0 { format!(" There are {}.", counted(more, "more problem")) } else { String::new() };
                let text = describe_problem(problem);
                (format!("{}.{more} The command stoa audit verify shows everything.", capitalized(&text)), false)
            }
        };
        Self { at: Some(time::moment(at, cx.now)), text, is_good }
    }
}

fn counted_entries(entries: u64) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{} entries", count(entries)) }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
