//! `stoa audit`: list the audit log, check its chain, export it.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use stoa_control::Control;
use stoa_core::{
    audit::AuditFilter,
    audit_chain::{AuditCheck, AuditProblem, AuditScope},
    view::AuditView,
};

use crate::{
    bootstrap,
    config::Config,
    output::{Output, table, when},
};

#[derive(Subcommand)]
pub enum Audit {
    /// Show who did what, newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// Maximum number of lines, 1 to 1000.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Check that no entry was changed, removed, inserted or moved. Exits with 1 if one was.
    Verify {
        /// Check instead that this file of the archive (`archive/` in the data directory) is as it was written.
        #[arg(long, value_name = "FILE")]
        archive: Option<PathBuf>,
    },
    /// Print all entries as JSON lines, oldest first.
    Export {
        #[command(flatten)]
        filter: Filter,
    },
}

#[derive(Args)]
pub struct Filter {
    /// Only what this actor did: an ID, `system` or `nobody`.
    #[arg(long)]
    actor: Option<String>,
    /// Only actions with this text, such as `session` or `site.delete`.
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this thing, by its ID.
    #[arg(long)]
    target: Option<String>,
    /// Only since this time: `2026-12-01`, `2026-12-01T08:30:00Z`, or an age such as `90m`, `12h` or `7d`.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
}

impl Filter {
    fn to_filter(&self) -> AuditFilter {
        let Self { actor, action, target, since } = self;
        let (actor, action, target) = (actor.clone(), action.clone(), target.clone());
        AuditFilter { actor, action, target, from: *since, ..AuditFilter::default() }
    }
}

/// A time, a day (UTC), or how long ago.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<Date>() {
        return day.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).map_err(|error| error.to_string());
    }
    let unit = |unit, seconds: i64| {
        text.strip_suffix(unit).and_then(|n| n.parse::<u32>().ok()).map(|n| i64::from(n) * seconds)
    };
    let age = unit("m", 60).or_else(|| unit("h", 3_600)).or_else(|| unit("d", 86_400));
    let since = age.and_then(|age| Timestamp::now().checked_sub(SignedDuration::from_secs(age)).ok());
    since.ok_or_else(|| "enter a time such as 2026-12-01, 2026-12-01T08:30:00Z, 12h or 7d".to_owned())
}

pub async fn run(verb: &Audit, config: &Config, out: &Output) -> Result<ExitCode> {
    let control = bootstrap::control(config).await?;
    match verb {
        Audit::List { filter, limit } => list(&control, &filter.to_filter(), *limit, out).await?,
        Audit::Verify { archive: None } => return verify(&control, out).await,
        Audit::Verify { archive: Some(file) } => {
            let entries = control.core.verify_audit_archive(&control.core.system_context("audit"), file).await?;
            let text = format!("{} has the {entries} entries that were archived.", file.display());
            out.show(&serde_json::json!({ "entries": entries }), |_| text)?;
        }
        Audit::Export { filter } => export(&control, &filter.to_filter(), out).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(control: &Control, filter: &AuditFilter, limit: u32, out: &Output) -> Result<()> {
    let cx = control.core.system_context("audit");
    let lines = control.core.list_audit_events(&cx, filter, limit).await?;
    out.show(&lines, |lines| {
        table(["Entry", "Time", "Actor", "Action", "Target", "Outcome", "Detail"], lines.iter().map(row))
    })
}

fn row(line: &AuditView) -> [String; 7] {
    let more = match &line.detail {
        serde_json::Value::Object(members) if members.is_empty() => String::new(),
        serde_json::Value::Object(members) => {
            let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let parts: Vec<_> = members.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
            parts.join(", ")
        }
        other => other.to_string(),
    };
    [
        line.seq.to_string(),
        when(line.at),
        line.actor.clone(),
        line.action.clone(),
        line.target.clone(),
        line.outcome.clone(),
        more,
    ]
}

async fn verify(control: &Control, out: &Output) -> Result<ExitCode> {
    let check = control.core.verify_audit(&control.core.system_context("audit"), AuditScope::All).await?;
    out.show(&check, summary)?;
    Ok(if check.report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(check: &AuditCheck) -> String {
    let report = &check.report;
    let waiting = match report.unsealed {
        0 => String::new(),
        1 => " 1 more is not sealed yet; the server does that within seconds.".to_owned(),
        n => format!(" {n} more are not sealed yet; the server does that within seconds."),
    };
    let range = match report.entries {
        1 => format!("1 entry, at position {}", report.last),
        n => format!("{n} entries, positions {} to {}", report.after + 1, report.last),
    };
    if report.problems.is_empty() {
        let range = if report.entries == 0 { "No sealed entries".to_owned() } else { range };
        return format!("{range}: everything is as it was written.{waiting}");
    }
    let problem = |problem: &AuditProblem| {
        let entry = problem.entry.map(|entry| entry.to_string()).unwrap_or_default();
        let at = problem.at.map(|at| format!("{at:.0}")).unwrap_or_default();
        [entry, at, problem.what.clone()]
    };
    let problems = table(["Entry", "Time", "Problem"], report.problems.iter().map(problem));
    let more =
        if report.more_problems > 0 { format!("\nand {} more problems", report.more_problems) } else { String::new() };
    format!(
        "{range}: the audit log was tampered with, or the database restored from a backup.{waiting}\n\n{problems}{more}"
    )
}

async fn export(control: &Control, filter: &AuditFilter, out: &Output) -> Result<()> {
    let cx = control.core.system_context("audit");
    control.core.note_audit_export(&cx, filter).await?;
    let mut after = 0;
    loop {
        let entries = control.core.audit_after(&cx, filter, after).await?;
        let Some(last) = entries.last() else { return Ok(()) };
        if last.seq <= after {
            bail!("the audit log can't be read past entry {after}");
        }
        after = last.seq;
        let lines: Vec<String> = entries.iter().map(|entry| serde_json::json!(entry).to_string() + "\n").collect();
        out.raw(&lines.concat())?;
    }
}

#[cfg(test)]
mod tests {
    use super::since;

    #[test]
    fn times_are_days_instants_or_ages() {
        assert_eq!(since("2026-12-01").unwrap().to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(since("2026-12-01T08:30:00Z").unwrap().to_string(), "2026-12-01T08:30:00Z");
        assert!(since("7d").unwrap() < since("12h").unwrap() && since("12h").unwrap() < since("90m").unwrap());
        for text in ["", "d", "yesterday", "-1d", "2026-13-01"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
