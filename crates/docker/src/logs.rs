//! The last lines of services' output.

use bollard::{container::LogOutput, errors::Error, query_parameters::LogsOptions};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream::BoxStream};
use stoa_model::stack::{ProjectName, ServiceName};
use stoa_provider::engine::{EngineError, LogLine};

use crate::{client::Docker, error::Act, inventory::Container, labels};

/// More lines than this are never answered: they are held in memory.
const MOST: u32 = 10_000;

impl Docker {
    pub(crate) async fn logs_of(
        &self,
        project: &ProjectName,
        service: Option<&ServiceName>,
        tail: u32,
    ) -> Result<Vec<LogLine>, EngineError> {
        let filter = labels::filter(self.installation(), Some(project), service, None);
        let containers = self.containers(filter, &format!("project {project}")).await?;
        if let (true, Some(service)) = (containers.is_empty(), service) {
            return Err(EngineError::NotFound { what: format!("the service {service} of project {project}") });
        }
        let tail = tail.min(MOST);
        let each = try_join_all(containers.iter().map(|container| self.log_of(project, container, tail))).await?;
        let mut lines: Vec<LogLine> = each.into_iter().flatten().collect();
        // Docker's times have a fixed width and are in UTC: their text sorts as they do.
        lines.sort_by(|a, b| a.at.cmp(&b.at));
        Ok(lines)
    }

    async fn log_of(
        &self,
        project: &ProjectName,
        container: &Container,
        tail: u32,
    ) -> Result<Vec<LogLine>, EngineError> {
        let act = Act::new("reading", format!("the log of {} of project {project}", container.service));
        let options =
            LogsOptions { stdout: true, stderr: true, timestamps: true, tail: tail.to_string(), ..Default::default() };
        let read =
            |api: &bollard::Docker| lines(api.logs(&container.id, Some(options)).boxed(), container.service.0.clone());
        self.call(&act, read).await
    }
}

async fn lines(
    mut chunks: BoxStream<'static, Result<LogOutput, Error>>,
    service: String,
) -> Result<Vec<LogLine>, Error> {
    let mut lines = Vec::new();
    // Per output: the line that the next chunk goes on with. Docker cuts lines at 16 KiB.
    let mut open: [Option<usize>; 2] = [None, None];
    while let Some(chunk) = chunks.try_next().await? {
        let output = usize::from(matches!(chunk, LogOutput::StdErr { .. }));
        let text = String::from_utf8_lossy(chunk.as_ref()).into_owned();
        let (at, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let (rest, ends) = rest.strip_suffix('\n').map_or((rest, false), |rest| (rest, true));
        let index = match open[output] {
            Some(index) => index,
            None => {
                lines.push(LogLine { service: service.clone(), at: at.to_owned(), line: String::new() });
                lines.len() - 1
            }
        };
        lines[index].line.push_str(rest);
        open[output] = (!ends).then_some(index);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(stderr: bool, text: &str) -> Result<LogOutput, Error> {
        let message = text.to_owned().into();
        Ok(if stderr { LogOutput::StdErr { message } } else { LogOutput::StdOut { message } })
    }

    #[tokio::test]
    async fn chunks_of_one_line_are_joined() {
        let chunks =
            [chunk(false, "t1 long "), chunk(true, "t2 other\n"), chunk(false, "t3 line\n"), chunk(false, "t4 \n")];
        let lines = lines(futures_util::stream::iter(chunks).boxed(), "web".into()).await.unwrap();
        let got: Vec<_> = lines.iter().map(|l| (l.at.as_str(), l.line.as_str())).collect();
        assert_eq!(got, [("t1", "long line"), ("t2", "other"), ("t4", "")]);
    }
}
