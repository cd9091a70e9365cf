//! The names that a blueprint defines, collected before anything refers to them.

use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet};

use super::{cursor::Cursor, node::Value, variable};
use crate::{
    blueprint::{Fallback, Origin, Part, Template, Variable},
    stack::{ServiceName, VolumeName},
};

/// All names, and which variables were used.
#[derive(Default)]
pub(super) struct Names {
    pub variables: BTreeMap<String, Variable>,
    services: BTreeSet<String>,
    volumes: BTreeSet<String>,
    used: RefCell<BTreeSet<String>>,
}

/// Where a template stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// An image: only the operator may choose what runs.
    Image,
    /// An environment value or a hook's input.
    Value,
}

impl Names {
    /// Collects the names below `services`, `volumes` and `x-stoa.variables`.
    pub fn collect(services: Option<&Cursor>, volumes: Option<&Cursor>, variables: Option<&Cursor>) -> Self {
        let keys = |at: Option<&Cursor>| match at.map(|at| &at.node.value) {
            Some(Value::Map(map)) => map.iter().map(|(key, _)| key.text.clone()).collect(),
            _ => BTreeSet::new(),
        };
        Self {
            variables: variables.map(variable::read_all).unwrap_or_default(),
            services: keys(services),
            volumes: keys(volumes),
            used: RefCell::default(),
        }
    }

    /// A service that exists.
    pub fn service(&self, at: &Cursor) -> Option<ServiceName> {
        at.text_if(|name| self.services.contains(name), "is no service of this file").map(ServiceName)
    }

    /// Whether there is such a service.
    pub fn has_service(&self, name: &str) -> bool {
        self.services.contains(name)
    }

    /// A volume that is declared.
    pub fn volume(&self, at: &Cursor, name: &str) -> Option<VolumeName> {
        if !self.volumes.contains(name) {
            at.problem(format!("the volume {name:?} is not declared: add it to the file's top-level volumes"));
            return None;
        }
        Some(VolumeName(name.to_owned()))
    }

    /// A variable that is declared, by its bare name.
    pub fn variable(&self, at: &Cursor) -> Option<String> {
        let name = at.text_if(|name| self.variables.contains_key(name), "is not declared in x-stoa.variables")?;
        self.used.borrow_mut().insert(name.clone());
        Some(name)
    }

    /// Text with variables.
    pub fn template(&self, at: &Cursor, text: &str, place: Place) -> Option<Template> {
        let mut template = Template::parse(text).map_err(|message| at.problem(message)).ok()?;
        let mut fine = true;
        for part in &mut template.0 {
            if let Part::Variable { name, fallback } = part {
                fine &= self.bind(at, name, fallback, place);
            }
        }
        fine.then_some(template)
    }

    fn bind(&self, at: &Cursor, name: &str, fallback: &mut Fallback, place: Place) -> bool {
        let Some(variable) = self.variables.get(name) else {
            at.problem(format!("the variable {name} is not declared: add it to x-stoa.variables"));
            return false;
        };
        self.used.borrow_mut().insert(name.to_owned());
        match (&variable.origin, &*fallback) {
            (Origin::Default(_), _) => {}
            (_, _) if place == Place::Image => {
                at.problem(format!(
                    "the variable {name} may not choose an image: only one that is declared with a default may"
                ));
                return false;
            }
            (_, Fallback::None) => {}
            _ => {
                at.problem(format!("the variable {name} always has a value: write ${{{name}}} without a default"));
                return false;
            }
        }
        if let Origin::Default(default) = &variable.origin {
            if matches!(fallback, Fallback::Empty(text) if text != default) {
                at.problem(format!("the default of {name} differs from the one that x-stoa.variables declares"));
                return false;
            }
            if *fallback == Fallback::None {
                *fallback = Fallback::Unset(default.clone());
            }
        }
        true
    }

    /// Notes the variables that nothing uses.
    pub fn note_unused(&self, variables: Option<&Cursor>) {
        for (name, at) in variables.map(Cursor::entries).unwrap_or_default() {
            if !self.used.borrow().contains(name) {
                at.key_problem(format!("nothing uses the variable {name}: remove it"));
            }
        }
    }
}
