//! Stacked bars with axes.

use askama::{Template, filters::HtmlSafe};

use super::{Percent, Rect, bar, slot_position};

/// Fill pattern of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Plain.
    Plain,
    /// Horizontal stripes.
    Stripes,
    /// Diagonal lines.
    Hatch,
    /// Crossed lines.
    Cross,
    /// Dots.
    Dots,
}

impl Pattern {
    /// Part of the pattern's element id.
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

/// One series of values.
pub struct Series {
    /// Name in the legend.
    pub name: &'static str,
    /// Fill pattern.
    pub pattern: Pattern,
    /// One value per bar, oldest first.
    pub values: Vec<u64>,
}

/// Labels of the axes.
pub struct Axes {
    /// Labels at the top, middle and bottom of the vertical axis.
    pub y_labels: [String; 3],
    /// Labels of the horizontal axis, evenly spaced from the left edge.
    pub x_labels: Vec<String>,
}

/// A stacked bar chart.
#[derive(Template)]
#[template(path = "part/plot/bar_chart.html")]
pub struct BarChart {
    id: &'static str,
    title: String,
    description: String,
    axes: Axes,
    groups: Vec<(&'static str, Pattern, Vec<Rect>)>,
    hints: Vec<(Rect, String)>,
}

impl HtmlSafe for BarChart {}

impl BarChart {
    /// A chart of `series` with a vertical axis up to `top` and room for `slots` bars; `hints` are their tooltips.
    pub fn new(
        id: &'static str,
        (title, description): (String, String),
        axes: Axes,
        top: u64,
        slots: usize,
        series: Vec<Series>,
        hints: Vec<String>,
    ) -> Self {
        let mut tops = vec![0u64; slots];
        let group = |Series { name, pattern, values }: Series| {
            let rect = |(slot, value): (usize, u64)| {
                let base = tops[slot];
                tops[slot] += value;
                (value > 0).then(|| bar(slot, slots, base, value, top))
            };
            let rects = values.into_iter().take(slots).enumerate().filter_map(rect).collect();
            (name, pattern, rects)
        };
        let groups = series.into_iter().map(group).collect();
        let full_height = |slot| Rect {
            x: slot_position(slot, slots, 0.0),
            y: Percent(0.0),
            width: slot_position(1, slots, 0.0),
            height: Percent(100.0),
        };
        let hints = hints.into_iter().take(slots).enumerate().map(|(slot, text)| (full_height(slot), text)).collect();
        Self { id, title, description, axes, groups, hints }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Spark, *};

    fn axes() -> Axes {
        Axes { y_labels: ["10", "5", "0"].map(str::to_owned), x_labels: vec!["<now>".into()] }
    }

    #[test]
    fn bars_are_stacked_and_have_a_minimum_height() {
        let series = |name, pattern, values: [u64; 2]| Series { name, pattern, values: values.into() };
        let both = vec![series("Good", Pattern::Plain, [6, 0]), series("Bad", Pattern::Cross, [4, 1])];
        let labels = ("Requests".to_owned(), "<b>".to_owned());
        let html = BarChart::new("r", labels, axes(), 10, 2, both, vec!["a <script>".into(), "b".into()]).to_string();
        assert!(html.contains(r#"<rect x="7%" y="40%" width="36%" height="60%"/>"#), "{html}");
        assert!(html.contains(r#"<rect x="7%" y="0%" width="36%" height="40%"/>"#), "{html}");
        assert!(html.contains(r#"<rect x="57%" y="90%" width="36%" height="10%"/>"#), "{html}");
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<now>"), "{html}");
        let small = Spark::new(&[1_000_000, 1]).to_string();
        assert!(small.contains("height=\"0.5%\""), "{small}");
    }
}
