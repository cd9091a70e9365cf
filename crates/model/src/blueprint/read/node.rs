//! YAML text as nodes with their places.
//!
//! Anchors, aliases and `<<` are expanded here, within a budget that a real blueprint never meets
//! and an alias bomb meets at once. Tags that mean something to programs are refused.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::{Error, Spanned, options::DuplicateKeyPolicy};

/// A node and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

/// Line and column, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub line: u64,
    pub column: u64,
}

/// What YAML says a node is. Numbers stay as they would be printed.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(String),
    Float(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug)]
pub(super) struct Key {
    pub place: Place,
    pub text: String,
}

impl Value {
    /// What a person would call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one YAML document.
///
/// # Errors
/// Where YAML itself is broken, and how.
pub(super) fn read(text: &str) -> Result<Node, (Place, String)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 24,
            flow_nesting_limit: 24,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 200,
            max_anchors: 100,
            max_merge_keys: 100,
            max_total_scalar_bytes: 1 << 20,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 20_000, max_replay_stack_depth: 8 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let place = error.location().map(Place::from).unwrap_or(Place { line: 1, column: 1 });
        (place, explain(error.without_snippet()))
    })
}

fn explain(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {key:?} stands here a second time: keep one of them")
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasReplayStackDepthExceeded { .. } => {
            "this is more YAML than a blueprint can need: one document, without heaps of aliases".into()
        }
        // The place is told apart from the message.
        other => other.to_string().split(" at line ").next().unwrap_or("broken YAML").to_owned(),
    }
}

impl From<serde_saphyr::Location> for Place {
    fn from(location: serde_saphyr::Location) -> Self {
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { place: spanned.referenced.into(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Int(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, node)) = entries.next_entry::<Spanned<String>, Node>()? {
            map.push((Key { place: key.referenced.into(), text: key.value }, node));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        let (place, message) = read(text).unwrap_err();
        format!("{}:{}: {message}", place.line, place.column)
    }

    #[test]
    fn broken_yaml_is_placed() {
        for (text, expected) in [
            ("a: 1\na: 2\n", "2:1: the key \"a\" stands here a second time: keep one of them"),
            ("a: [", "1:4: unclosed bracket '['"),
            ("a: b: c", "1:5: mapping values are not allowed in this context"),
            ("a: !foo b", "1:9: unsupported tag `!foo`"),
            ("a: &x [*x]", "1:8: recursive references require weak recursion types"),
            (
                "a: 1\n---\nb: 2",
                "2:1: this is more YAML than a blueprint can need: one document, without heaps of aliases",
            ),
        ] {
            assert_eq!(complaint(text), expected);
        }
    }

    #[test]
    fn bombs_are_refused_early() {
        let level = |name: &str, of: &str| format!("{name}: &{name} [{}]\n", [of; 9].join(","));
        let bomb: String = [("a", "x"), ("b", "*a"), ("c", "*b"), ("d", "*c"), ("e", "*d"), ("f", "*e"), ("g", "*f")]
            .iter()
            .map(|(name, of)| level(name, of))
            .collect();
        let many = "a: &a x\n".to_owned() + &"- *a\n".repeat(1000);
        for text in [bomb, many, "[".repeat(10_000), "- ".repeat(500), "a: {".repeat(500), "x: y\n".repeat(50_000)] {
            assert!(read(&text).is_err(), "{:.20} was accepted", text);
        }
    }

    #[test]
    fn aliases_and_merges_are_expanded_where_they_are_used() {
        let node = read("a: &x {b: one}\nd:\n  <<: *x\n  e: two\n").unwrap();
        let Value::Map(top) = &node.value else { panic!("{node:?}") };
        let Value::Map(merged) = &top[1].1.value else { panic!("{node:?}") };
        assert_eq!(merged.iter().map(|(key, _)| key.text.as_str()).collect::<Vec<_>>(), ["e", "b"]);
        assert_eq!(merged[1].1.place.line, 3);
    }
}
