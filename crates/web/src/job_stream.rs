//! Server-sent events of a job, for pages and the API.
//!
//! Each event is the complete state, and its id is a hash of its content, so a client that reconnects with
//! `Last-Event-ID` gets the state only if it changed. Changes made by this process are sent at once, those of
//! another process within two seconds. At each of these times the session or token and its rights are checked again,
//! so that a stream ends within seconds of them. It also ends with the job, or after ten minutes; browsers then
//! reconnect.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use sha2::{Digest, Sha256};
use stoa_model::id::JobId;
use tokio::{sync::broadcast, time::Instant};

use crate::{app::App, http_error::HttpError};

/// Longest time until a change made by another process is noticed.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The browser reconnects afterwards.
const MAX_STREAM_DURATION: Duration = Duration::from_secs(600);

/// The state of a job at one moment.
pub struct Snapshot {
    /// The whole state, rendered.
    pub body: String,
    /// Whether the job is over.
    pub is_final: bool,
}

/// Reads the current state. It is called for every event, so that permissions are checked every time.
pub type StateSource = Arc<dyn Fn() -> BoxFuture<'static, Result<Snapshot, HttpError>> + Send + Sync>;

struct JobStream {
    source: StateSource,
    job: JobId,
    changes: broadcast::Receiver<JobId>,
    last_event_id: String,
    ends_at: Instant,
    is_over: bool,
}

/// The stream of a job's states.
pub fn stream(
    app: &App,
    job: JobId,
    headers: &HeaderMap,
    source: StateSource,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let last_event_id = headers.get("last-event-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let changes = app.control.jobs.changes();
    let state = JobStream {
        source,
        job,
        changes,
        last_event_id,
        ends_at: Instant::now() + MAX_STREAM_DURATION,
        is_over: false,
    };
    let events = stream::unfold((state, true), |(mut state, is_first)| async move {
        let event = state.next(is_first).await?;
        Some((Ok(event), (state, false)))
    });
    Sse::new(events.boxed()).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl JobStream {
    async fn next(&mut self, mut immediately: bool) -> Option<Event> {
        if self.is_over {
            return None;
        }
        loop {
            if Instant::now() >= self.ends_at {
                return None;
            }
            if !immediately {
                self.wait_for_change().await;
            }
            immediately = false;
            let snapshot = (self.source)().await.ok()?;
            let id = hex::encode(&Sha256::digest(&snapshot.body)[..8]);
            self.is_over = snapshot.is_final;
            if id != self.last_event_id {
                self.last_event_id.clone_from(&id);
                return Some(Event::default().event("state").id(id).data(snapshot.body));
            }
            if snapshot.is_final {
                return Some(Event::default().event("end").data("end"));
            }
        }
    }

    /// Waits for a change of this job, at most [`POLL_INTERVAL`].
    async fn wait_for_change(&mut self) {
        let changed = async {
            loop {
                match self.changes.recv().await {
                    Ok(job) if job == self.job => return,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = tokio::time::timeout(POLL_INTERVAL, changed).await;
    }
}
