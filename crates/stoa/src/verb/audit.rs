//! `stoa audit`: the audit log.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use stoa_core::view::AuditView;

use crate::{
    bootstrap,
    config::Config,
    output::{Output, table},
};

#[derive(Args)]
pub struct Audit {
    /// Maximum number of lines, 1 to 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,

    /// Check instead that this file of the archive (`archive/` in the data directory) is as it was written.
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
}

pub async fn run(verb: &Audit, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("audit");
    if let Some(file) = &verb.verify {
        let entries = control.core.verify_audit_archive(&cx, file).await?;
        let text = format!("{} has the {entries} entries that were archived.", file.display());
        return out.show(&serde_json::json!({ "entries": entries }), |_| text);
    }
    let lines = control.core.list_audit_events(&cx, verb.limit).await?;
    out.show(&lines, |lines| table(["Time", "Actor", "Action", "Target", "Outcome", "Detail"], lines.iter().map(row)))
}

fn row(line: &AuditView) -> [String; 6] {
    let more = match &line.detail {
        serde_json::Value::Object(members) if members.is_empty() => String::new(),
        other => other.to_string(),
    };
    let when = format!("{:.0}", line.at);
    [when, line.actor.clone(), line.action.clone(), line.target.clone(), line.outcome.clone(), more]
}
