//! A labeled input with its hint, its value and its error message.
//!
//! Every input of every form comes from here or from [`super::inputs`], so that each has a label and an error message,
//! both linked to it for screen readers. Passwords are never shown again.

use askama::{Template, filters::HtmlSafe};
use stoa_model::field::Invalid;

/// A labeled input.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/field.html")]
pub struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
    hint: &'static str,
    autocomplete: &'static str,
    suffix: String,
    problem: Option<String>,
    optional: bool,
    check: &'static str,
    derives: &'static str,
    focus: bool,
    numeric: bool,
}

impl HtmlSafe for Field {}

impl Field {
    /// A required line of text.
    pub fn text(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { name, label, kind: "text", value: value.to_owned(), autocomplete: "off", ..Self::default() }
    }

    /// An e-mail address that is also a login name.
    pub fn email(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { kind: "email", autocomplete: "username", ..Self::text(name, label, value) }
    }

    /// The password that an account has.
    pub fn password(name: &'static str, label: &'static str) -> Self {
        Self { kind: "password", autocomplete: "current-password", ..Self::text(name, label, "") }
    }

    /// A password that an account gets.
    pub fn new_password(name: &'static str, label: &'static str) -> Self {
        Self { autocomplete: "new-password", ..Self::password(name, label) }
            .hint("At least 10 characters. A few random words are easy to remember and hard to guess.")
    }

    /// A whole number; small screens offer digits.
    pub fn number(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { numeric: true, ..Self::text(name, label, value) }
    }

    /// A hint below the label.
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// The `autocomplete` token.
    pub fn fill(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Fixed text after the input.
    pub fn suffix(self, suffix: String) -> Self {
        Self { suffix, ..self }
    }

    /// Makes the field optional.
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Checked while typing: `value` by the service layer's rules, `address` also for availability.
    pub fn checked(self, check: &'static str) -> Self {
        Self { check, ..self }
    }

    /// While typing, fills the field `name` with an address made of what is typed, until that field is edited.
    pub fn derives(self, name: &'static str) -> Self {
        Self { derives: name, ..self }
    }

    /// Focused, unless there are error messages to read first.
    pub fn focused(self, problems: &Problems) -> Self {
        Self { focus: problems.is_empty(), ..self }
    }

    /// Adds the field's error message, if there is one.
    pub fn with(self, problems: &Problems) -> Self {
        let problem = problems.of(self.name).map(str::to_owned);
        Self { problem, ..self }
    }
}

/// Error messages of a form.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/problems.html")]
pub struct Problems {
    general: Option<String>,
    fields: Vec<Invalid>,
}

impl HtmlSafe for Problems {}

impl Problems {
    /// Error messages of fields.
    pub fn of_fields(fields: Vec<Invalid>) -> Self {
        Self { general: None, fields }
    }

    /// An error message of the whole form.
    pub fn general(message: impl Into<String>) -> Self {
        Self { general: Some(message.into()), fields: Vec::new() }
    }

    /// Whether there are no error messages.
    pub fn is_empty(&self) -> bool {
        self.general.is_none() && self.fields.is_empty()
    }

    /// All error messages of a field.
    pub fn all_of(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|p| p.field == name).map(|p| p.message.clone()).collect()
    }

    /// The first error message of a field.
    pub fn of(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|p| p.field == name).map(|p| p.message.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let html = Field::text("title", "Title", "\"><script>alert(1)</script>").to_string();
        assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn a_problem_is_linked_to_its_field() {
        let problems = Problems::of_fields(vec![Invalid::new("title", "Please enter a title.")]);
        let html = Field::text("title", "Title", "").hint("Shown on top.").with(&problems).to_string();
        assert!(html.contains("aria-invalid=\"true\""), "{html}");
        assert!(html.contains("aria-describedby=\"title-hint title-problem\""), "{html}");
        assert!(problems.to_string().contains("href=\"#title\""));
    }

    #[test]
    fn a_password_is_never_shown_again() {
        assert!(!Field::new_password("password", "Password").to_string().contains("value="));
    }
}
