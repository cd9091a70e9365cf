//! Bars that stand on each other, between two axes.

use askama::{Template, filters::HtmlSafe};

use super::{Percent, Rect, bar, part};

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

#[cfg(test)]
mod tests {
    use super::{super::Spark, *};

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
}
