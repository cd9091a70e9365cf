//! Plots, drawn by the server as SVG: no script, no library, and legible without colour.
//!
//! All positions are shares of the drawing's size, so it fits every screen while lines and letters
//! keep theirs. Each kind of bar has its own pattern. A plot says in its title and description what
//! there is to see; the numbers themselves stand in a table beside it.

mod bars;
mod ladder;

use std::fmt;

use askama::{Template, filters::HtmlSafe};

pub use self::{
    bars::{Axes, Bars, Look, Series},
    ladder::{Heights, Ladder},
};

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

/// A bar's place.
struct Rect {
    x: Percent,
    y: Percent,
    width: Percent,
    height: Percent,
}

/// Where a slot begins, or `more` of it further.
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
