//! Running a program inside a service.
//!
//! Docker can start such a program but has no call to end it: when the caller goes away, the program
//! runs on until it ends itself or its container stops. A program that may hang should limit itself.
//!
//! A program that can't be started is no error of the engine: its code is 126 or 127 and the reason
//! is in its standard error, as in a shell.

use std::time::Duration;

use bollard::{
    container::LogOutput,
    exec::StartExecResults,
    models::{ExecConfig, ExecInspectResponse},
};
use futures_util::{StreamExt, stream};
use stoa_model::stack::{ProjectName, ServiceName};
use stoa_provider::engine::{EngineError, EngineStream, Exec, ExecEvent, ExecSession, RunState};
use tokio::{io, time};

use crate::{client::Docker, error::Act};

impl Docker {
    pub(crate) async fn exec_in(
        &self,
        project: &ProjectName,
        service: &ServiceName,
        exec: Exec,
    ) -> Result<ExecSession, EngineError> {
        // Only the program is named: its arguments may be secret.
        let program = exec.argv.first().map_or("nothing", String::as_str);
        let act = Act::new("running", format!("{program} in {service} of project {project}"));
        let container = self.running(&act, project, service).await?;
        let body = ExecConfig {
            attach_stdin: Some(exec.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(exec.argv),
            user: exec.user,
            ..Default::default()
        };
        let id = self.call(&act, |api| api.create_exec(&container, body)).await?.id;
        let StartExecResults::Attached { output, input } = self.call(&act, |api| api.start_exec(&id, None)).await?
        else {
            return Err(act.refused("Docker did not attach to the program"));
        };
        let (docker, reading) = (self.clone(), act.clone());
        let output = output.map(move |chunk| chunk.map(event).map_err(|error| reading.failed(error)));
        // After an error there is no exit code to ask for.
        let output = stream::unfold(Some((output.boxed(), docker, act, id)), |state| async move {
            let (mut output, docker, act, id) = state?;
            match output.next().await {
                Some(Ok(event)) => Some((Ok(event), Some((output, docker, act, id)))),
                Some(Err(error)) => Some((Err(error), None)),
                None => Some((docker.exit_code(&act, &id).await.map(ExecEvent::Exit), None)),
            }
        });
        Ok(ExecSession { stdin: if exec.stdin { input } else { Box::pin(io::sink()) }, output: fused(output) })
    }

    /// A running instance, the newest if there are two.
    async fn running(&self, act: &Act, project: &ProjectName, service: &ServiceName) -> Result<String, EngineError> {
        let found = self.containers_of(project, Some(service)).await?;
        if found.is_empty() {
            return Err(EngineError::NotFound { what: format!("the service {service} of project {project}") });
        }
        let running = found.into_iter().filter(|container| container.state == RunState::Running);
        match running.max_by_key(|container| container.revision) {
            Some(container) => Ok(container.id),
            None => Err(act.refused("the service is not running: start it first")),
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

fn fused(
    output: impl stream::Stream<Item = Result<ExecEvent, EngineError>> + Send + 'static,
) -> EngineStream<ExecEvent> {
    output.fuse().boxed()
}

fn event(chunk: LogOutput) -> ExecEvent {
    match chunk {
        LogOutput::StdOut { message } | LogOutput::StdIn { message } => ExecEvent::Stdout(message),
        // Docker writes without a header why it could not start a program.
        LogOutput::StdErr { message } | LogOutput::Console { message } => ExecEvent::Stderr(message),
    }
}
