//! Runs nginx, and understands its complaints.

use std::{ffi::OsString, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use stoa_model::id::CertificateId;
use tokio::{process::Command, time::timeout};

use super::file_name::{self, FileName};

/// More of what nginx says than this is not repeated, in bytes.
const MAX_OUTPUT_CHARS: usize = 2000;

/// Why a program did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It ran and failed, with these words.
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
    let said = relevant_output(&String::from_utf8_lossy(&[output.stderr, output.stdout].concat()));
    Err(ProgramError::Failed(if said.is_empty() {
        format!("{name} failed without a word ({})", output.status)
    } else {
        said
    }))
}

/// What matters of a complaint, and no more than can be read: the warnings come first, and one for
/// each site would leave no room for what is wrong.
fn relevant_output(said: &str) -> String {
    let wrong: Vec<&str> = said.lines().filter(|line| !line.contains("[warn]")).collect();
    let text = if wrong.is_empty() { said.trim().to_owned() } else { wrong.join("\n").trim().to_owned() };
    text.chars().take(MAX_OUTPUT_CHARS).collect()
}

/// Tells the process whose id is in a file to take its configuration over; whether that was done.
/// Only a process that is called nginx is told: the file may be older than the machine's last start.
pub(crate) fn signal_reload(pid_file: &Path) -> bool {
    let id = std::fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let Some(id) = id.filter(|id| *id > 1) else { return false };
    let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    let pid = Pid::from_raw(id).filter(|_| name.trim() == "nginx");
    pid.is_some_and(|pid| kill_process(pid, Signal::HUP).is_ok())
}

/// What a complaint of nginx is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// A file of ours.
    File(FileName),
    /// A certificate of ours.
    Certificate(CertificateId),
    /// A file that is not ours, as nginx names it, with the line.
    Foreign(String),
    /// Nothing that it names.
    Unknown,
}

/// Reads a complaint like `nginx: [emerg] unknown directive "x" in /etc/nginx/sites-enabled/y:3`.
pub(crate) fn about(complaint: &str) -> About {
    let worst = complaint.lines().rfind(|line| line.contains("[emerg]")).unwrap_or(complaint);
    if let Some(id) = certificate(worst) {
        return About::Certificate(id);
    }
    let Some((_, place)) = worst.rsplit_once(" in /") else { return About::Unknown };
    let Some((path, line)) = place.rsplit_once(':') else { return About::Unknown };
    if line.trim().parse::<u32>().is_err() {
        return About::Unknown;
    }
    FileName::of(Path::new(path)).map_or_else(|| About::Foreign(format!("/{}", place.trim())), About::File)
}

/// The certificate whose file stands between quotes.
fn certificate(line: &str) -> Option<CertificateId> {
    line.split('"').find_map(|quoted| file_name::certificate(Path::new(quoted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_understood() {
        let site = FileName::Site(stoa_model::id::SiteId::from_uuid(uuid::Uuid::from_u128(7)));
        let crt = CertificateId::from_uuid(uuid::Uuid::from_u128(8));
        for (said, expected) in [
            (format!("nginx: [emerg] unknown directive \"x\" in /etc/nginx/sites-enabled/{site}:3"), About::File(site)),
            (
                "nginx: [warn] a in /b:1\nnginx: [emerg] unexpected \"}\" in /etc/nginx/sites-enabled/a.conf:12\nnginx: configuration file /etc/nginx/nginx.conf test failed".into(),
                About::Foreign("/etc/nginx/sites-enabled/a.conf:12".into()),
            ),
            (
                format!("nginx: [emerg] cannot load certificate \"/var/lib/stoa/{crt}.crt\": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)"),
                About::Certificate(crt),
            ),
            (
                format!("nginx: [emerg] SSL_CTX_use_PrivateKey(\"/var/lib/stoa/{crt}.key\") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)"),
                About::Certificate(crt),
            ),
            ("nginx: [emerg] could not build server_names_hash".into(), About::Unknown),
            ("sudo: a password is required".into(), About::Unknown),
        ] {
            assert_eq!(about(&said), expected, "{said}");
        }
    }

    #[test]
    fn only_nginx_is_told() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for text in ["", "nonsense", "1", "-1", "0", "999999999", &std::process::id().to_string()] {
            std::fs::write(&file, text).expect("written");
            assert!(!signal_reload(file.path()), "{text:?} was told");
        }
        assert!(!signal_reload(Path::new("/no/such/file")));
    }

    #[tokio::test]
    async fn programs_fail_with_what_they_say() {
        let run = async |words: &[&str], millis| {
            let list: Vec<OsString> = words.iter().map(OsString::from).collect();
            run(&list, Duration::from_millis(millis)).await
        };
        assert_eq!(run(&["true"], 10_000).await, Ok(()));
        for (words, expected) in [(&["false"][..], "without a word"), (&["ls", "/no/such/place"], "/no/such/place")] {
            let Err(ProgramError::Failed(text)) = run(words, 10_000).await else { panic!("{words:?} did not fail") };
            assert!(text.contains(expected), "{text}");
        }
        for (words, expected) in [(&["/no/such/program"][..], "is it installed"), (&["sleep", "10"], "takes longer")] {
            let Err(ProgramError::NotRun(text)) = run(words, 100).await else { panic!("{words:?} ran") };
            assert!(text.contains(expected), "{text}");
        }
    }
}
