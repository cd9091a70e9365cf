//! Charts, rendered by the server as SVG: no script, no library, and legible without color.
//!
//! All positions are percentages of the drawing, so it scales with the screen while lines and text don't. Each
//! series has its own pattern. Title and description summarize a chart for screen readers; the numbers are in a
//! table beside it.

mod bar_chart;
mod quantile_chart;

use std::fmt;

use askama::{Template, filters::HtmlSafe};

pub use self::{
    bar_chart::{Axes, BarChart, Pattern, Series},
    quantile_chart::{QuantileChart, Quantiles},
};

/// A position in percent of the drawing, with two decimals.
#[derive(Debug, Clone, Copy)]
pub struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl HtmlSafe for Percent {}

/// Position of a bar.
struct Rect {
    x: Percent,
    y: Percent,
    width: Percent,
    height: Percent,
}

/// Horizontal position in a slot: `fraction` of its width from its start.
fn slot_position(slot: usize, slots: usize, fraction: f64) -> Percent {
    Percent((slot as f64 + fraction) * 100.0 / slots.max(1) as f64)
}

/// A bar, with a minimum height so that it is visible.
fn bar(slot: usize, slots: usize, base: u64, value: u64, top: u64) -> Rect {
    let share = |n: u64| n as f64 * 100.0 / top.max(1) as f64;
    let height = share(value).max(0.5);
    let y = (100.0 - share(base) - height).max(0.0);
    Rect {
        x: slot_position(slot, slots, 0.14),
        y: Percent(y),
        width: Percent(72.0 / slots.max(1) as f64),
        height: Percent(height),
    }
}

/// A sparkline: bars without axes, beside text that says the same.
#[derive(Template)]
#[template(path = "part/plot/spark.html")]
pub struct Spark {
    rects: Vec<Rect>,
}

impl HtmlSafe for Spark {}

impl Spark {
    /// A sparkline of these values.
    pub fn new(values: &[u64]) -> Self {
        let top = values.iter().copied().max().unwrap_or(0);
        let rects = values.iter().enumerate().filter(|(_, v)| **v > 0);
        Self { rects: rects.map(|(slot, value)| bar(slot, values.len(), 0, *value, top)).collect() }
    }
}
