//! Reads `x-stoa.variables`.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use crate::blueprint::{Charset, Fact, Generator, Origin, Variable, template};

pub(super) fn read_all(at: &Cursor) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    for (name, at) in at.entries() {
        if !template::is_name(name) {
            at.key_problem(format!("{name:?} is no name for a variable: use letters, digits and _"));
        }
        if let Some(origin) = origin(&at) {
            variables.insert(name.to_owned(), Variable { name: name.to_owned(), origin });
        } else {
            // Declared, if badly: whoever uses it is not to blame.
            variables
                .insert(name.to_owned(), Variable { name: name.to_owned(), origin: Origin::Default(String::new()) });
        }
    }
    variables
}

fn origin(at: &Cursor) -> Option<Origin> {
    let mut fields = at.fields()?;
    let (from, generate, default) = (fields.take("from"), fields.take("generate"), fields.take("default"));
    let length = fields.take("length");
    fields.finish();
    if let (None, Some(length)) = (&generate, &length) {
        length.key_problem("length belongs to generate: remove it");
    }
    match (from, generate, default) {
        (Some(from), None, None) => fact(&from).map(Origin::Fact),
        (None, Some(charset), None) => generator(at, &charset, length.as_ref()).map(Origin::Secret),
        (None, None, Some(default)) => default.text().map(Origin::Default),
        _ => {
            at.problem("say where the value comes from: exactly one of from, generate and default");
            None
        }
    }
}

fn fact(at: &Cursor) -> Option<Fact> {
    let text = at.text()?;
    let fact = Fact::ALL.into_iter().find(|fact| fact.as_str() == text);
    if fact.is_none() {
        at.problem(format!("{text:?} is no fact of a site; there are: {}", Fact::ALL.map(Fact::as_str).join(", ")));
    }
    fact
}

fn generator(at: &Cursor, charset: &Cursor, length: Option<&Cursor>) -> Option<Generator> {
    let text = charset.text()?;
    let Some(kind) = Charset::ALL.into_iter().find(|kind| kind.as_str() == text) else {
        let known = Charset::ALL.map(Charset::as_str).join(", ");
        charset.problem(format!("{text:?} is no kind of secret; there are: {known}"));
        return None;
    };
    let Some(at_length) = length else {
        at.problem("the key length is missing: 24 or more is good");
        return None;
    };
    let range = *Generator::LENGTH.start() as u64..=*Generator::LENGTH.end() as u64;
    let length = usize::try_from(at_length.number(range)?).ok()?;
    if !length.is_multiple_of(kind.group()) {
        at_length.problem(format!("the length of {text} must be a multiple of {}, to be whole bytes", kind.group()));
        return None;
    }
    Some(Generator { charset: kind, length })
}
