//! `stoa config`: every setting with its default.

use anyhow::Result;
use serde_json::json;

use crate::{
    config::{self, SECTIONS},
    output::Output,
};

/// Prints the settings as a configuration file, or as a list in JSON.
pub fn run(out: &Output) -> Result<()> {
    let settings: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.settings)
        .map(|setting| {
            json!({
                "key": setting.key(),
                "variable": setting.variable(),
                "default": setting.default_value(),
                "secret": setting.is_secret,
                "file_key": setting.file_key(),
                "file_variable": setting.file_variable(),
                "doc": setting.doc.trim().replace("\n ", "\n"),
            })
        })
        .collect();
    out.show(&settings, |_| config::describe().trim_end().to_owned())
}
