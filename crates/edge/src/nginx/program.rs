//! Runs nginx, and signals it.

use std::{ffi::OsString, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Command, time::timeout};

/// More of a program's output is not repeated.
const MAX_OUTPUT_CHARS: usize = 2000;

/// Why a program did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It ran and failed, with this output.
    #[error("{0}")]
    Failed(String),
    /// It could not be run, or did not end.
    #[error("{0}")]
    NotRun(String),
}

/// Runs a program to its end.
pub(crate) async fn run(command: &[OsString], deadline: Duration) -> Result<(), ProgramError> {
    let not_run = |text: String| ProgramError::NotRun(text);
    let Some((program, arguments)) = command.split_first() else { return Err(not_run("no program is set".into())) };
    let name = program.to_string_lossy();
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(deadline, child.output()).await;
    let output = output.map_err(|_| not_run(format!("{name} takes longer than {} s", deadline.as_secs())))?;
    let output = output.map_err(|error| not_run(format!("running {name}: {error}; is it installed?")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = relevant_output(&String::from_utf8_lossy(&[output.stderr, output.stdout].concat()));
    Err(ProgramError::Failed(if text.is_empty() {
        format!("{name} failed without output ({})", output.status)
    } else {
        text
    }))
}

/// The errors of an output, shortened. Warnings come first, and one for each site would leave no room for
/// what is wrong.
fn relevant_output(output: &str) -> String {
    let errors: Vec<&str> = output.lines().filter(|line| !line.contains("[warn]")).collect();
    let text = if errors.is_empty() { output.trim().to_owned() } else { errors.join("\n").trim().to_owned() };
    text.chars().take(MAX_OUTPUT_CHARS).collect()
}

/// Sends the reload signal to the process whose id is in a file, and returns whether that worked. The
/// process must be called nginx, as the file may be older than the last boot.
pub(crate) fn signal_reload(pid_file: &Path) -> bool {
    let id = std::fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let Some(id) = id.filter(|id| *id > 1) else { return false };
    let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    let pid = Pid::from_raw(id).filter(|_| name.trim() == "nginx");
    pid.is_some_and(|pid| kill_process(pid, Signal::HUP).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nginx_is_signaled() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for text in ["", "nonsense", "1", "-1", "0", "999999999", &std::process::id().to_string()] {
            std::fs::write(&file, text).expect("written");
            assert!(!signal_reload(file.path()), "{text:?} was signaled");
        }
        assert!(!signal_reload(Path::new("/no/such/file")));
    }

    #[tokio::test]
    async fn programs_fail_with_their_output() {
        let run = async |words: &[&str], millis| {
            let list: Vec<OsString> = words.iter().map(OsString::from).collect();
            run(&list, Duration::from_millis(millis)).await
        };
        assert_eq!(run(&["true"], 10_000).await, Ok(()));
        for (words, expected) in [(&["false"][..], "without output"), (&["ls", "/no/such/place"], "/no/such/place")] {
            let Err(ProgramError::Failed(text)) = run(words, 10_000).await else { panic!("{words:?} did not fail") };
            assert!(text.contains(expected), "{text}");
        }
        for (words, expected) in [(&["/no/such/program"][..], "is it installed"), (&["sleep", "10"], "takes longer")] {
            let Err(ProgramError::NotRun(text)) = run(words, 100).await else { panic!("{words:?} ran") };
            assert!(text.contains(expected), "{text}");
        }
    }
}
