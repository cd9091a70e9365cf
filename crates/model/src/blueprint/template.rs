//! `${VARIABLE}` in a value, taken apart once, when the blueprint is read.
//!
//! Only Compose's plain forms exist: `${X}`, `${X:-default}` and `$$` for a dollar. `$X` without
//! braces, `${X:?…}` and nested forms are refused: one way to write it is easier to read.
//! Filling in is concatenation. What a value contains is never looked at again, so `${…}` in a
//! shop's title stays five characters of a title.

use std::collections::BTreeMap;

/// A value with variables in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(pub Vec<Part>);

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// The value of a variable.
    Variable {
        /// Which one.
        name: String,
        /// What stands in for it.
        fallback: Fallback,
    },
}

/// What stands in for a variable that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing: a missing value is an error.
    None,
    /// The declared default, where no value is given.
    Unset(String),
    /// The default of `${X:-default}`, where no value or an empty one is given.
    Empty(String),
}

impl Template {
    /// Takes a value apart.
    ///
    /// # Errors
    /// A sentence about the first `$` that makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                plain.push('$');
                rest = after;
                continue;
            }
            let Some((inner, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) else {
                return Err("a lone $: write ${NAME} for a variable, $$ for a dollar".into());
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(reference(inner)?);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The names that it refers to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable { name, .. } => Some(name.as_str()),
        })
    }

    /// Its text with the values filled in, verbatim.
    ///
    /// # Errors
    /// The name of the first variable without a value.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Result<String, String> {
        self.0.iter().map(|part| part.fill(values)).collect()
    }
}

impl Part {
    fn fill<'a>(&'a self, values: &'a BTreeMap<String, String>) -> Result<&'a str, String> {
        let (name, fallback) = match self {
            Self::Text(text) => return Ok(text),
            Self::Variable { name, fallback } => (name, fallback),
        };
        match (values.get(name).map(String::as_str), fallback) {
            (None, Fallback::None) => Err(name.clone()),
            (None, Fallback::Unset(text)) | (None | Some(""), Fallback::Empty(text)) => Ok(text),
            (Some(value), _) => Ok(value),
        }
    }
}

/// Whether `text` can be the name of a variable or of an environment entry.
pub(super) fn is_name(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn reference(inner: &str) -> Result<Part, String> {
    let (name, fallback) = match inner.split_once(":-") {
        Some((name, default)) => (name, Fallback::Empty(default.to_owned())),
        None => (inner, Fallback::None),
    };
    if !is_name(name) || inner.contains('$') {
        return Err(format!("${{{inner}}} is not understood: write ${{NAME}} or ${{NAME:-default}}"));
    }
    Ok(Part::Variable { name: name.to_owned(), fallback })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn values_are_filled_in_verbatim() {
        for (template, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("${A}", "${B}"),
            ("x-${A}-${E:-d}-y", "x-${B}-d-y"),
            ("$$5 $${A}", "$5 ${A}"),
            ("${Z:-}", ""),
            ("${Z:-a:-b}", "a:-b"),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(template.fill(&values(&[("A", "${B}"), ("B", "no"), ("E", "")])), Ok(expected.into()));
        }
    }

    #[test]
    fn a_missing_value_is_named() {
        assert_eq!(Template::parse("a${X}").unwrap().fill(&values(&[])), Err("X".into()));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in
            ["$A", "$", "a$", "${", "${}", "${A", "${1A}", "${A-b}", "${A:?no}", "${A:+b}", "${A:-${B}}", "$(a)"]
        {
            assert!(Template::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
