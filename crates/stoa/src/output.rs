//! What verbs print: tables for people, JSON for programs.

#![expect(clippy::print_stdout, reason = "this is the one place that prints results")]

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Prints results in the form that was asked for.
pub struct Output {
    /// JSON instead of tables.
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON, or what `people` makes of it.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, people: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{}", people(value));
        }
        Ok(())
    }

    /// Prints text as it is, in both forms.
    pub fn text(&self, text: &str) {
        print!("{text}");
    }
}

/// A table with a heading, fitted to the terminal.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
