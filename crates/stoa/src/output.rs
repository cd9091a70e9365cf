//! What verbs print: tables for people, JSON for programs.

use std::io::{self, ErrorKind, IsTerminal, Write};

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use stoa_util::{visible, visible_lines};

/// Columns of a table.
const MIN_TABLE_WIDTH: u16 = 40;
const MAX_TABLE_WIDTH: u16 = 200;
/// What a column keeps when others are shown whole.
const NARROW_COLUMN: usize = 12;
/// Colors of words and their end, as tables have them.
const COLORS: [&str; 4] = ["\u{1b}[38;5;9m", "\u{1b}[38;5;10m", "\u{1b}[38;5;11m", "\u{1b}[39m"];

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
            print(&colored_lines(&(people(value) + "\n")))
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

/// Shows what a terminal would obey, but for the colors of tables. A color ends with its line.
fn colored_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (mut rest, mut is_colored) = (line.trim_end_matches('\n'), false);
        while let Some(start) = rest.find('\u{1b}') {
            let (before, code) = rest.split_at(start);
            let known = COLORS.iter().find(|color| code.starts_with(**color));
            let length = known.map_or(1, |color| color.len());
            out.push_str(&visible(before));
            out.push_str(&known.map_or_else(|| visible(&code[..1]), |color| (*color).into()));
            is_colored = known.map_or(is_colored, |color| *color != COLORS[3]);
            rest = &code[length..];
        }
        out.push_str(&visible(rest));
        out.push_str(if is_colored { COLORS[3] } else { "" });
        out.push_str(if line.ends_with('\n') { "\n" } else { "" });
    }
    out
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
    let width = width(table.width());
    table.set_width(width);
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|text| visible(&text).into_owned())).collect();
    let whole = whole_columns(head, &rows, width.into());
    for row in rows {
        table.add_row(row.map(|text| match color(&text) {
            Some(color) => Cell::new(text).fg(color),
            None => Cell::new(text),
        }));
    }
    for (column, _) in table.column_iter_mut().zip(whole).filter(|(_, is_whole)| *is_whole) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.trim_fmt()
}

/// The columns of single words, such as ids and times, which nobody can copy or read in two lines; as far as there is room.
fn whole_columns<const N: usize>(head: [&str; N], rows: &[[String; N]], width: usize) -> [bool; N] {
    let chars = |text: &str| text.chars().count();
    let needed: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| chars(&row[column]));
        cells.chain([chars(head[column])]).max().unwrap_or_default() + 2
    });
    let mut room = width.saturating_sub(needed.iter().map(|width| *width.min(&NARROW_COLUMN)).sum());
    std::array::from_fn(|column| {
        let more = needed[column].saturating_sub(NARROW_COLUMN);
        let is_whole = more <= room && rows.iter().all(|row| !row[column].contains(char::is_whitespace));
        room -= if is_whole { more } else { 0 };
        is_whole
    })
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
    fn colors_of_tables_are_kept_and_nothing_else_that_a_terminal_obeys() {
        let text = "\u{1b}[38;5;10m ok \u{1b}[39m\u{1b}[2J\n\u{1b}[38;5;9mbad\nlast\u{7}";
        let shown = "\u{1b}[38;5;10m ok \u{1b}[39m\\u{1b}[2J\n\u{1b}[38;5;9mbad\u{1b}[39m\nlast\\u{7}";
        assert_eq!(colored_lines(text), shown);
        // The very codes that the library writes.
        let mut table = Table::new();
        table.load_style(presets::NOTHING).enforce_styling();
        for word in ["ok", "BAD", "note"] {
            table.add_row([Cell::new(word).fg(color(word).unwrap())]);
        }
        let colored = table.trim_fmt();
        assert!(colored.contains('\u{1b}') && colored_lines(&colored) == colored, "{colored:?}");
    }

    #[test]
    fn ids_are_shown_whole_where_there_is_room() {
        let id = "stf_01a231024d167e909753e967a4174e6a".to_owned();
        let rows = [[id.clone(), "some long text".to_owned(), id]];
        assert_eq!(whole_columns(["Id", "Text", "Other"], &rows, 200), [true, false, true]);
        assert_eq!(whole_columns(["Id", "Text", "Other"], &rows, 70), [true, false, false]);
        assert_eq!(whole_columns(["Id", "Text", "Other"], &rows, 40), [false; 3]);
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
