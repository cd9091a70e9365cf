//! A labelled input with its hint, its value and what is wrong with it.
//!
//! Every field of every form comes from here, so that each has a label, says its mistake beside
//! itself and in words, and ties both to the input for screen readers. Passwords are never
//! printed back.

use askama::{Template, filters::HtmlSafe};
use stoa_model::field::Invalid;

/// One field.
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
    focus: bool,
    numeric: bool,
}

impl HtmlSafe for Field {}

impl Field {
    /// A required line of text.
    pub fn text(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { name, label, kind: "text", value: value.to_owned(), autocomplete: "off", ..Self::default() }
    }

    /// A mail address that is also a login name.
    pub fn email(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { kind: "email", autocomplete: "username", ..Self::text(name, label, value) }
    }

    /// A password, `current-password` or `new-password`.
    pub fn password(name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self { kind: "password", autocomplete, ..Self::text(name, label, "") }
    }

    /// A whole number; small screens offer digits.
    pub fn number(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { numeric: true, ..Self::text(name, label, value) }
    }

    /// A sentence under the label.
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// What the browser may fill in.
    pub fn fill(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Fixed text that follows what is typed.
    pub fn suffix(self, suffix: String) -> Self {
        Self { suffix, ..self }
    }

    /// May stay empty.
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Checked while it is typed: `value` by the service layer's rules, `address` also for being
    /// free.
    pub fn checked(self, check: &'static str) -> Self {
        Self { check, ..self }
    }

    /// Where typing begins, unless there are problems to read first.
    pub fn focused(self, problems: &Problems) -> Self {
        Self { focus: problems.is_empty(), ..self }
    }

    /// With what is wrong with it, if anything.
    pub fn with(self, problems: &Problems) -> Self {
        let problem = problems.of(self.name).map(str::to_owned);
        Self { problem, ..self }
    }
}

/// What must be mended before a form can be carried out.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/problems.html")]
pub struct Problems {
    general: Option<String>,
    fields: Vec<Invalid>,
}

impl HtmlSafe for Problems {}

impl Problems {
    /// Problems of single fields.
    pub fn of_fields(fields: Vec<Invalid>) -> Self {
        Self { general: None, fields }
    }

    /// A problem of the whole form.
    pub fn general(words: impl Into<String>) -> Self {
        Self { general: Some(words.into()), fields: Vec::new() }
    }

    /// Whether there is nothing to mend.
    pub fn is_empty(&self) -> bool {
        self.general.is_none() && self.fields.is_empty()
    }

    /// Everything that is wrong with a field.
    pub fn all_of(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|p| p.field == name).map(|p| p.message.clone()).collect()
    }

    /// What is wrong with a field.
    pub fn of(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|p| p.field == name).map(|p| p.message.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_escaped() {
        let html = Field::text("title", "Title", "\"><script>alert(1)</script>").to_string();
        assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn a_problem_is_tied_to_its_field() {
        let problems = Problems::of_fields(vec![Invalid::new("title", "Please enter a title.")]);
        let html = Field::text("title", "Title", "").hint("Shown on top.").with(&problems).to_string();
        assert!(html.contains("aria-invalid=\"true\""), "{html}");
        assert!(html.contains("aria-describedby=\"title-hint title-problem\""), "{html}");
        assert!(problems.to_string().contains("href=\"#title\""));
    }

    #[test]
    fn a_password_is_never_printed_back() {
        assert!(!Field::password("password", "Password", "new-password").to_string().contains("value="));
    }
}
