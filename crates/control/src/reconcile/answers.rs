//! What the edge answers itself, on every host: an authority's challenges.

use std::collections::BTreeMap;

use stoa_model::route::RoutingTable;

use crate::{Control, Result};

impl Control {
    /// Lets the edge answer these paths with these texts, on every host; returns when it does.
    pub(crate) async fn answers_put(&self, answers: BTreeMap<String, String>) -> Result<()> {
        let mut table = self.routes.table.lock().await;
        let mut next = RoutingTable { version: self.next_version(&table), ..table.clone() };
        next.answers.extend(answers);
        self.routes_apply(&mut table, next, None).await
    }

    /// Takes answers away again. An edge that can't follow keeps them a little longer.
    pub(crate) async fn answers_remove<'a>(&self, paths: impl Iterator<Item = &'a String>) {
        let mut table = self.routes.table.lock().await;
        let mut next = RoutingTable { version: self.next_version(&table), ..table.clone() };
        for path in paths {
            next.answers.remove(path);
        }
        if let Err(error) = self.routes_apply(&mut table, next, None).await {
            tracing::warn!(error = error.for_operator(), "the edge still answers a challenge that is over");
        }
    }
}
