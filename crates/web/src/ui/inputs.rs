//! Text areas, checkboxes and selects.

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

/// A labeled list to choose one of; nothing is chosen at first.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/select.html")]
pub struct Select {
    name: &'static str,
    label: &'static str,
    choices: Vec<Choice>,
    problem: Option<String>,
}

#[derive(Debug, Clone)]
struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

impl HtmlSafe for Select {}

impl Select {
    /// A required choice from pairs of value and label, with the previous input.
    pub fn new(
        name: &'static str,
        label: &'static str,
        choices: impl IntoIterator<Item = (&'static str, &'static str)>,
        chosen: &str,
    ) -> Self {
        let choices = choices.into_iter();
        let choices = choices.map(|(value, label)| Choice { value, label, is_chosen: value == chosen }).collect();
        Self { name, label, choices, problem: None }
    }

    /// Adds the field's error message, if there is one.
    #[must_use]
    pub fn with(self, problems: &Problems) -> Self {
        let problem = problems.of(self.name).map(str::to_owned);
        Self { problem, ..self }
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

    #[test]
    fn a_select_keeps_the_choice_and_links_its_problem() {
        let choices = [("a", "First"), ("b", "Second")];
        let html = Select::new("reason", "Reason", choices, "b").to_string();
        assert!(html.contains("<option value=\"b\" selected>Second</option>"), "{html}");
        assert!(html.contains("<option value=\"a\">First</option>") && !html.contains("aria-invalid"), "{html}");
        let problems = Problems::of_fields(vec![Invalid::new("reason", "Choose a reason.")]);
        let html = Select::new("reason", "Reason", choices, "").with(&problems).to_string();
        assert!(html.contains("aria-describedby=\"reason-problem\"") && html.contains("Choose a reason."), "{html}");
    }
}
