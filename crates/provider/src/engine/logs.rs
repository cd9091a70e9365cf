//! Lines of services' output.

use std::{cmp::Reverse, collections::BinaryHeap};

use futures_util::TryStreamExt;
use stoa_model::stack::{ProjectName, ServiceName};

use super::{Engine, EngineError};

/// [`logs_tail`] answers no more lines than this per service.
const MAX_TAIL_LINES: u32 = 10_000;
/// [`logs_tail`] holds and returns no more bytes than this; the oldest lines are dropped.
pub const MAX_TAIL_BYTES: usize = 2 << 20;

/// A line of a service's output.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// Which service wrote it.
    pub service: String,
    /// When, RFC 3339, as the engine noted it.
    pub at: String,
    /// The line without its newline, invalid UTF-8 replaced. A very long line comes in parts.
    pub line: String,
}

/// Which lines to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQuery {
    /// Begin with this many last lines of each service.
    pub tail: u32,
    /// Go on with new lines until the service ends or the stream is dropped.
    pub follow: bool,
    /// End the stream after this much text.
    pub max_bytes: u64,
}

/// The last `tail` lines of a service's output, oldest first; of each service, merged by time, when
/// `service` is `None`.
///
/// # Errors
/// Those of [`Engine::logs`].
pub async fn logs_tail(
    engine: &dyn Engine,
    project: &ProjectName,
    service: Option<&ServiceName>,
    tail: u32,
) -> Result<Vec<LogLine>, EngineError> {
    let query = LogQuery { tail: tail.min(MAX_TAIL_LINES), follow: false, max_bytes: u64::MAX };
    let mut stream = engine.logs(project, service, query).await?;
    let mut tail = Tail::default();
    while let Some(line) = stream.try_next().await? {
        tail.push(line);
    }
    Ok(tail.into_lines())
}

/// The latest lines, in at most [`MAX_TAIL_BYTES`] at any time.
#[derive(Default)]
struct Tail {
    /// The oldest line is on top; those of the same time are numbered, so that they keep their order.
    lines: BinaryHeap<Reverse<(String, usize, LineText)>>,
    count: usize,
    bytes: usize,
}

/// Service and text of a line.
type LineText = (String, String);

impl Tail {
    fn push(&mut self, line: LogLine) {
        let LogLine { service, at, line } = line;
        self.count += 1;
        let entry = (at, self.count, (service, line));
        self.bytes += size(&entry);
        self.lines.push(Reverse(entry));
        while self.bytes > MAX_TAIL_BYTES
            && let Some(Reverse(oldest)) = self.lines.pop()
        {
            self.bytes -= size(&oldest);
        }
    }

    fn into_lines(self) -> Vec<LogLine> {
        let line =
            |Reverse((at, _, (service, line))): Reverse<(String, usize, LineText)>| LogLine { service, at, line };
        self.lines.into_sorted_vec().into_iter().rev().map(line).collect()
    }
}

/// What a line takes in memory.
fn size(entry: &(String, usize, LineText)) -> usize {
    let (at, _, (service, line)) = entry;
    at.capacity() + service.capacity() + line.capacity() + size_of_val(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: usize, length: usize) -> LogLine {
        LogLine { service: "web".into(), at: format!("{at:05}"), line: "x".repeat(length) }
    }

    #[test]
    fn the_oldest_lines_are_dropped_above_the_limit_while_reading() {
        let mut tail = Tail::default();
        for at in [3, 1, 2] {
            tail.push(line(at, if at == 1 { MAX_TAIL_BYTES } else { 10 }));
        }
        assert_eq!(tail.into_lines().iter().map(|line| &*line.at).collect::<Vec<_>>(), ["00002", "00003"]);

        let mut tail = Tail::default();
        for at in 0..10_000 {
            tail.push(line(at, 4096));
            assert!(tail.bytes <= MAX_TAIL_BYTES);
        }
        let lines = tail.into_lines();
        assert!(lines.len() > 400 && lines.len() < MAX_TAIL_BYTES / 4096, "{}", lines.len());
        assert_eq!(lines.last().map(|line| &*line.at), Some("09999"));
    }

    #[test]
    fn lines_of_the_same_time_keep_their_order() {
        let mut tail = Tail::default();
        for text in ["c", "a", "b"] {
            tail.push(LogLine { line: text.into(), ..line(1, 0) });
        }
        assert_eq!(tail.into_lines().iter().map(|line| &*line.line).collect::<String>(), "cab");
    }
}
