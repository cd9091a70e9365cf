//! How long answers took, on a ladder of steps.

use askama::{Template, filters::HtmlSafe};

use super::{Percent, part};

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

    #[test]
    fn a_ladder_has_a_rung_for_each_name_and_marks_where_there_is_something() {
        let names = vec!["5 ms".to_owned(), "10 ms".to_owned()];
        let heights = vec![None, Some(Heights { rungs: [0, 1, 1], words: "x".into() })];
        let html = Ladder::new("l", ("T".into(), "D".into()), names, vec![], 2, heights).to_string();
        assert_eq!(html.matches("class=\"rungs\"><title>").count(), 1, "{html}");
        assert!(html.contains(r#"cx="75%" cy="75%""#) && html.contains(r#"cx="75%" cy="25%""#), "{html}");
    }
}
