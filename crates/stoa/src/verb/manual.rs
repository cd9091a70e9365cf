//! `stoa completions` and `stoa man`: the command line described for shells and for `man`.

use std::{fs, io, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use clap_complete::Shell;

use crate::{help, output::Output};

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "stoa", &mut script);
    match io::Write::write_all(&mut io::stdout(), &script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes the manual pages.
pub fn pages(folder: &Path, out: &Output) -> Result<ExitCode> {
    let written = || format!("writing manual pages into {}", folder.display());
    fs::create_dir_all(folder).with_context(written)?;
    clap_mangen::generate_to(help::command(), folder).with_context(written)?;
    let text = format!("The pages are in {}. Read the first with: man {}/stoa.1", folder.display(), folder.display());
    out.show(&serde_json::json!({ "folder": folder }), |_| text)?;
    Ok(ExitCode::SUCCESS)
}
