//! What verbs print: tables for people, JSON for programs.

use std::io::{self, ErrorKind, IsTerminal, Write};

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use stoa_util::{visible, visible_lines};

/// Columns of a table.
const MIN_TABLE_WIDTH: u16 = 40;
const MAX_TABLE_WIDTH: u16 = 200;

/// Prints results in the requested form.
pub struct Output {
    /// JSON instead of tables.
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON, or as the text that `people` renders.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, people: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json {
            print(&(serde_json::to_string_pretty(value)? + "\n"))
        } else {
            self.text(&(people(value) + "\n"))
        }
    }

    /// Prints JSON lines as they are, in both forms.
    pub fn raw(&self, lines: &str) -> anyhow::Result<()> {
        print(lines)
    }

    /// Prints text in both forms. What a terminal would obey is shown instead.
    pub fn text(&self, text: &str) -> anyhow::Result<()> {
        print(&visible_lines(text))
    }
}

/// A reader that closes the pipe early (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A table with a heading, fitted to the terminal. Each cell is one text, whatever line breaks it has.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(head);
    table.set_width(width(table.width()));
    for row in rows {
        table.add_row(row.map(|text| {
            let cell = Cell::new(visible(&text));
            match color(&text) {
                Some(color) => cell.fg(color),
                None => cell,
            }
        }));
    }
    table.trim_fmt()
}

/// The color of a word for a state, where the output is a terminal.
fn color(word: &str) -> Option<Color> {
    match word {
        "online" | "sent" | "active" | "healthy" | "succeeded" | "verified" | "good" | "ok" => Some(Color::Green),
        "failed" | "suppressed" | "stuck" | "down" | "offline" | "not_responding" | "unhealthy" | "FAILING"
        | "failing" | "BAD" => Some(Color::Red),
        "starting" | "deferred" | "queued" | "running" | "unwinding" | "updating" | "provisioning" | "waiting"
        | "claimed" | "note" => Some(Color::Yellow),
        _ => None,
    }
}

/// A time for people: how long ago in a terminal, in full for a file or a program.
pub fn when(at: Timestamp) -> String {
    if io::stdout().is_terminal() { ago(Timestamp::now().duration_since(at)) } else { format!("{at:.0}") }
}

fn ago(age: SignedDuration) -> String {
    let (amount, unit) = match age.abs().as_secs() {
        seconds @ ..60 => (seconds, "s"),
        seconds @ ..3600 => (seconds / 60, "min"),
        seconds @ ..86_400 => (seconds / 3600, "h"),
        seconds => (seconds / 86_400, "d"),
    };
    if age.is_negative() { format!("in {amount} {unit}") } else { format!("{amount} {unit} ago") }
}

/// The width of a table; `None` and 0 if the terminal is none, or does not know.
fn width(terminal: Option<u16>) -> u16 {
    match terminal {
        None | Some(0) => MAX_TABLE_WIDTH,
        Some(columns) => columns.clamp(MIN_TABLE_WIDTH, MAX_TABLE_WIDTH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_neither_one_letter_nor_thousands_wide() {
        for (terminal, columns) in [(None, 200), (Some(0), 200), (Some(1), 40), (Some(90), 90), (Some(4000), 200)] {
            assert_eq!(width(terminal), columns, "{terminal:?}");
        }
        let text =
            table(["Name", "Title"], [["a".to_owned(), "long ".repeat(800)], ["b".to_owned(), "short".to_owned()]]);
        assert!(text.lines().all(|line| line.len() <= 200 && line.trim_end() == line), "{text}");
        assert!(text.lines().count() > 20);
    }

    #[test]
    fn a_time_has_its_largest_unit() {
        for (seconds, text) in [
            (0, "0 s ago"),
            (59, "59 s ago"),
            (3599, "59 min ago"),
            (7200, "2 h ago"),
            (200_000, "2 d ago"),
            (-90, "in 1 min"),
        ] {
            assert_eq!(ago(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_cell_can_neither_forge_a_row_nor_command_the_terminal() {
        let text = table(["Name"], [["a\nroot  admin\u{1b}[2J\u{202e}".to_owned()]]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r"a\nroot  admin\u{1b}[2J\u{202e}"), "{text}");
    }
}
