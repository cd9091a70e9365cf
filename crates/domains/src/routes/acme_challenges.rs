//! HTTP-01 challenges, which every edge answers itself on every host.

use crate::Domains;
use std::collections::BTreeMap;

use stoa_db::{
    Tx,
    domains::acme_challenges::{acme_challenges_all, acme_challenges_put, acme_challenges_remove},
    route_changes::RouteChange,
};
use stoa_model::route::RoutingTable;

use stoa_core::{Result, Wakeup};

impl Domains {
    /// Makes all edges respond to these paths with these texts on every host; returns when they do.
    pub(crate) async fn add_challenge_answers(&self, answers: BTreeMap<String, String>) -> Result<()> {
        let (answers, now) = (&answers, self.core.clock.now());
        let body = async |tx: &Tx| {
            acme_challenges_put(tx, answers, now).await?;
            self.route_changed(tx, RouteChange::Challenges).await
        };
        let version = self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?;
        self.core.bus.wake(Wakeup::Routes);
        self.apply_challenge_answers().await?;
        self.wait_for_edges(version).await
    }

    /// Removes responses. An edge that fails now keeps them until the next change.
    pub(crate) async fn remove_challenge_answers(&self, answers: &BTreeMap<String, String>) {
        let body = async |tx: &Tx| {
            acme_challenges_remove(tx, answers.keys()).await?;
            self.route_changed(tx, RouteChange::Challenges).await
        };
        let removed = async {
            self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?;
            self.apply_challenge_answers().await
        };
        if let Err(error) = removed.await {
            tracing::warn!(error = error.for_operator(), "cannot remove the response to a challenge from the edge yet");
        }
    }

    /// Makes the edge of this process respond as the database says.
    pub(super) async fn apply_challenge_answers(&self) -> Result<()> {
        if self.edge.is_none() {
            return Ok(());
        }
        let mut table = self.routes.table.lock().await;
        if table.version == 0 {
            // Nothing was loaded yet; the load reads them too.
            return Ok(());
        }
        let answers = acme_challenges_all(&self.core.db).await?;
        let next = RoutingTable { version: self.next_version(&table), answers, ..table.clone() };
        self.apply_if_changed(&mut table, next, None).await
    }
}
