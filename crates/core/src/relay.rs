//! Passes the hints of the [`Bus`](crate::bus::Bus) on between processes, over PostgreSQL. On other databases, processes
//! find each other's work at their next tick, which [`poll_interval`] makes short.

use std::{collections::HashSet, time::Duration};

use stoa_db::{
    Backend, DbError,
    core::events::{EventListener, MAX_MESSAGE_BYTES},
};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{Core, bus::Event};

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(2);

/// How often a process looks for what others have changed: a second, as somebody tells it; a quarter, if nobody does.
pub fn poll_interval(core: &Core) -> Duration {
    match core.db.backend() {
        Backend::MySql => Duration::from_millis(250),
        Backend::Sqlite | Backend::Postgres => Duration::from_secs(1),
    }
}

/// Passes hints on until `stop`.
pub async fn run(core: &Core, stop: &CancellationToken) {
    if core.db.backend() != Backend::Postgres {
        return;
    }
    let Some(outgoing) = core.bus.connect() else { return };
    tokio::select! {
        () = stop.cancelled() => {}
        () = receive(core) => {}
        () = send(core, outgoing) => {}
    }
}

async fn receive(core: &Core) {
    let mut is_first = true;
    loop {
        match core.db.listen().await {
            Ok(Some(listener)) => {
                // What others said while nobody listened is lost.
                if !std::mem::take(&mut is_first) {
                    core.bus.wake_all();
                }
                if let Err(error) = deliver_all(core, listener).await {
                    tracing::warn!(%error, "lost the connection to other processes; will connect again");
                }
            }
            Ok(None) => return std::future::pending().await,
            Err(error) => tracing::warn!(%error, "cannot listen to other processes; will retry"),
        }
        sleep(PAUSE).await;
    }
}

async fn deliver_all(core: &Core, mut listener: EventListener) -> Result<(), DbError> {
    loop {
        match listener.next().await? {
            Some(message) => deliver(core, &message),
            None => core.bus.wake_all(),
        }
    }
}

fn deliver(core: &Core, message: &str) {
    let Some((sender, lines)) = message.split_once('\n').filter(|(sender, _)| *sender != core.leases.owner()) else {
        return;
    };
    tracing::trace!(sender, lines, "another process");
    lines.lines().filter_map(Event::parse).for_each(|event| core.bus.deliver(event));
}

async fn send(core: &Core, mut outgoing: UnboundedReceiver<Event>) {
    while let Some(first) = outgoing.recv().await {
        let mut events = HashSet::from([first]);
        let mut message = format!("{}\n{}", core.leases.owner(), first.to_text());
        while message.len() < MAX_MESSAGE_BYTES - 100
            && let Ok(event) = outgoing.try_recv()
        {
            if events.insert(event) {
                message.push('\n');
                message.push_str(&event.to_text());
            }
        }
        if let Err(error) = core.db.notify(&message).await {
            tracing::debug!(%error, "could not notify other processes; they find the work at their next tick");
        }
    }
}

#[cfg(test)]
mod tests {
    use stoa_model::id::JobId;

    use super::*;

    #[test]
    fn an_event_fits_into_what_is_kept_free() {
        assert!(Event::JobChanged(JobId::from_uuid(uuid::Uuid::max())).to_text().len() < 99);
    }
}
