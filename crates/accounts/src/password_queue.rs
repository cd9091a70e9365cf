//! Who is next on the thread that hashes passwords: known browsers first, then one client network after the other, so
//! that no flood from one of them delays all others. What waits is bounded, for each client and in all.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use stoa_core::rate_limits::ClientNetwork;

/// Jobs of known browsers that may wait.
const MAX_KNOWN: usize = 256;
/// Jobs of all others that may wait.
const MAX_OTHERS: usize = 256;
/// Jobs of one client that may wait.
pub(crate) const MAX_PER_CLIENT: usize = 32;

/// Whose password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A browser that logged in before, or a session.
    Known,
    /// A client network; `None`: a command on this machine.
    Client(Option<ClientNetwork>),
}

/// Jobs that wait.
pub(crate) struct PasswordQueue<J> {
    waiting: Mutex<Waiting<J>>,
    changed: Condvar,
}

struct Waiting<J> {
    known: VecDeque<J>,
    clients: VecDeque<(Option<ClientNetwork>, VecDeque<J>)>,
    others: usize,
    is_closed: bool,
}

impl<J> Default for PasswordQueue<J> {
    fn default() -> Self {
        let (known, clients) = (VecDeque::new(), VecDeque::new());
        let waiting = Waiting { known, clients, others: 0, is_closed: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }
}

impl<J> PasswordQueue<J> {
    /// Adds a job; returns false if too many wait.
    pub fn push(&self, priority: Priority, job: J) -> bool {
        let mut waiting = self.locked();
        let has_room = match priority {
            Priority::Known => waiting.push_known(job),
            Priority::Client(client) => waiting.push_client(client, job),
        };
        drop(waiting);
        self.changed.notify_one();
        has_room
    }

    /// Waits for the next job; `None` once the queue is closed.
    pub fn next(&self) -> Option<J> {
        let mut waiting = self.locked();
        loop {
            if waiting.is_closed {
                return None;
            }
            if let Some(job) = waiting.pop() {
                return Some(job);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops all jobs and ends the thread.
    pub fn close(&self) {
        let mut waiting = self.locked();
        waiting.is_closed = true;
        waiting.known.clear();
        waiting.clients.clear();
        drop(waiting);
        self.changed.notify_all();
    }

    fn locked(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Waiting<J> {
    fn push_known(&mut self, job: J) -> bool {
        let has_room = self.known.len() < MAX_KNOWN && !self.is_closed;
        if has_room {
            self.known.push_back(job);
        }
        has_room
    }

    fn push_client(&mut self, client: Option<ClientNetwork>, job: J) -> bool {
        if self.others >= MAX_OTHERS || self.is_closed {
            return false;
        }
        let own = self.clients.iter_mut().find(|(other, _)| *other == client);
        match own {
            Some((_, jobs)) if jobs.len() >= MAX_PER_CLIENT => return false,
            Some((_, jobs)) => jobs.push_back(job),
            None => self.clients.push_back((client, VecDeque::from([job]))),
        }
        self.others += 1;
        true
    }

    fn pop(&mut self) -> Option<J> {
        if let Some(job) = self.known.pop_front() {
            return Some(job);
        }
        let (client, mut jobs) = self.clients.pop_front()?;
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.clients.push_back((client, jobs));
        }
        self.others -= usize::from(job.is_some());
        job
    }
}

#[cfg(test)]
mod tests {
    use stoa_core::rate_limits::client_limits;

    use super::*;

    fn client(last: u8) -> Priority {
        Priority::Client(Some(client_limits([192, 0, 2, last].into()).0))
    }

    #[test]
    fn known_browsers_are_first_and_clients_take_turns() {
        let queue = PasswordQueue::default();
        for (priority, job) in [
            (client(1), "flood 1"),
            (client(1), "flood 2"),
            (client(1), "flood 3"),
            (client(2), "jane"),
            (Priority::Client(None), "local"),
            (Priority::Known, "known"),
        ] {
            assert!(queue.push(priority, job));
        }
        let order: Vec<_> = (0..6).map(|_| queue.next().unwrap()).collect();
        assert_eq!(order, ["known", "flood 1", "jane", "local", "flood 2", "flood 3"]);
    }

    #[test]
    fn what_waits_is_bounded_for_each_client_and_in_all() {
        let queue = PasswordQueue::default();
        let pushed = |priority| (0..1000).take_while(|n| queue.push(priority, *n)).count();
        assert_eq!(pushed(client(1)), MAX_PER_CLIENT);
        let all: usize = (2..=100).map(|last| pushed(client(last))).sum();
        assert_eq!(all, MAX_OTHERS - MAX_PER_CLIENT);
        assert_eq!(pushed(Priority::Known), MAX_KNOWN, "they have places of their own");
        queue.close();
        assert_eq!(queue.next(), None);
        assert!(!queue.push(Priority::Known, 1));
    }
}
