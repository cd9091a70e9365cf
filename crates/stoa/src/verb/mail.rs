//! `stoa mail`: tries out how e-mail leaves.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use stoa_model::text::EmailAddress;

use crate::{bootstrap, config::Config, output::Output};

#[derive(Subcommand)]
pub enum Mail {
    /// Send a test e-mail and print each step, or the server's refusal. Exits with 1 if it was not sent.
    Test {
        /// Its recipient.
        address: String,
    },
}

pub async fn run(verb: &Mail, config: &Config, out: &Output) -> Result<ExitCode> {
    let Mail::Test { address } = verb;
    let to = EmailAddress::parse(address)?;
    let control = bootstrap::control(config).await?;
    let test = control.test_mail(&control.core.system_context("mail"), to).await?;
    out.show(&test, |test| {
        let outcome = if test.sent { "Sent" } else { "NOT SENT" };
        let steps = test.steps.iter().map(|step| format!("ok  {step}\n"));
        format!("{}{outcome}: {}", steps.collect::<String>(), test.result)
    })?;
    Ok(if test.sent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
