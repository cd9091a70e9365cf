//! Lines of services' output.

use futures_util::TryStreamExt;
use stoa_model::stack::{ProjectName, ServiceName};

use super::{Engine, EngineError};

/// [`logs_tail`] answers no more lines than this per service.
const MAX_TAIL_LINES: u32 = 10_000;
/// [`logs_tail`] answers no more text than this; the oldest lines are dropped.
const MAX_TAIL_BYTES: usize = 8 << 20;

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
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while let Some(line) = stream.try_next().await? {
        bytes += size(&line);
        lines.push(line);
        // Twice the limit, so that the lines are sorted rarely.
        if bytes > 2 * MAX_TAIL_BYTES {
            bytes = drop_oldest(&mut lines);
        }
    }
    drop_oldest(&mut lines);
    Ok(lines)
}

/// Sorts by time and drops the oldest lines above the limit; returns the size of the rest. The sort is
/// stable: lines of one service keep their order.
fn drop_oldest(lines: &mut Vec<LogLine>) -> usize {
    lines.sort_by(|a, b| a.at.cmp(&b.at));
    let mut bytes = 0;
    let fits = |line: &&LogLine| {
        bytes += size(line);
        bytes <= MAX_TAIL_BYTES
    };
    let kept = lines.iter().rev().take_while(fits).count();
    lines.drain(..lines.len() - kept);
    lines.iter().map(size).sum()
}

fn size(line: &LogLine) -> usize {
    line.line.len() + line.at.len() + line.service.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_are_dropped_above_the_limit() {
        let line = |at: &str, length| LogLine { service: "web".into(), at: at.into(), line: "x".repeat(length) };
        let mut lines = vec![line("3", 10), line("1", MAX_TAIL_BYTES), line("2", 10)];
        let left = drop_oldest(&mut lines);
        assert_eq!(lines.iter().map(|line| line.at.as_str()).collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(left, 2 * (10 + 1 + 3));
    }
}
