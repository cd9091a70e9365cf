//! Text areas and checkboxes.

use askama::{Template, filters::HtmlSafe};

use super::field::Problems;

/// A labeled text area for machine-generated text.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/text_area.html")]
pub struct TextArea {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    problems: Vec<String>,
}

impl HtmlSafe for TextArea {}

impl TextArea {
    /// A required text area with its value. Pass an empty value for secrets: they are never shown again.
    pub fn new(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { name, label, value: value.to_owned(), ..Self::default() }
    }

    /// A hint below the label.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// Adds the field's error messages.
    #[must_use]
    pub fn with(self, problems: &Problems) -> Self {
        Self { problems: problems.all_of(self.name), ..self }
    }
}

/// A labeled checkbox.
#[derive(Debug, Clone, Template)]
#[template(path = "part/checkbox.html")]
pub struct Checkbox {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    checked: bool,
}

impl HtmlSafe for Checkbox {}

impl Checkbox {
    /// A checkbox, checked or not.
    pub const fn new(name: &'static str, label: &'static str, checked: bool) -> Self {
        Self { name, label, hint: "", checked }
    }

    /// A hint beside the label.
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
    fn all_problems_are_shown_and_the_value_is_escaped() {
        let wrong = vec![Invalid::new("certificate", "It has expired."), Invalid::new("certificate", "It is <other>.")];
        let html = TextArea::new("certificate", "Certificate", "</textarea><script>").with(&Problems::of_fields(wrong));
        let html = html.to_string();
        assert!(html.contains("It has expired.") && html.contains("It is &#60;other&#62;."), "{html}");
        assert!(html.contains("aria-invalid=\"true\"") && !html.contains("<script>"), "{html}");
    }
}
