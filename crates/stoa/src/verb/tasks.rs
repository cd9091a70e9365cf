//! `stoa tasks`: the tasks that were given up, such as e-mails that could not be sent.

use anyhow::Result;
use clap::Subcommand;
use stoa_model::id::TaskId;

use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

#[derive(Subcommand)]
pub enum Tasks {
    /// List the tasks that were given up, newest first.
    #[command(visible_alias = "ls")]
    List {
        /// Maximum number of tasks, 1 to 100.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Try a task again, with all its retries.
    Retry {
        /// Id of the task.
        task: TaskId,
    },
    /// Discard a task: its effect will never happen.
    Discard {
        /// Id of the task.
        task: TaskId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

pub async fn run(verb: &Tasks, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("tasks");
    match verb {
        Tasks::List { limit } => {
            let tasks = control.tasks.list_failed(&cx, None, *limit).await?.items;
            out.show(&tasks, |tasks| {
                if tasks.is_empty() {
                    return "No task has failed.".into();
                }
                let rows = tasks.iter().map(|task| {
                    let queued = when(task.created_at);
                    [task.id.to_string(), task.title.clone(), task.attempts.to_string(), queued, task.error.clone()]
                });
                table(["Task", "What", "Attempts", "Queued", "Error"], rows)
            })
        }
        Tasks::Retry { task } => {
            control.tasks.retry(&cx, *task).await?;
            out.show(&serde_json::json!({ "queued": true }), |_| "Queued. The server tries it within seconds.".into())
        }
        Tasks::Discard { task, confirm } => {
            confirm.ask("Discard this task? What it was for, such as a letter, will never happen.")?;
            control.tasks.discard(&cx, *task).await?;
            out.show(&serde_json::json!({ "discarded": true }), |_| "Discarded.".into())
        }
    }
}
