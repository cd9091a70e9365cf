//! `stoa init`: creates what a new installation needs before its first start.

use std::io::IsTerminal;

use anyhow::{Context, Result, bail};
use clap::Args;
use stoa_model::{account::Role, secret::SecretString};

use crate::{bootstrap, config::Config, output::Output};

#[derive(Args)]
pub struct Init {
    /// E-mail address of the first operator (super_admin).
    #[arg(long)]
    pub email: String,
    /// File that contains the operator's password; `-` reads standard input.
    #[arg(long, default_value = "-")]
    pub password_file: String,
}

pub async fn run(verb: &Init, config: &Config, out: &Output) -> Result<()> {
    config.settings()?;
    let control = bootstrap::control_initialized(config).await?;
    let cx = control.core.system_context("init");
    if let Some(first) = control.accounts.list_staff(&cx).await?.first() {
        bail!(
            "this installation has staff already: {}. `stoa staff add EMAIL` adds somebody, `stoa staff password EMAIL` \
             sets a new password",
            first.email
        );
    }
    let password = read_password(&verb.password_file)?;
    let id = control.accounts.create_staff(&cx, &verb.email, Role::SuperAdmin, None, password).await?;
    out.show(&serde_json::json!({ "operator": id, "email": verb.email }), |_| {
        format!(
            "Ready. Operator {} can log in at {}/staff/login after `stoa serve`.",
            verb.email,
            control.core.portal_url()
        )
    })
}

/// Reads a password from a file or standard input; never from an argument, which process lists show.
pub fn read_password(file: &str) -> Result<SecretString> {
    if file == "-" && std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password("Password: ").context("reading the password")?.into());
    }
    let text = if file == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    let source = if file == "-" { "standard input" } else { file };
    let text = text.with_context(|| format!("reading the password from {source}"))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}
