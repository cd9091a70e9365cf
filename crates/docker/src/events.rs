//! What happens to this installation's containers, as it happens.

use std::time::{SystemTime, UNIX_EPOCH};

use bollard::{models::EventMessage, query_parameters::EventsOptions};
use futures_util::{StreamExt, stream, stream::BoxStream};
use stoa_provider::engine::{EngineError, EngineEvent, EngineEventKind};

use crate::{client::Docker, error::Act, labels};

impl Docker {
    pub(crate) async fn event_stream(
        &self,
    ) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError> {
        let act = Act::new("watching", "containers");
        // The request goes out when the stream is first asked; Docker then tells what happened since
        // this moment. Whether it is up is asked now.
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
        let end = act.unavailable("Docker closed the stream of events");
        let events = self.api(&act)?.events(Some(options)).filter_map(move |message| {
            let event = match message {
                Ok(message) => event(&message).map(Ok),
                Err(error) => Some(Err(act.failed(error))),
            };
            async move { event }
        });
        Ok(events.chain(stream::iter([Err(end)])).boxed())
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
