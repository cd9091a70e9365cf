//! What happens to this installation's containers, as it happens.
//!
//! Docker remembers its last 256 events of all kinds, and a busy minute has more. So the connection is
//! read from the start, whether the caller listens yet or not; and events between the request and
//! Docker's listening are asked for by their time.

use std::time::{SystemTime, UNIX_EPOCH};

use bollard::{errors::Error, models::EventMessage, query_parameters::EventsOptions};
use futures_util::{Stream, StreamExt, stream};
use stoa_provider::engine::{EngineError, EngineEvent, EngineEventKind, EngineStream};
use tokio::sync::mpsc;

use crate::{client::Docker, error::Act, labels};

/// Events that wait for a slow caller; then Docker itself waits.
const QUEUED_EVENTS: usize = 4096;

impl Docker {
    pub(crate) async fn event_stream(&self) -> Result<EngineStream<EngineEvent>, EngineError> {
        let act = Act::new("watching", "containers");
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.call(&act, |api| api.ping()).await?;
        let mut filters = labels::filter(self.installation(), None, None, None);
        filters.insert("type".into(), vec!["container".into()]);
        filters.insert("event".into(), ["start", "die", "oom", "health_status", "destroy"].map(Into::into).to_vec());
        let options = EventsOptions {
            since: Some(format!("{}.{:09}", since.as_secs(), since.subsec_nanos())),
            filters: Some(filters),
            ..Default::default()
        };
        let messages = self.api(&act)?.events(Some(options)).boxed();
        let (sender, receiver) = mpsc::channel(QUEUED_EVENTS);
        tokio::spawn(forward(act, messages, sender));
        Ok(stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver))).boxed())
    }
}

/// Ends with the connection, and says so, or when nobody listens any more.
async fn forward(
    act: Act,
    mut messages: impl Stream<Item = Result<EventMessage, Error>> + Unpin,
    listener: mpsc::Sender<Result<EngineEvent, EngineError>>,
) {
    loop {
        let message = tokio::select! {
            () = listener.closed() => return,
            message = messages.next() => message,
        };
        let told = match message {
            Some(Ok(message)) => match event(&message) {
                Some(event) => listener.send(Ok(event)).await,
                None => Ok(()),
            },
            Some(Err(error)) => return drop(listener.send(Err(act.failed(error))).await),
            None => return drop(listener.send(Err(act.unavailable("Docker closed the connection"))).await),
        };
        if told.is_err() {
            return;
        }
    }
}

fn event(message: &EventMessage) -> Option<EngineEvent> {
    let labels = message.actor.as_ref()?.attributes.as_ref()?;
    let kind = match message.action.as_deref()? {
        "start" => EngineEventKind::Started,
        "die" => EngineEventKind::Died,
        "oom" => EngineEventKind::OutOfMemory,
        "destroy" => EngineEventKind::Removed,
        "health_status: healthy" => EngineEventKind::Healthy,
        "health_status: unhealthy" => EngineEventKind::Unhealthy,
        _ => return None,
    };
    Some(EngineEvent { project: labels::project(labels)?, service: labels::service(labels)?, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(action: &str) -> EventMessage {
        let labels = serde_json::json!({"com.docker.compose.project": "p", "com.docker.compose.service": "web"});
        serde_json::from_value(serde_json::json!({"Action": action, "Actor": {"Attributes": labels}})).unwrap()
    }

    #[test]
    fn dockers_actions_become_kinds() {
        for (action, kind) in [
            ("start", Some(EngineEventKind::Started)),
            ("die", Some(EngineEventKind::Died)),
            ("oom", Some(EngineEventKind::OutOfMemory)),
            ("health_status: healthy", Some(EngineEventKind::Healthy)),
            ("health_status: unhealthy", Some(EngineEventKind::Unhealthy)),
            ("destroy", Some(EngineEventKind::Removed)),
            ("exec_die", None),
        ] {
            assert_eq!(event(&message(action)).map(|event| event.kind), kind, "{action}");
        }
    }
}
