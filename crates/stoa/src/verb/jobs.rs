//! `stoa jobs`: inspecting jobs, and resolving stuck ones.

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;
use stoa_control::Control;
use stoa_core::view::JobView;
use stoa_model::{id::JobId, job::JobState};

use stoa_util::visible;

use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

/// How often a job is looked at.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Subcommand)]
pub enum Jobs {
    /// List jobs, newest first.
    #[command(visible_aliases = ["ls", "ps"])]
    List {
        /// Only jobs in this state: queued, running, unwinding, succeeded, failed, cancelled, stuck.
        #[arg(long)]
        state: Option<JobState>,
        /// Maximum number of jobs, 1 to 100.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show a job with its steps and log.
    Show {
        /// Id of the job.
        job: JobId,
        /// Wait until it ends, and print each line of its log.
        #[arg(long, short)]
        follow: bool,
    },
    /// Cancel a job and undo what it did.
    Cancel {
        /// Id of the job.
        job: JobId,
    },
    /// Retry the step at which a job is stuck.
    Resume {
        /// Id of the job.
        job: JobId,
    },
    /// Close a stuck job without undoing anything.
    Abandon {
        /// Id of the job.
        job: JobId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

pub async fn run(verb: &Jobs, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("jobs");
    match verb {
        Jobs::List { state, limit } => {
            let jobs = control.jobs.list(&cx, *state, None, *limit).await?.items;
            return out.show(&jobs, |jobs| {
                if jobs.is_empty() {
                    return state.map_or_else(|| "No job has run yet.".into(), |state| format!("No job is {state}."));
                }
                let rows = jobs.iter().map(|j| {
                    [
                        j.id.to_string(),
                        j.kind.to_string(),
                        j.state.to_string(),
                        when(j.queued_at),
                        j.error.clone().unwrap_or_default(),
                    ]
                });
                table(["Job", "Kind", "State", "Queued", "Error"], rows)
            });
        }
        Jobs::Show { job, follow: true } => return follow(&control, *job, out).await,
        Jobs::Show { job, .. } => return out.show(&control.jobs.get(&cx, *job).await?, page),
        Jobs::Cancel { job } => control.jobs.cancel(&cx, *job).await?,
        Jobs::Resume { job } => control.jobs.resume(&cx, *job).await?,
        Jobs::Abandon { job, confirm } => {
            let title = control.jobs.get(&cx, *job).await?.title;
            confirm.ask(&format!("Close the job \"{title}\" without undoing what it did?"))?;
            control.jobs.abandon(&cx, *job).await?;
        }
    }
    out.show(&serde_json::json!({ "accepted": true }), |_| "Accepted. `stoa jobs show` shows the progress.".into())
}

/// Prints the log of a job as it grows, and the job itself once it has ended.
async fn follow(control: &Control, id: JobId, out: &Output) -> Result<()> {
    let mut printed = 0;
    loop {
        let job = control.jobs.get(&control.core.system_context("jobs"), id).await?;
        if !out.json {
            for line in job.log.iter().skip(printed) {
                out.text(&format!("{}  {}\n", line.at, visible(&line.line)))?;
            }
            printed = job.log.len().max(printed);
        }
        if job.state.is_over() || job.state == JobState::Stuck {
            let job = if out.json { job } else { JobView { log: Vec::new(), ..job } };
            return out.show(&job, page);
        }
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

/// A job as a page of text.
pub fn page(job: &JobView) -> String {
    let mut text = format!("{}  {}  {}\n", job.id, job.title, job.state);
    let rows = job.steps.iter().map(|s| {
        let time = s.duration_ms.map(|ms| format!("{ms} ms")).unwrap_or_default();
        [s.title.clone(), s.state.clone(), time, s.error.clone().or_else(|| s.detail.clone()).unwrap_or_default()]
    });
    text.push_str(&table(["Step", "State", "Time", "Detail"], rows));
    for line in &job.log {
        text.push_str(&format!("\n{}  {}", line.at, visible(&line.line)));
    }
    for note in [&job.error, &job.error_detail, &job.advice].into_iter().flatten() {
        text.push_str(&format!("\n{note}"));
    }
    text
}
