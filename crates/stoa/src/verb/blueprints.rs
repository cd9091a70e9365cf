//! `stoa blueprints`: for authors of blueprints; needs neither database nor engine.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use stoa_control::blueprints::load_one;

use crate::output::Output;

#[derive(Subcommand)]
pub enum Blueprints {
    /// Check a blueprint's folder and print the stack that it produces, as Compose.
    Check {
        /// The folder with `compose.yaml`.
        folder: PathBuf,
    },
}

pub fn run(verb: &Blueprints, out: &Output) -> Result<ExitCode> {
    let Blueprints::Check { folder } = verb;
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let loaded = load_one(&folder)?;
    out.text(&loaded.blueprint.check_report()?)?;
    Ok(ExitCode::SUCCESS)
}
