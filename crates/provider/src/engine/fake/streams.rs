//! The fake's streams. None of them needs a task of its own: they work when they are read.

use std::{collections::BTreeMap, future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use stoa_model::stack::{ProjectName, ServiceName};
use tokio::{
    io::{self, AsyncReadExt, DuplexStream},
    sync::broadcast,
};

use super::{
    FakeEngine, Run,
    script::{Extent, Verb, unavailable},
    world::Signal,
};
use crate::engine::{
    EngineError, EngineEvent, EngineStream, Exec, ExecEvent, ExecSession, LogLine, LogQuery, Program, tar,
};

/// An input holds so much that the program has not read yet.
const PIPE_BYTES: usize = 64 << 10;

type Owner = (String, ProjectName, Option<ServiceName>);

/// A program. `/bin/cat` alone copies its input as it comes; all others read the whole of it and are
/// then answered by the test.
pub(super) fn session(
    run: Arc<Run>,
    project: ProjectName,
    service: ServiceName,
    exec: Exec,
    extent: Extent,
) -> ExecSession {
    let (writer, reader) = io::duplex(PIPE_BYTES);
    let stdin: std::pin::Pin<Box<dyn io::AsyncWrite + Send>> =
        if exec.stdin { Box::pin(writer) } else { Box::pin(io::sink()) };
    let output = if exec.argv == ["/bin/cat"] {
        copy(reader, extent)
    } else {
        stream::once(answer(run, project, service, exec, reader, extent)).flat_map(stream::iter).boxed()
    };
    ExecSession { stdin, output }
}

fn copy(reader: DuplexStream, extent: Extent) -> EngineStream<ExecEvent> {
    let chunks = stream::unfold(Some(reader), move |reader| async move {
        let mut reader = reader?;
        let mut chunk = vec![0; 16 << 10];
        match reader.read(&mut chunk).await.unwrap_or(0) {
            0 => Some((FakeEngine::leave(Verb::Exec, extent, ExecEvent::Exit(0)), None)),
            length => Some((Ok(ExecEvent::Stdout(Bytes::copy_from_slice(&chunk[..length]))), Some(reader))),
        }
    });
    chunks.boxed()
}

async fn answer(
    run: Arc<Run>,
    project: ProjectName,
    service: ServiceName,
    exec: Exec,
    mut reader: DuplexStream,
    extent: Extent,
) -> Vec<Result<ExecEvent, EngineError>> {
    let mut input = String::new();
    let _ = reader.read_to_string(&mut input).await;
    let stdin = exec.stdin.then(|| input.into());
    let program = Program { argv: exec.argv, stdin, user: exec.user, deadline: Duration::MAX };
    let Some(output) = run(&project, &service, &program) else { return future::pending().await };
    let part = |text: String| (!text.is_empty()).then(|| Bytes::from(text));
    let stdout = part(output.stdout).map(|text| Ok(ExecEvent::Stdout(text)));
    let stderr = part(output.stderr).map(|text| Ok(ExecEvent::Stderr(text)));
    let exit = FakeEngine::leave(Verb::Exec, extent, ExecEvent::Exit(output.code));
    stdout.into_iter().chain(stderr).chain([exit]).collect()
}

/// A volume's files; half of them and an error if the script says so.
pub(super) fn archive(files: &BTreeMap<String, Bytes>, extent: Extent) -> EngineStream<Bytes> {
    let count = if extent == Extent::Half { files.len() / 2 } else { files.len() };
    let file = |(name, content): (&String, &Bytes)| {
        [tar::header(name, content.len()), content.clone(), Bytes::from(vec![0; tar::padding(content.len())])]
    };
    let mut parts: Vec<_> = files.iter().take(count).flat_map(file).map(Ok).collect();
    parts.push(FakeEngine::leave(Verb::ExportVolume, extent, tar::end()));
    stream::iter(parts).boxed()
}

/// Lines so far and, if they are followed, the next ones.
pub(super) fn log(
    past: Vec<Arc<LogLine>>,
    query: LogQuery,
    signals: broadcast::Receiver<Signal>,
    owner: Owner,
) -> EngineStream<LogLine> {
    let past = stream::iter(past).map(|line| Ok(LogLine::clone(&line)));
    let lines = if query.follow {
        let state = (Some(signals), owner);
        let next = stream::unfold(state, |(signals, owner)| async move {
            let mut signals = signals?;
            let line = next_line(&mut signals, &owner).await;
            let signals = line.is_ok().then_some(signals);
            Some((line, (signals, owner)))
        });
        past.chain(next).boxed()
    } else {
        past.boxed()
    };
    let mut left = query.max_bytes;
    lines
        .take_while(move |line| {
            let fits = left > 0;
            left = left.saturating_sub(line.as_ref().map_or(0, |line| line.line.len() as u64 + 1));
            future::ready(fits)
        })
        .boxed()
}

async fn next_line(signals: &mut broadcast::Receiver<Signal>, owner: &Owner) -> Result<LogLine, EngineError> {
    let (installation, project, service) = owner;
    loop {
        match signals.recv().await {
            Ok(Signal::Line(of, in_project, line))
                if of == *installation
                    && in_project == *project
                    && service.as_ref().is_none_or(|service| service.0 == line.service) =>
            {
                return Ok(line);
            }
            Ok(Signal::Gone) | Err(_) => return Err(unavailable(Verb::Logs)),
            Ok(_) => {}
        }
    }
}

pub(super) fn events(signals: broadcast::Receiver<Signal>, installation: String) -> EngineStream<EngineEvent> {
    let state = (Some(signals), installation);
    let events = stream::unfold(state, |(signals, installation)| async move {
        let mut signals = signals?;
        let event = next_event(&mut signals, &installation).await;
        let signals = event.is_ok().then_some(signals);
        Some((event, (signals, installation)))
    });
    events.boxed()
}

async fn next_event(signals: &mut broadcast::Receiver<Signal>, installation: &str) -> Result<EngineEvent, EngineError> {
    loop {
        match signals.recv().await {
            Ok(Signal::Event(of, event)) if of == installation => return Ok(event),
            Ok(Signal::Gone) | Err(_) => return Err(unavailable(Verb::Events)),
            Ok(_) => {}
        }
    }
}
