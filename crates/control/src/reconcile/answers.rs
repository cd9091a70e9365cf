//! What the edge answers itself, on every host: an authority's challenges, and the proofs of domains.

use std::collections::BTreeMap;

use stoa_db::domains;
use stoa_model::{domain::DomainState, route::RoutingTable};

use crate::{Control, Result, domains::proof_path};

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

    /// Paths and texts that prove the domains that are claimed.
    pub(super) async fn proofs(&self) -> Result<BTreeMap<String, String>> {
        let claims = domains::domains_in(&self.db, DomainState::Claimed).await?;
        Ok(claims.into_iter().map(|domain| (proof_path(&domain.token), domain.token)).collect())
    }

    /// Answers with the proofs of all domains that are claimed, and of no others.
    pub(crate) async fn answers_follow(&self) {
        let followed = async {
            let proofs = self.proofs().await?;
            let mut table = self.routes.table.lock().await;
            let mut next = RoutingTable { version: self.next_version(&table), ..table.clone() };
            next.answers.retain(|path, _| !path.starts_with(&proof_path("")));
            next.answers.extend(proofs);
            if next.answers == table.answers {
                return Ok(());
            }
            self.routes_apply(&mut table, next, None).await
        };
        if let Err(error) = followed.await {
            tracing::warn!(error = error.for_operator(), "the edge does not answer for new domains yet");
        }
    }
}
