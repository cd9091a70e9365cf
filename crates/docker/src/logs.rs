//! Lines of services' output.

use std::{future, time::Duration};

use bollard::{container::LogOutput, query_parameters::LogsOptions};
use futures_util::{StreamExt, stream};
use stoa_model::stack::{ProjectName, ServiceName};
use stoa_provider::engine::{EngineError, EngineStream, LogLine, LogQuery};
use tokio::time;

use crate::{client::Docker, error::Act, inventory::Container};

/// A longer line comes in parts.
const MAX_LINE_BYTES: usize = 64 << 10;

impl Docker {
    pub(crate) async fn logs_of(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        query: LogQuery,
    ) -> Result<EngineStream<LogLine>, EngineError> {
        let containers = self.containers_of(project, service).await?;
        if let (true, Some(service)) = (containers.is_empty(), service) {
            return Err(EngineError::NotFound { what: format!("the service {service} of project {project}") });
        }
        let each = containers.iter().map(|container| self.log_of(project, container, query));
        let merged = stream::select_all(each.collect::<Result<Vec<_>, _>>()?);
        let mut left = query.max_bytes;
        let limited = merged.take_while(move |line| {
            let fits = left > 0;
            left = left.saturating_sub(line.as_ref().map_or(0, |line| line.line.len() as u64 + 1));
            future::ready(fits)
        });
        Ok(limited.boxed())
    }

    fn log_of(
        &self,
        project: &ProjectName,
        container: &Container,
        query: LogQuery,
    ) -> Result<EngineStream<LogLine>, EngineError> {
        let act = Act::new("reading", format!("the log of {} of project {project}", container.service));
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            timestamps: true,
            follow: query.follow,
            tail: query.tail.to_string(),
            ..Default::default()
        };
        let chunks = self.api(&act)?.logs(&container.id, Some(options)).boxed();
        // A followed log may be silent for any time.
        let deadline = (!query.follow).then(|| self.timeout());
        let state = Some((chunks, LineReader::new(container.service.0.clone()), act));
        let lines = stream::unfold(state, move |state| async move {
            let (mut chunks, mut reader, act) = state?;
            match next(&mut chunks, deadline, &act).await {
                Some(Ok(chunk)) => {
                    let lines = reader.read(&chunk);
                    Some((lines.into_iter().map(Ok).collect(), Some((chunks, reader, act))))
                }
                Some(Err(error)) => Some((vec![Err(error)], None)),
                None => Some((reader.end().into_iter().map(Ok).collect(), None)),
            }
        });
        Ok(lines.flat_map(|lines: Vec<_>| stream::iter(lines)).boxed())
    }
}

async fn next(
    chunks: &mut stream::BoxStream<'static, Result<LogOutput, bollard::errors::Error>>,
    deadline: Option<Duration>,
    act: &Act,
) -> Option<Result<LogOutput, EngineError>> {
    let next = match deadline {
        Some(deadline) => match time::timeout(deadline, chunks.next()).await {
            Ok(next) => next,
            Err(_) => return Some(Err(act.timed_out(deadline))),
        },
        None => chunks.next().await,
    };
    next.map(|chunk| chunk.map_err(|error| act.failed(error)))
}

/// Joins the chunks of long lines: Docker cuts lines at 16 KiB and gives each chunk a time.
struct LineReader {
    service: String,
    /// Per output, the line that the next chunk continues.
    open: [Option<LogLine>; 2],
}

impl LineReader {
    fn new(service: String) -> Self {
        Self { service, open: [None, None] }
    }

    /// The lines that end with this chunk.
    fn read(&mut self, chunk: &LogOutput) -> Option<LogLine> {
        let open = &mut self.open[usize::from(matches!(chunk, LogOutput::StdErr { .. }))];
        let text = String::from_utf8_lossy(chunk.as_ref());
        let (at, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let (rest, ends) = rest.strip_suffix('\n').map_or((rest, false), |rest| (rest, true));
        let line = open.get_or_insert_with(|| LogLine {
            service: self.service.clone(),
            at: at.to_owned(),
            line: String::new(),
        });
        line.line.push_str(rest);
        if ends || line.line.len() >= MAX_LINE_BYTES { open.take() } else { None }
    }

    /// Lines without an end.
    fn end(&mut self) -> Vec<LogLine> {
        self.open.iter_mut().filter_map(Option::take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(stderr: bool, text: &str) -> LogOutput {
        let message = text.to_owned().into();
        if stderr { LogOutput::StdErr { message } } else { LogOutput::StdOut { message } }
    }

    #[test]
    fn chunks_of_one_line_are_joined() {
        let mut reader = LineReader::new("web".into());
        let chunks = [
            chunk(false, "t1 long "),
            chunk(true, "t2 other\n"),
            chunk(false, "t3 line\n"),
            chunk(false, "t4 \n"),
            chunk(true, "t5 cut off"),
        ];
        let mut lines: Vec<_> = chunks.iter().filter_map(|chunk| reader.read(chunk)).collect();
        lines.extend(reader.end());
        let got: Vec<_> = lines.iter().map(|l| (l.at.as_str(), l.line.as_str())).collect();
        assert_eq!(got, [("t2", "other"), ("t1", "long line"), ("t4", ""), ("t5", "cut off")]);
    }

    #[test]
    fn a_line_without_end_comes_in_parts() {
        let mut reader = LineReader::new("web".into());
        let part = chunk(false, &format!("t {}", "x".repeat(16 << 10)));
        let lines: Vec<_> = (0..40).filter_map(|_| reader.read(&part)).collect();
        assert_eq!(lines.iter().map(|line| line.line.len()).collect::<Vec<_>>(), [MAX_LINE_BYTES; 10]);
    }
}
