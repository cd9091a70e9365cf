//! Running a program inside a service.
//!
//! Docker can start such a program but has no call to end it: after the deadline the caller gets
//! its answer, while the program runs on until it ends by itself or its container stops. A program
//! that may hang should limit itself.
//!
//! A program that can't be started is no error of the engine: its code is 126 or 127 and the reason
//! is in `stderr`, as a shell has it.

use std::time::Duration;

use bollard::{
    container::LogOutput,
    errors::Error,
    exec::StartExecResults,
    models::{ExecConfig, ExecInspectResponse},
};
use futures_util::{Stream, StreamExt};
use stoa_model::{
    secret::ExposeSecret,
    stack::{ProjectName, ServiceName},
};
use stoa_provider::engine::{EngineError, Exec, ExecOutput, RunState};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time,
};

use crate::{client::Docker, error::Act, labels};

/// So much is kept of each output; the rest is read and dropped, so that the program isn't blocked.
const KEPT: usize = 64 << 10;

impl Docker {
    pub(crate) async fn exec_in(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        exec: Exec,
    ) -> Result<ExecOutput, EngineError> {
        // Only the program is named: its arguments may be secret.
        let program = exec.argv.first().map_or("nothing", String::as_str);
        let act = Act::new("running", format!("{program} in {service} of project {project}"));
        let deadline = exec.deadline;
        time::timeout(deadline, self.run(&act, project, service, exec)).await.map_err(|_| act.timed_out(deadline))?
    }

    async fn run(
        &self,
        act: &Act,
        project: &ProjectName,
        service: &ServiceName,
        exec: Exec,
    ) -> Result<ExecOutput, EngineError> {
        let container = self.running(act, project, service).await?;
        let body = ExecConfig {
            attach_stdin: Some(exec.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(exec.argv),
            user: exec.user,
            ..Default::default()
        };
        let id = self.call(act, |api| api.create_exec(&container, body)).await?.id;
        let started = self.api(act)?.start_exec(&id, None).await.map_err(|error| act.failed(error))?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(act.refused("Docker did not attach to the program"));
        };
        let text = exec.stdin.as_ref().map(|secret| secret.expose_secret().as_bytes());
        let ((), kept) = tokio::join!(feed(input, text), collect(output));
        let (stdout, stderr) = kept.map_err(|error| act.failed(error))?;
        Ok(ExecOutput { code: self.exit_code(act, &id).await?, stdout, stderr })
    }

    async fn running(&self, act: &Act, project: &ProjectName, service: &ServiceName) -> Result<String, EngineError> {
        let filter = labels::filter(self.installation(), Some(project), Some(service), None);
        let found = self.containers(filter, &format!("project {project}")).await?.into_iter().next();
        match found {
            None => Err(EngineError::NotFound { what: format!("the service {service} of project {project}") }),
            Some(container) if container.state == RunState::Running => Ok(container.id),
            Some(_) => Err(act.refused("the service is not running: start it first")),
        }
    }

    /// The output may end a moment before Docker has noted the program's end.
    async fn exit_code(&self, act: &Act, id: &str) -> Result<i64, EngineError> {
        let mut pause = Duration::from_millis(1);
        loop {
            match self.call(act, |api| api.inspect_exec(id)).await? {
                ExecInspectResponse { running: Some(false), exit_code: Some(code), .. } => return Ok(code),
                _ => time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

/// Writes the input and closes it. A program that ends without reading it is its own business.
async fn feed(mut input: std::pin::Pin<Box<dyn AsyncWrite + Send>>, text: Option<&[u8]>) {
    if let Some(text) = text {
        let _ = input.write_all(text).await;
        let _ = input.shutdown().await;
    }
}

async fn collect(mut output: impl Stream<Item = Result<LogOutput, Error>> + Unpin) -> Result<(String, String), Error> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(chunk) = output.next().await {
        let (kept, message) = match chunk? {
            LogOutput::StdOut { message } | LogOutput::StdIn { message } => (&mut stdout, message),
            // Without a header come Docker's own words about a program that it could not start.
            LogOutput::StdErr { message } | LogOutput::Console { message } => (&mut stderr, message),
        };
        let room = KEPT - kept.len();
        kept.extend_from_slice(&message[..message.len().min(room)]);
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(stdout), text(stderr)))
}
