//! Tables on their way to nginx. While one is being applied, the next ones wait in a single place, where
//! a newer one replaces an older one: so a caller waits for the reload that is running and for its own,
//! however many others call.

use std::sync::{Mutex, PoisonError};

use stoa_model::route::RoutingTable;

/// The place.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Calls so far.
    tickets: u64,
    table: Option<RoutingTable>,
}

impl Queue {
    /// Leaves a table there, unless a newer one waits. The ticket says which calls [`take`](Self::take)
    /// serves.
    pub(crate) fn push(&self, table: RoutingTable) -> u64 {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.table.as_ref().is_none_or(|other| other.version <= table.version) {
            waiting.table = Some(table);
        }
        waiting.tickets += 1;
        waiting.tickets
    }

    /// Takes the newest table, and the last ticket that it serves.
    pub(crate) fn take(&self) -> (u64, Option<RoutingTable>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (waiting.tickets, waiting.table.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_table_serves_all_calls_so_far() {
        let (queue, table) = (Queue::default(), |version| RoutingTable { version, ..RoutingTable::default() });
        assert_eq!([queue.push(table(3)), queue.push(table(5)), queue.push(table(4))], [1, 2, 3]);
        let (tickets, taken) = queue.take();
        assert_eq!((tickets, taken.map(|table| table.version)), (3, Some(5)));
        assert_eq!(queue.take(), (3, None));
        assert_eq!(queue.push(table(5)), 4, "the same table again is applied again");
        assert!(queue.take().1.is_some());
    }
}
