//! Building images with Docker's classic builder, whose limits hold on every release since 20.10;
//! BuildKit ignores them.
//!
//! The builder limits memory and processor time but not processes, and takes at most 2 GiB - 1 byte of
//! memory: its API counts in 32 bits here. A build that is dropped or too late is cancelled by closing
//! the connection.

use bollard::{body_try_stream, models::BuildInfo, query_parameters::BuildImageOptions};
use futures_util::{StreamExt, stream};
use stoa_model::image::ImageId;
use stoa_provider::engine::{Build, BuildEvent, EngineError, EngineStream};
use tokio::{sync::mpsc, time};

use crate::{
    client::Docker,
    error::Act,
    labels,
    volumes::{taken, watched},
};

/// Events that wait for a slow reader; then the build itself waits.
const QUEUED_EVENTS: usize = 64;
const CPU_PERIOD_US: u32 = 100_000;

type Event = Result<BuildEvent, EngineError>;

impl Docker {
    pub(crate) async fn build_image(&self, build: Build) -> Result<EngineStream<BuildEvent>, EngineError> {
        let act = Act::new("building", format!("the image {}", build.tag));
        self.call(&act, |api| api.ping()).await?;
        let (sender, receiver) = mpsc::channel(QUEUED_EVENTS);
        let docker = self.clone();
        tokio::spawn(async move {
            let timeout = build.timeout;
            let ended = tokio::select! {
                () = sender.closed() => return,
                ended = time::timeout(timeout, docker.run_build(&act, build, &sender)) => ended,
            };
            let last = ended.unwrap_or_else(|_| Err(act.timed_out(timeout)));
            // Nobody may be listening any more.
            let _ = sender.send(last.map(BuildEvent::Built)).await;
        });
        Ok(stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver))).boxed())
    }

    async fn run_build(&self, act: &Act, build: Build, sender: &mpsc::Sender<Event>) -> Result<ImageId, EngineError> {
        let options = options(&build, self.installation());
        let (context, failure) = watched(build.context);
        let mut infos = self.api(act)?.build_image(options, None, Some(body_try_stream(context))).boxed();
        let (mut lines, mut id) = (Lines::default(), None);
        while let Some(info) = infos.next().await {
            let info = match info {
                Ok(info) => info,
                Err(error) => {
                    let broken =
                        taken(&failure).map(|reason| act.refused(format!("the context can't be read: {reason}")));
                    return Err(broken.unwrap_or_else(|| act.failed(error)));
                }
            };
            id = info.aux.as_ref().and_then(|aux| aux.id.clone()).or(id);
            for line in lines.read(&info) {
                let _ = sender.send(Ok(BuildEvent::Log(line))).await;
            }
        }
        if let Some(reason) = taken(&failure) {
            return Err(act.refused(format!("the context can't be read: {reason}")));
        }
        let id = id.ok_or_else(|| act.refused("Docker named no image at the end of the build"))?;
        id.parse().map_err(|reason: String| act.refused(reason))
    }
}

fn options(build: &Build, installation: &str) -> BuildImageOptions {
    let clamped = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
    let quota = u64::from(build.limits.cpu.0) * u64::from(CPU_PERIOD_US) / 1000;
    BuildImageOptions {
        dockerfile: build.dockerfile.clone(),
        t: Some(build.tag.to_string()),
        rm: true,
        forcerm: true,
        memory: Some(clamped(build.limits.memory.0)),
        memswap: Some(clamped(build.limits.memory.0)),
        cpuperiod: Some(clamped(CPU_PERIOD_US.into())),
        cpuquota: Some(clamped(quota)),
        buildargs: Some(build.args.clone().into_iter().collect()),
        labels: Some(labels::on_image(installation)),
        ..Default::default()
    }
}

/// Cuts the builder's output into lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn read(&mut self, info: &BuildInfo) -> Vec<String> {
        self.0.push_str(info.stream.as_deref().or(info.status.as_deref()).unwrap_or_default());
        if info.status.is_some() {
            self.0.push('\n');
        }
        let Some(end) = self.0.rfind('\n') else { return Vec::new() };
        let whole: String = self.0.drain(..=end).collect();
        whole.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_into_lines() {
        let mut lines = Lines::default();
        let mut read = |text: &str| lines.read(&BuildInfo { stream: Some(text.into()), ..Default::default() });
        assert_eq!(read("Step 1/2 : FROM x"), Vec::<String>::new());
        assert_eq!(read("\n"), ["Step 1/2 : FROM x"]);
        assert_eq!(read("a\r\n\nb\nc"), ["a", "b"]);
    }
}
