//! How much sites store, as Docker itself measures it: in one call for all, also of stopped sites, and without trusting a
//! program in a container.
//!
//! The client library knows the answer's form of the newest Docker only, so it is read here, in both forms
//! (Engine API: "Get data usage information").

use std::{collections::BTreeMap, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use stoa_provider::engine::{EngineError, Stored};
use tokio::{net::UnixStream, time};

use crate::{client::Docker, error::Act, labels};

/// Docker walks through all files of all volumes.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Largest answer that is read: some 100,000 volumes.
const MAX_ANSWER: usize = 256 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    volumes: Option<Vec<Volume>>,
    containers: Option<Vec<Container>>,
    /// From API 1.52 on.
    volume_usage: Option<Items<Volume>>,
    container_usage: Option<Items<Container>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Items<T> {
    items: Option<Vec<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volume {
    labels: Option<labels::Labels>,
    usage_data: Option<Usage>,
}

/// −1 where Docker can't tell.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    size: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    labels: Option<labels::Labels>,
    size_rw: Option<i64>,
}

impl Docker {
    pub(crate) async fn stored_by_all(&self) -> Result<Vec<Stored>, EngineError> {
        let act = Act::new("measuring", "what sites store");
        let measured = time::timeout(TIMEOUT, self.data_usage(&act)).await.map_err(|_| act.timed_out(TIMEOUT))?;
        let answer = serde_json::from_slice(&measured?);
        answer
            .map(|answer| of_installation(self.installation(), answer))
            .map_err(|error| act.refused(error.to_string()))
    }

    async fn data_usage(&self, act: &Act) -> Result<Vec<u8>, EngineError> {
        let away = |error: &dyn std::fmt::Display| act.unavailable(error.to_string());
        let stream = UnixStream::connect(self.socket()).await.map_err(|error| away(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| away(&error))?;
        tokio::spawn(connection);
        let path = "/system/df?type=volume&type=container&verbose=true";
        let request = Request::get(path).header(HOST, "docker").body(Empty::<bytes::Bytes>::new());
        let answer = sender.send_request(request.expect("constant parts")).await.map_err(|error| away(&error))?;
        let status = answer.status();
        let body = http_body_util::Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| away(&error))?.to_bytes();
        if !status.is_success() {
            // Also when it measures for somebody else at this moment.
            return Err(act.unavailable(format!("{status}: {}", String::from_utf8_lossy(&body).trim())));
        }
        Ok(body.into())
    }
}

fn of_installation(installation: &str, answer: Answer) -> Vec<Stored> {
    let is_ours = |labels: &labels::Labels| labels.get(labels::INSTALLATION).is_some_and(|i| i == installation);
    let mut all = BTreeMap::new();
    let volumes = answer.volumes.or_else(|| answer.volume_usage.and_then(|usage| usage.items));
    for Volume { labels, usage_data } in volumes.into_iter().flatten() {
        let Some(labels) = labels.filter(is_ours) else { continue };
        let size = usage_data.and_then(|usage| u64::try_from(usage.size).ok());
        if let (Some(project), Some(volume), Some(bytes)) = (labels::project(&labels), labels::volume(&labels), size) {
            let stored = all.entry(project.clone()).or_insert_with(|| Stored::nothing(project));
            stored.volumes.insert(volume, bytes);
        }
    }
    let containers = answer.containers.or_else(|| answer.container_usage.and_then(|usage| usage.items));
    for Container { labels, size_rw } in containers.into_iter().flatten() {
        let Some(labels) = labels.filter(is_ours) else { continue };
        if let (Some(project), Ok(bytes)) = (labels::project(&labels), u64::try_from(size_rw.unwrap_or(0))) {
            all.entry(project.clone()).or_insert_with(|| Stored::nothing(project)).elsewhere += bytes;
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_answer_are_read() {
        let volume = |name: &str, installation: &str, size: i64| {
            serde_json::json!({"Name": "x", "UsageData": {"RefCount": 1, "Size": size}, "Labels": {
                "stoa.installation": installation, "com.docker.compose.project": "stoa-a", "com.docker.compose.volume": name}})
        };
        let volumes =
            [volume("data", "i", 100), volume("content", "i", 20), volume("data", "other", 7), volume("lost", "i", -1)];
        let containers = serde_json::json!([
            {"SizeRw": 5, "Labels": {"stoa.installation": "i", "com.docker.compose.project": "stoa-a"}},
            {"Labels": {"stoa.installation": "i", "com.docker.compose.project": "stoa-a"}},
            {"SizeRw": 9, "Labels": null}
        ]);
        let old = serde_json::json!({"Volumes": volumes, "Containers": containers, "Images": null});
        let new = serde_json::json!({"VolumeUsage": {"Items": volumes}, "ContainerUsage": {"Items": containers}});
        for answer in [old, new] {
            let all = of_installation("i", serde_json::from_value(answer).unwrap());
            assert_eq!(all.len(), 1);
            let volumes: Vec<_> = all[0].volumes.iter().map(|(name, bytes)| (name.0.as_str(), *bytes)).collect();
            assert_eq!((volumes, all[0].elsewhere), (vec![("content", 20), ("data", 100)], 5));
            assert_eq!(all[0].total(), 125);
        }
    }
}
