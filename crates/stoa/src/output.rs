//! What verbs print: tables for people, JSON for programs.

use std::io::{self, ErrorKind, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Prints results in the requested form.
pub struct Output {
    /// JSON instead of tables.
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON, or as the text that `people` renders.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, people: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { people(value) };
        self.text(&format!("{text}\n"))
    }

    /// Prints text unchanged in both forms. A reader that closes the pipe early (`| head`) is no error.
    pub fn text(&self, text: &str) -> anyhow::Result<()> {
        match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
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
