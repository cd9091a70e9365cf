//! Hooks: what the platform asks a site's own services to do.
//!
//! A hook is a program with arguments inside a service's container. Values never become arguments:
//! they go in as one JSON object on standard input, where no shell and no process list sees them.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{RenderError, Template};
use crate::stack::ServiceName;

/// The moments at which the platform runs a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookName {
    /// Once, after the first start, before a site is handed out or put into the warm pool.
    Install,
    /// Gives a started site its owner's title, address and administrator.
    Claim,
    /// Prints `{"path": …}`: a path on the site that logs its user in, once.
    Login,
    /// Tells the application its new address.
    SetDomain,
    /// Writes a consistent dump of the database to standard output.
    Dump,
    /// Reads such a dump from standard input.
    Restore,
}

impl HookName {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Install, Self::Claim, Self::Login, Self::SetDomain, Self::Dump, Self::Restore];

    /// As blueprints write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Claim => "claim",
            Self::Login => "login",
            Self::SetDomain => "set-domain",
            Self::Dump => "dump",
            Self::Restore => "restore",
        }
    }
}

/// A program to run inside a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// In whose container.
    pub service: ServiceName,
    /// Program and arguments, as they are.
    pub command: Vec<String>,
    /// Members of the JSON object on standard input.
    pub stdin: Option<BTreeMap<String, Template>>,
    /// It is killed after so long.
    pub timeout: Duration,
    /// `user[:group]` to run as, instead of the service's.
    pub user: Option<String>,
}

impl Hook {
    /// What goes to standard input: a JSON object with the values as strings, or nothing.
    ///
    /// # Errors
    /// If a value is missing.
    pub fn stdin_json(&self, values: &BTreeMap<String, String>) -> Result<Option<String>, RenderError> {
        let Some(members) = &self.stdin else { return Ok(None) };
        let mut object = serde_json::Map::new();
        for (key, template) in members {
            let value = template.fill(values).map_err(|variable| RenderError::Missing { variable })?;
            object.insert(key.clone(), value.into());
        }
        Ok(Some(serde_json::Value::Object(object).to_string()))
    }
}
