//! What wakes workers and reconcilers, in this process and in others, so that work does not wait for a timer.
//!
//! Everything here is a hint: what there is to do is in the database, and whoever misses a hint finds it at the next
//! tick. [`relay`](crate::relay) passes hints on between processes.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, OnceLock, PoisonError},
};

use stoa_model::id::{JobId, SiteId};
use tokio::sync::{Notify, broadcast, mpsc};

/// How many changes a slow subscriber may lag behind before it misses some.
const CHANGE_BUFFER_CAPACITY: usize = 1024;

/// What there may be to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wakeup {
    /// A job was queued, cancelled or reopened.
    Jobs,
    /// A task was queued.
    Tasks,
    /// The runtime of any site may differ from its desired state.
    Runtime,
    /// Sites were marked with [`Bus::mark_dirty`].
    DirtySites,
    /// A site may be purged.
    Purge,
    /// Routes, certificates or challenges have changed.
    Routes,
    /// The set of names that need a certificate has changed.
    Certificates,
    /// Domains are due for a check.
    Domains,
    /// A site's main address may need to change.
    MainAddresses,
    /// The names of a site have changed.
    Environments,
    /// DNS records may differ from their desired state.
    DnsRecords,
    /// A site has sent mail.
    SiteMail,
}

/// All of them, with their names in messages.
const WAKEUPS: [(Wakeup, &str); 12] = [
    (Wakeup::Jobs, "jobs"),
    (Wakeup::Tasks, "tasks"),
    (Wakeup::Runtime, "runtime"),
    (Wakeup::DirtySites, "dirty-sites"),
    (Wakeup::Purge, "purge"),
    (Wakeup::Routes, "routes"),
    (Wakeup::Certificates, "certificates"),
    (Wakeup::Domains, "domains"),
    (Wakeup::MainAddresses, "main-addresses"),
    (Wakeup::Environments, "environments"),
    (Wakeup::DnsRecords, "dns-records"),
    (Wakeup::SiteMail, "site-mail"),
];

/// A hint to other processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    Wake(Wakeup),
    DirtySite(SiteId),
    JobChanged(JobId),
}

impl Event {
    /// Its text in a message.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Wake(wakeup) => {
                let name = WAKEUPS.iter().find(|(known, _)| *known == wakeup).map_or("", |(_, name)| name);
                format!("wake {name}")
            }
            Self::DirtySite(site) => format!("site {site}"),
            Self::JobChanged(job) => format!("job {job}"),
        }
    }

    /// `None` for an event of another release.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("wake", name) => WAKEUPS.iter().find(|(_, known)| *known == name).map(|(wakeup, _)| Self::Wake(*wakeup)),
            ("site", id) => id.parse().ok().map(Self::DirtySite),
            ("job", id) => id.parse().ok().map(Self::JobChanged),
            _ => None,
        }
    }
}

/// The hints of one process.
#[derive(Debug)]
pub struct Bus {
    wakeups: [Notify; WAKEUPS.len()],
    dirty: Mutex<HashSet<SiteId>>,
    job_changes: broadcast::Sender<JobId>,
    /// To other processes, if there can be any.
    outgoing: OnceLock<mpsc::UnboundedSender<Event>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            wakeups: Default::default(),
            dirty: Mutex::default(),
            job_changes: broadcast::channel(CHANGE_BUFFER_CAPACITY).0,
            outgoing: OnceLock::new(),
        }
    }
}

impl Bus {
    /// Says in all processes that there may be something to do.
    pub fn wake(&self, wakeup: Wakeup) {
        self.send(Event::Wake(wakeup));
    }

    /// Schedules this site for the runtime reconciler, in the process that runs it.
    pub fn mark_dirty(&self, site: SiteId) {
        self.send(Event::DirtySite(site));
    }

    /// Tells subscribers in all processes that a job has changed.
    pub fn job_changed(&self, job: JobId) {
        self.send(Event::JobChanged(job));
    }

    /// Like [`wake`](Self::wake), in this process only.
    pub fn wake_here(&self, wakeup: Wakeup) {
        self.deliver(Event::Wake(wakeup));
    }

    /// Like [`mark_dirty`](Self::mark_dirty), in this process only.
    pub fn mark_dirty_here(&self, site: SiteId) {
        self.deliver(Event::DirtySite(site));
    }

    /// Notified when there may be something to do.
    pub fn wakeup(&self, wakeup: Wakeup) -> &Notify {
        &self.wakeups[wakeup as usize]
    }

    /// Returns the sites marked since the last call.
    pub fn take_dirty(&self) -> HashSet<SiteId> {
        mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ids of jobs as they change.
    pub fn job_changes(&self) -> broadcast::Receiver<JobId> {
        self.job_changes.subscribe()
    }

    /// Wakes everything in this process, because hints of others may have been lost.
    pub(crate) fn wake_all(&self) {
        self.wakeups.iter().for_each(Notify::notify_one);
    }

    /// The events of this process from now on, for other processes. `None` if they have a receiver.
    pub(crate) fn connect(&self) -> Option<mpsc::UnboundedReceiver<Event>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.outgoing.set(sender).ok().map(|()| receiver)
    }

    fn send(&self, event: Event) {
        self.deliver(event);
        if let Some(outgoing) = self.outgoing.get() {
            // Without a receiver the process ends.
            let _ = outgoing.send(event);
        }
    }

    /// Delivers an event within this process.
    pub(crate) fn deliver(&self, event: Event) {
        match event {
            Event::Wake(wakeup) => self.wakeup(wakeup).notify_one(),
            Event::DirtySite(site) => {
                self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(site);
                self.wakeup(Wakeup::DirtySites).notify_one();
            }
            // Without subscribers nobody needs to know.
            Event::JobChanged(job) => drop(self.job_changes.send(job)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_from_their_text() {
        let id = uuid::Uuid::from_u128(7);
        let mut all: Vec<_> = WAKEUPS.iter().map(|(wakeup, _)| Event::Wake(*wakeup)).collect();
        all.extend([Event::DirtySite(SiteId::from_uuid(id)), Event::JobChanged(JobId::from_uuid(id))]);
        for event in all {
            assert_eq!(Event::parse(&event.to_text()), Some(event));
        }
        assert_eq!(Event::parse("wake of-a-later-release"), None);
        for (index, (wakeup, _)) in WAKEUPS.iter().enumerate() {
            assert_eq!(*wakeup as usize, index, "the order of the list is that of the enumeration");
        }
    }
}
