//! HTTP-01 challenges, which the edge answers itself on every host.

use crate::Domains;
use std::collections::BTreeMap;

use stoa_model::route::RoutingTable;

use stoa_core::Result;

impl Domains {
    /// Makes the edge respond to these paths with these texts on every host; returns when the edge has applied it.
    pub(crate) async fn add_challenge_answers(&self, answers: BTreeMap<String, String>) -> Result<()> {
        let mut table = self.routes.table.lock().await;
        let mut next = RoutingTable { version: self.next_version(&table), ..table.clone() };
        next.answers.extend(answers);
        self.apply_table(&mut table, next, None).await
    }

    /// Removes responses. If the edge fails now, it keeps them until the next change.
    pub(crate) async fn remove_challenge_answers<'a>(&self, paths: impl Iterator<Item = &'a String>) {
        let mut table = self.routes.table.lock().await;
        let mut next = RoutingTable { version: self.next_version(&table), ..table.clone() };
        for path in paths {
            next.answers.remove(path);
        }
        if let Err(error) = self.apply_table(&mut table, next, None).await {
            tracing::warn!(error = error.for_operator(), "cannot remove the response to a challenge from the edge yet");
        }
    }
}
