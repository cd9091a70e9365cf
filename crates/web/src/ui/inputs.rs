//! Inputs that are no line of text: a box for much of it, and a tick.

use askama::{Template, filters::HtmlSafe};

use super::field::Problems;

/// A labelled box for several lines of machine-made text.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/area.html")]
pub struct Area {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    problems: Vec<String>,
}

impl HtmlSafe for Area {}

impl Area {
    /// A required box, with what was typed. For secrets, pass nothing: they are never printed back.
    pub fn new(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { name, label, value: value.to_owned(), ..Self::default() }
    }

    /// A sentence under the label.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// With everything that is wrong with it.
    #[must_use]
    pub fn with(self, problems: &Problems) -> Self {
        Self { problems: problems.all_of(self.name), ..self }
    }
}

/// A labelled box to tick.
#[derive(Debug, Clone, Template)]
#[template(path = "part/tick.html")]
pub struct Tick {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    checked: bool,
}

impl HtmlSafe for Tick {}

impl Tick {
    /// A box, ticked or not.
    pub const fn new(name: &'static str, label: &'static str, checked: bool) -> Self {
        Self { name, label, hint: "", checked }
    }

    /// A sentence beside it.
    #[must_use]
    pub const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

#[cfg(test)]
mod tests {
    use stoa_model::field::Invalid;

    use super::*;

    #[test]
    fn all_problems_of_a_box_are_said_and_its_text_stays_text() {
        let wrong = vec![Invalid::new("certificate", "It has expired."), Invalid::new("certificate", "It is <other>.")];
        let html = Area::new("certificate", "Certificate", "</textarea><script>").with(&Problems::of_fields(wrong));
        let html = html.to_string();
        assert!(html.contains("It has expired.") && html.contains("It is &#60;other&#62;."), "{html}");
        assert!(html.contains("aria-invalid=\"true\"") && !html.contains("<script>"), "{html}");
    }
}
