//! Plots, drawn by the server as SVG: no script, no library, and legible without colour.
//!
//! All positions are shares of the drawing's size, so it fits every screen while lines and letters
//! keep theirs. Each kind of bar has its own pattern. A plot says in its title and description what
//! there is to see; the numbers themselves stand in a table beside it.

use std::fmt;

use askama::{Template, filters::HtmlSafe};

/// A position in hundredths of the drawing, with two digits.
#[derive(Debug, Clone, Copy)]
pub struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl HtmlSafe for Percent {}

/// How a kind of bar looks: names a pattern of the drawing, or a class for a plain colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Plain.
    Plain,
    /// Lying stripes.
    Stripes,
    /// Slanting lines.
    Hatch,
    /// Crossing lines.
    Cross,
    /// Dots.
    Dots,
}

impl Look {
    /// Its word, part of the pattern's id.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Stripes => "stripes",
            Self::Hatch => "hatch",
            Self::Cross => "cross",
            Self::Dots => "dots",
        }
    }
}

/// One kind of bar.
pub struct Series {
    /// Its name in the legend.
    pub name: &'static str,
    /// Its look.
    pub look: Look,
    /// One value per bar, oldest first.
    pub values: Vec<u64>,
}

struct Rect {
    x: Percent,
    y: Percent,
    width: Percent,
    height: Percent,
}

/// Marks on the axes.
pub struct Axes {
    /// Top, middle and bottom of the upright axis.
    pub upright: [String; 3],
    /// Labels of the lying one, evenly spread from the left edge on.
    pub lying: Vec<String>,
}

/// Bars that stand on each other.
#[derive(Template)]
#[template(path = "part/plot/bars.html")]
pub struct Bars {
    id: &'static str,
    title: String,
    description: String,
    axes: Axes,
    groups: Vec<(&'static str, Look, Vec<Rect>)>,
    hints: Vec<(Rect, String)>,
}

impl HtmlSafe for Bars {}

impl Bars {
    /// Bars of `series` up to `top`, in room for `slots` bars; `hints` are shown over them.
    pub fn new(
        id: &'static str,
        (title, description): (String, String),
        axes: Axes,
        top: u64,
        slots: usize,
        series: Vec<Series>,
        hints: Vec<String>,
    ) -> Self {
        let mut below = vec![0u64; slots];
        let group = |Series { name, look, values }: Series| {
            let rect = |(slot, value): (usize, u64)| {
                let base = below[slot];
                below[slot] += value;
                (value > 0).then(|| bar(slot, slots, base, value, top))
            };
            let rects = values.into_iter().take(slots).enumerate().filter_map(rect).collect();
            (name, look, rects)
        };
        let groups = series.into_iter().map(group).collect();
        let whole = |slot| Rect {
            x: part(slot, slots, 0.0),
            y: Percent(0.0),
            width: part(1, slots, 0.0),
            height: Percent(100.0),
        };
        let hints = hints.into_iter().take(slots).enumerate().map(|(slot, words)| (whole(slot), words)).collect();
        Self { id, title, description, axes, groups, hints }
    }
}

fn part(slot: usize, slots: usize, more: f64) -> Percent {
    Percent((slot as f64 + more) * 100.0 / slots.max(1) as f64)
}

/// A bar, at least a hair high: something is never drawn as nothing.
fn bar(slot: usize, slots: usize, base: u64, value: u64, top: u64) -> Rect {
    let share = |n: u64| n as f64 * 100.0 / top.max(1) as f64;
    let height = share(value).max(0.5);
    let y = (100.0 - share(base) - height).max(0.0);
    Rect {
        x: part(slot, slots, 0.14),
        y: Percent(y),
        width: Percent(72.0 / slots.max(1) as f64),
        height: Percent(height),
    }
}

/// Bars without axes, beside words that say the same.
#[derive(Template)]
#[template(path = "part/plot/spark.html")]
pub struct Spark {
    rects: Vec<Rect>,
}

impl HtmlSafe for Spark {}

impl Spark {
    /// Of these values.
    pub fn new(values: &[u64]) -> Self {
        let top = values.iter().copied().max().unwrap_or(0);
        let rects = values.iter().enumerate().filter(|(_, v)| **v > 0);
        Self { rects: rects.map(|(slot, value)| bar(slot, values.len(), 0, *value, top)).collect() }
    }
}

/// Three marks a slot on a ladder of steps: how long half, 95 and 99 of 100 took.
#[derive(Template)]
#[template(path = "part/plot/ladder.html")]
pub struct Ladder {
    id: &'static str,
    title: String,
    description: String,
    rungs: Vec<(Percent, String)>,
    lying: Vec<String>,
    marks: Vec<Mark>,
}

impl HtmlSafe for Ladder {}

struct Mark {
    x: Percent,
    left: Percent,
    right: Percent,
    half: Percent,
    most: Percent,
    nearly: Percent,
    words: String,
}

/// The rungs that a slot's three marks lie on, from below, and what they say.
pub struct Heights {
    /// Half, 95 and 99 of 100.
    pub rungs: [usize; 3],
    /// In words.
    pub words: String,
}

impl Ladder {
    /// `heights` by slot on rungs named from below; a slot without any has no marks.
    pub fn new(
        id: &'static str,
        (title, description): (String, String),
        names: Vec<String>,
        lying: Vec<String>,
        slots: usize,
        heights: Vec<Option<Heights>>,
    ) -> Self {
        let rungs = names.len();
        // Half a rung of room above and below, so that no mark is cut off.
        let y = |rung: usize| Percent(100.0 - (rung as f64 + 0.5) * 100.0 / rungs.max(1) as f64);
        let mark = |(slot, heights): (usize, Option<Heights>)| {
            let Heights { rungs: [half, most, nearly], words } = heights?;
            let (x, left, right) = (part(slot, slots, 0.5), part(slot, slots, 0.2), part(slot, slots, 0.8));
            Some(Mark { x, left, right, half: y(half), most: y(most), nearly: y(nearly), words })
        };
        let marks = heights.into_iter().take(slots).enumerate().filter_map(mark).collect();
        let rungs = names.into_iter().enumerate().map(|(rung, name)| (y(rung), name)).rev().collect();
        Self { id, title, description, rungs, lying, marks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        Axes { upright: ["10", "5", "0"].map(str::to_owned), lying: vec!["<now>".into()] }
    }

    #[test]
    fn bars_stand_on_each_other_and_nothing_is_a_hair_at_least() {
        let series = |name, look, values: [u64; 2]| Series { name, look, values: values.into() };
        let both = vec![series("Good", Look::Plain, [6, 0]), series("Bad", Look::Cross, [4, 1])];
        let words = ("Requests".to_owned(), "<b>".to_owned());
        let html = Bars::new("r", words, axes(), 10, 2, both, vec!["a <script>".into(), "b".into()]).to_string();
        assert!(html.contains(r#"<rect x="7%" y="40%" width="36%" height="60%"/>"#), "{html}");
        assert!(html.contains(r#"<rect x="7%" y="0%" width="36%" height="40%"/>"#), "{html}");
        assert!(html.contains(r#"<rect x="57%" y="90%" width="36%" height="10%"/>"#), "{html}");
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<now>"), "{html}");
        let hair = Spark::new(&[1_000_000, 1]).to_string();
        assert!(hair.contains("height=\"0.5%\""), "{hair}");
    }

    #[test]
    fn a_ladder_has_a_rung_for_each_name_and_marks_where_there_is_something() {
        let names = vec!["5 ms".to_owned(), "10 ms".to_owned()];
        let heights = vec![None, Some(Heights { rungs: [0, 1, 1], words: "x".into() })];
        let html = Ladder::new("l", ("T".into(), "D".into()), names, vec![], 2, heights).to_string();
        assert_eq!(html.matches("class=\"rungs\"><title>").count(), 1, "{html}");
        assert!(html.contains(r#"cx="75%" cy="75%""#) && html.contains(r#"cx="75%" cy="25%""#), "{html}");
    }
}
