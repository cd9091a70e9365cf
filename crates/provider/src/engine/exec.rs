//! Programs inside services: as streams, and collected for small ones.

use std::{fmt, future, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use stoa_model::{
    secret::{ExposeSecret, SecretString},
    stack::{ProjectName, ServiceName},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time,
};

use super::{Engine, EngineError, EngineStream};

/// [`run_program`] keeps this much of each output and drops the rest.
const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// A program to start inside a service: an argument list, never a shell line.
#[derive(Debug, Clone)]
pub struct Exec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Whether the program gets an input. Without one it reads an empty input at once.
    pub stdin: bool,
    /// User inside the container, instead of the service's.
    pub user: Option<String>,
}

/// A program that runs inside a service.
pub struct ExecSession {
    /// The program's standard input; shutting it down is the end of the input. Read the output while
    /// you write: a program whose output nobody reads stops reading its input.
    pub stdin: Pin<Box<dyn AsyncWrite + Send>>,
    /// The program's output. The last item is [`ExecEvent::Exit`] or an error.
    pub output: EngineStream<ExecEvent>,
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession").finish_non_exhaustive()
    }
}

/// What a running program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEvent {
    /// It wrote to its standard output.
    Stdout(Bytes),
    /// It wrote to its standard error.
    Stderr(Bytes),
    /// It ended with this code; 126 or 127, as in a shell, if it could not be started.
    Exit(i64),
}

/// A small program to run to its end.
#[derive(Debug, Clone)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Written to its standard input, then closed.
    pub stdin: Option<SecretString>,
    /// User inside the container, instead of the service's.
    pub user: Option<String>,
    /// How long to wait. The program may go on running after that.
    pub deadline: Duration,
}

/// How a program ended. Each output is cut after 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit code.
    pub code: i64,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

/// Runs a program inside a running service and waits for its end.
///
/// # Errors
/// `Timeout` after the program's deadline, and those of [`Engine::exec`].
pub async fn run_program(
    engine: &dyn Engine,
    project: &ProjectName,
    service: &ServiceName,
    program: Program,
) -> Result<ExecOutput, EngineError> {
    // Only the program is named: its arguments may be secret.
    let doing =
        format!("running {} in {service} of project {project}", program.argv.first().map_or("nothing", String::as_str));
    let deadline = program.deadline;
    match time::timeout(deadline, run(engine, project, service, program, &doing)).await {
        Ok(output) => output,
        Err(_) => Err(EngineError::Timeout { doing, seconds: deadline.as_secs_f64().ceil() as u64 }),
    }
}

async fn run(
    engine: &dyn Engine,
    project: &ProjectName,
    service: &ServiceName,
    program: Program,
    doing: &str,
) -> Result<ExecOutput, EngineError> {
    let exec = Exec { argv: program.argv, stdin: program.stdin.is_some(), user: program.user };
    let ExecSession { mut stdin, output } = engine.exec(project, service, exec).await?;
    let feed = async {
        if let Some(text) = &program.stdin {
            // A program may end without reading its input.
            let _ = stdin.write_all(text.expose_secret().as_bytes()).await;
        }
        let _ = stdin.shutdown().await;
        future::pending::<()>().await;
    };
    tokio::select! {
        collected = collect(output, doing) => collected,
        () = feed => unreachable!("feeding never ends"),
    }
}

async fn collect(mut output: EngineStream<ExecEvent>, doing: &str) -> Result<ExecOutput, EngineError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(event) = output.next().await {
        let (kept, chunk) = match event? {
            ExecEvent::Stdout(chunk) => (&mut stdout, chunk),
            ExecEvent::Stderr(chunk) => (&mut stderr, chunk),
            ExecEvent::Exit(code) => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                return Ok(ExecOutput { code, stdout: text(stdout), stderr: text(stderr) });
            }
        };
        let room = MAX_OUTPUT_BYTES - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Err(EngineError::Unavailable { doing: doing.to_owned(), reason: "its output ended without an exit code".into() })
}
