//! The doctor's checks for this crate, and the constructors of findings that every area's checks use.

use std::io;

use jiff::SignedDuration;
use stoa_db::{core::processes, jobs, tasks};
use stoa_model::job::JobState;
use stoa_util::file_owner::{effective_user, foreign_files, user_name};

use crate::{
    Core,
    view::{Finding, Verdict},
};

/// A server writes down how its reconcilers fare once a minute.
const STATUS_AGE: SignedDuration = SignedDuration::from_mins(5);
/// Files of other users that are looked for.
const MAX_FOREIGN_FILES: usize = 20;
/// Things of a kind that a finding names.
const MAX_SHOWN: usize = 3;

/// A finding without a problem.
pub fn good(check: &str, found: impl Into<String>) -> Finding {
    Finding { check: check.into(), verdict: Verdict::Good, found: found.into(), remedy: None }
}

/// A finding that needs repair.
pub fn wrong(check: &str, verdict: Verdict, found: impl Into<String>, remedy: &str) -> Finding {
    Finding { check: check.into(), verdict, found: found.into(), remedy: Some(remedy.into()) }
}

/// The first of many things that a finding names, and how many more there are.
pub fn first_few(all: &[String]) -> String {
    let shown = all.iter().take(MAX_SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match all.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

impl Core {
    /// Checks that the database is reachable and has the newest schema.
    pub async fn check_database(&self) -> Finding {
        if let Err(error) = self.db.ping().await {
            return wrong(
                "database",
                Verdict::Bad,
                error.to_string(),
                "Start the database, or correct `database` in the configuration.",
            );
        }
        match self.db.pending_migrations().await {
            Ok(pending) if pending.is_empty() => good("database", format!("{}, up to date", self.db.backend().label())),
            Ok(pending) => wrong(
                "database",
                Verdict::Bad,
                format!("{} migrations are missing", pending.len()),
                "Stop the server, copy the database and run `stoa migrate`.",
            ),
            Err(error) => {
                let remedy = "If it belongs to a newer release, run that one, or restore the copy from before the upgrade; \
                              else see that the database runs.";
                wrong("database", Verdict::Bad, error.to_string(), remedy)
            }
        }
    }

    /// Reports which master key is in use.
    pub fn check_key(&self) -> Finding {
        good("master key", format!("key {}; keep a copy of its file apart from the database's backup", self.key.id()))
    }

    /// Checks that all files of the data directory belong to the user that this process runs as.
    pub async fn check_files(&self) -> Finding {
        let (check, folder) = ("files", self.settings.data_dir.clone());
        let directory = folder.clone();
        let look = move || {
            let user = effective_user()?;
            Ok((user, foreign_files(&directory, user, MAX_FOREIGN_FILES)?))
        };
        // It can take a second: other work must not wait for it.
        let foreign = tokio::task::spawn_blocking(look).await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        let (user, foreign) = match foreign {
            Ok(found) => found,
            Err(error) => {
                let remedy = "Run this as the user that Stoa runs as, and see that this user owns the data directory.";
                return wrong(check, Verdict::Bad, error.to_string(), remedy);
            }
        };
        let user = user_name(user);
        if foreign.is_empty() {
            return good(check, format!("everything in {} belongs to {user}", folder.display()));
        }
        let names: Vec<_> = foreign.iter().map(|path| path.display().to_string()).collect();
        let found = format!("{} belong to other users than {user}; jobs that touch them fail", first_few(&names));
        let remedy = format!("Type as root: chown -R {user}: {}", folder.display());
        wrong(check, Verdict::Bad, found, &remedy)
    }

    /// Checks for stuck jobs.
    pub async fn check_jobs(&self) -> Finding {
        let counts = match jobs::job_counts(&self.db).await {
            Ok(counts) => counts,
            Err(error) => return wrong("jobs", Verdict::Bad, error.to_string(), "See that the database runs."),
        };
        let count = |state| counts.iter().find(|(s, _)| *s == state).map_or(0, |(_, n)| *n);
        let stuck = count(JobState::Stuck);
        let found = format!(
            "{} waiting, {} running, {stuck} stuck",
            count(JobState::Queued),
            count(JobState::Running) + count(JobState::Unwinding)
        );
        if stuck == 0 {
            return good("jobs", found);
        }
        wrong(
            "jobs",
            Verdict::Bad,
            found,
            "Look at them with `stoa jobs list --state stuck`, then `stoa jobs resume` or `abandon`.",
        )
    }

    /// Checks that the reconcilers of all processes succeed.
    pub async fn check_reconcilers(&self) -> Finding {
        let check = "reconcilers";
        let statuses = match processes::reconciler_statuses(&self.db).await {
            Ok(statuses) => statuses,
            Err(error) => return wrong(check, Verdict::Bad, error.to_string(), "See that the database runs."),
        };
        let Some(newest) = statuses.iter().map(|status| status.updated_at).max() else {
            return good(check, "none has run yet");
        };
        // A process that has ended says nothing more.
        let current = statuses.iter().filter(|status| newest.duration_since(status.updated_at) < STATUS_AGE);
        let failing: Vec<String> = current
            .clone()
            .filter_map(|status| {
                let (since, error) = (status.failing_since?, status.error.as_deref().unwrap_or("no reason is known"));
                Some(format!("{} fails since {since}: {error}", status.name))
            })
            .collect();
        if !failing.is_empty() {
            let remedy = "Fix the cause; each is retried automatically. The server's log has every failure.";
            return wrong(check, Verdict::Bad, first_few(&failing), remedy);
        }
        if self.clock.now().duration_since(newest) > STATUS_AGE {
            let found = format!("none has run since {newest}");
            return wrong(check, Verdict::Warning, found, "Start `stoa serve`; without it nothing is kept up.");
        }
        good(check, format!("{} run and succeed", current.count()))
    }

    /// Checks for tasks that were given up.
    pub async fn check_tasks(&self) -> Finding {
        match tasks::task_counts(&self.db).await {
            Ok(counts) if counts.failed == 0 => good("tasks", format!("{} waiting", counts.waiting)),
            Ok(counts) => wrong(
                "tasks",
                Verdict::Warning,
                format!("{} were given up, such as e-mails that could not be sent", counts.failed),
                "Look at them with `stoa tasks list`, then `stoa tasks retry` or `discard`.",
            ),
            Err(error) => wrong("tasks", Verdict::Bad, error.to_string(), "See that the database runs."),
        }
    }
}
