//! Watching a job: a stream of whole states, for pages and programs.
//!
//! Each event is the complete state and is numbered by its content, so a client that reconnects
//! with `Last-Event-ID` gets exactly what it doesn't have yet. A change is noticed at once if this
//! process makes it, and within two seconds if another does. A stream ends with the job, or after
//! ten minutes: the browser then comes back by itself and its rights are checked anew.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt, future::BoxFuture, stream};
use sha2::{Digest, Sha256};
use stoa_model::id::JobId;
use tokio::{sync::broadcast, time::Instant};

use crate::{app::App, fault::Fault};

const LOOK_AGAIN: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(600);

/// One look at a job.
pub struct Look {
    /// The whole state, rendered.
    pub state: String,
    /// Whether nothing more will come.
    pub over: bool,
}

/// How to look; called anew each time, so that rights are checked each time too.
pub type Looker = Arc<dyn Fn() -> BoxFuture<'static, Result<Look, Fault>> + Send + Sync>;

struct Watch {
    looker: Looker,
    job: JobId,
    changes: broadcast::Receiver<JobId>,
    seen: String,
    until: Instant,
    over: bool,
}

/// The stream of a job's states.
pub fn watch(
    app: &App,
    job: JobId,
    headers: &HeaderMap,
    looker: Looker,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let seen = headers.get("last-event-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let changes = app.control.job_changes();
    let watch = Watch { looker, job, changes, seen, until: Instant::now() + LONGEST, over: false };
    let events = stream::unfold((watch, true), |(mut watch, first)| async move {
        let event = watch.next(first).await?;
        Some((Ok(event), (watch, false)))
    });
    Sse::new(events.boxed()).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl Watch {
    async fn next(&mut self, mut at_once: bool) -> Option<Event> {
        if self.over {
            return None;
        }
        loop {
            if Instant::now() >= self.until {
                return None;
            }
            if !at_once {
                self.change().await;
            }
            at_once = false;
            let look = (self.looker)().await.ok()?;
            let id = hex::encode(&Sha256::digest(&look.state)[..8]);
            self.over = look.over;
            if id != self.seen {
                self.seen.clone_from(&id);
                return Some(Event::default().event("state").id(id).data(look.state));
            }
            if look.over {
                return Some(Event::default().event("end").data("end"));
            }
        }
    }

    /// Waits for a change of this job, two seconds at most.
    async fn change(&mut self) {
        let ours = async {
            loop {
                match self.changes.recv().await {
                    Ok(job) if job == self.job => return,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = tokio::time::timeout(LOOK_AGAIN, ours).await;
    }
}
