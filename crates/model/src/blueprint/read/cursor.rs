//! Walking the nodes: every step knows its path and place, every complaint is noted and reading
//! goes on, so that an author sees all problems at once.

use std::cell::RefCell;

use super::node::{Key, Node, Place, Value};
use crate::blueprint::Problem;

/// Where problems are noted.
pub(super) struct Sheet {
    file: String,
    problems: RefCell<Vec<Problem>>,
}

impl Sheet {
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), problems: RefCell::default() }
    }

    pub fn note(&self, place: Place, path: &str, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            path: path.to_owned(),
            message: message.into(),
        });
    }

    /// All problems in the file's order.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

/// A node on the way, with the keys that led to it.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    sheet: &'a Sheet,
    pub node: &'a Node,
    /// Where its key stands; for items of lists the item itself.
    key: Place,
    path: String,
}

impl<'a> Cursor<'a> {
    pub fn root(sheet: &'a Sheet, node: &'a Node) -> Self {
        Self { sheet, node, key: node.place, path: String::new() }
    }

    /// Notes a problem with the value.
    pub fn problem(&self, message: impl Into<String>) {
        self.sheet.note(self.node.place, &self.path, message);
    }

    /// Notes a problem with the key.
    pub fn key_problem(&self, message: impl Into<String>) {
        self.sheet.note(self.key, &self.path, message);
    }

    /// Notes that something else was expected.
    pub fn expected(&self, what: &str) {
        self.problem(format!("expected {what}, found {}", self.node.value.kind()));
    }

    fn step(&self, key: &'a Key, node: &'a Node) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { sheet: self.sheet, node, key: key.place, path: format!("{}{dot}{}", self.path, key.text) }
    }

    /// The entries of a mapping with free keys; nothing stands for an empty one.
    pub fn entries(&self) -> Vec<(&'a str, Self)> {
        match &self.node.value {
            Value::Map(map) => map.iter().map(|(key, node)| (key.text.as_str(), self.step(key, node))).collect(),
            Value::Null => Vec::new(),
            _ => {
                self.expected("a mapping");
                Vec::new()
            }
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Vec<Self> {
        let Value::List(list) = &self.node.value else {
            self.expected("a list");
            return Vec::new();
        };
        let item = |(index, node): (usize, &'a Node)| Self {
            sheet: self.sheet,
            node,
            key: node.place,
            path: format!("{}[{index}]", self.path),
        };
        list.iter().enumerate().map(item).collect()
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn child(&self, key: &str) -> Option<Self> {
        let Value::Map(map) = &self.node.value else { return None };
        map.iter().find(|(k, _)| k.text == key).map(|(key, node)| self.step(key, node))
    }

    /// A mapping with a closed set of keys.
    pub fn fields(&self) -> Option<Fields<'a>> {
        if !matches!(self.node.value, Value::Map(_)) {
            self.expected("a mapping");
            return None;
        }
        Some(Fields { entries: self.entries(), at: self.clone(), known: Vec::new() })
    }
}

/// A mapping with a closed set of keys: each is taken once, and what is left is a problem.
pub(super) struct Fields<'a> {
    at: Cursor<'a>,
    entries: Vec<(&'a str, Cursor<'a>)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// A key that may be there.
    pub fn take(&mut self, key: &'static str) -> Option<Cursor<'a>> {
        self.known.push(key);
        let index = self.entries.iter().position(|(k, _)| *k == key)?;
        Some(self.entries.swap_remove(index).1)
    }

    /// A key that must be there.
    pub fn need(&mut self, key: &'static str) -> Option<Cursor<'a>> {
        let found = self.take(key);
        if found.is_none() {
            self.at.key_problem(format!("the key {key} is missing"));
        }
        found
    }

    /// Keys of Compose that are refused, each with its reason.
    pub fn refuse(&mut self, table: &[(&str, &str)]) {
        self.entries.retain(|(key, at)| {
            let refused = table.iter().find(|(name, _)| name == key);
            if let Some((_, reason)) = refused {
                at.key_problem(*reason);
            }
            refused.is_none()
        });
    }

    /// Passes over the keys that `ignored` holds for.
    pub fn ignore(&mut self, ignored: impl Fn(&str) -> bool) {
        self.entries.retain(|(key, _)| !ignored(key));
    }

    /// Notes all keys that nobody took.
    pub fn finish(self) {
        for (key, at) in &self.entries {
            at.key_problem(format!("Stoa does not know the key {key}; it knows: {}", self.known.join(", ")));
        }
    }
}
