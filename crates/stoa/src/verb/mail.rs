//! `stoa mail`: what became of e-mails, and trying out how e-mail leaves.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use stoa_control::Control;
use stoa_core::{RequestContext, mail_log::MailFilter};
use stoa_model::{
    mail::{MailEntry, MailState},
    text::EmailAddress,
};

use super::first_items;
use crate::{
    bootstrap,
    config::Config,
    output::{Output, table, when},
};

const NONE_YET: &str = "No e-mail was sent yet. Try it out: stoa mail test ADDRESS";

#[derive(Subcommand)]
pub enum Mail {
    /// List the e-mails of the last 90 days, newest first.
    #[command(visible_alias = "ls")]
    List {
        /// Only e-mails in this state: queued, sent, deferred, failed, suppressed.
        #[arg(long)]
        state: Option<MailState>,
        /// Only those with this text in their receiver or subject.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Maximum number of e-mails.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Send a test e-mail and print each step, or the server's refusal. Exits with 1 if it was not sent.
    Test {
        /// Its recipient.
        address: String,
    },
}

pub async fn run(verb: &Mail, config: &Config, out: &Output) -> Result<ExitCode> {
    match verb {
        Mail::List { state, search, limit } => {
            let control = bootstrap::control(config).await?;
            let filter = MailFilter { state: *state, text: search.clone() };
            list(&control, &control.core.system_context("mail"), filter, *limit, out).await
        }
        Mail::Test { address } => test(address, config, out).await,
    }
}

async fn list(
    control: &Control,
    cx: &RequestContext,
    filter: MailFilter,
    limit: usize,
    out: &Output,
) -> Result<ExitCode> {
    let find = async |page| Ok(control.mail_log.search(cx, filter.clone(), page).await?.0);
    let found = first_items(find, Some(limit)).await?;
    let entries: Vec<_> = found.iter().map(as_json).collect();
    out.show(&entries, |_| {
        if found.is_empty() {
            return if filter == MailFilter::default() { NONE_YET } else { "There is no such e-mail." }.into();
        }
        let row = |mail: &MailEntry| {
            // The answer of a server that took it says nothing to people.
            let problem = mail.answer.clone().filter(|_| mail.state != MailState::Sent).unwrap_or_default();
            [mail.state.to_string(), when(mail.updated_at), mail.to.to_string(), mail.subject.clone(), problem]
        };
        table(["State", "When", "To", "Subject", "Problem"], found.iter().map(row))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(mail: &MailEntry) -> serde_json::Value {
    let MailEntry { id, to, kind, subject, state, attempts, answer, created_at, updated_at, .. } = mail;
    json!({
        "id": id.to_string(), "state": state.as_str(), "kind": kind.as_str(), "to": to.as_str(), "subject": subject,
        "attempts": attempts, "answer": answer, "created_at": created_at, "updated_at": updated_at,
    })
}

async fn test(address: &str, config: &Config, out: &Output) -> Result<ExitCode> {
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
