//! Closes accounts whose notice is over: marks their sites for deletion, then erases the person. What is in the way, such
//! as a job of a site, is tried again at the next tick.

use stoa_core::{RequestContext, Result};
use stoa_model::{account::Actor, id::CustomerId, site::SiteState};

use crate::Control;

impl Control {
    pub(crate) async fn close_due_accounts(&self) -> Result<()> {
        for customer in self.accounts.due_closings().await? {
            if let Err(error) = self.close_account(customer).await {
                tracing::warn!(%customer, error = error.for_operator(), "could not close an account; will retry");
            }
        }
        Ok(())
    }

    async fn close_account(&self, customer: CustomerId) -> Result<()> {
        let system = self.core.system_context("closing");
        self.accounts.check_closing(customer).await?;
        let owner = RequestContext { actor: Actor::Customer(customer), ..system.clone() };
        let mut before = None;
        loop {
            let page = self.sites.list(&owner, before, 100).await?;
            before = page.items.last().map(|site| site.id);
            for site in page.items.iter().filter(|site| !is_going(site.state)) {
                self.sites.delete(&system, site.id).await?;
            }
            if page.next.is_none() {
                break;
            }
        }
        self.billing.forget_checkouts(customer).await?;
        self.accounts.finish_closing(&system, customer).await
    }
}

/// Whether a site is deleted, or marked for it.
fn is_going(state: SiteState) -> bool {
    matches!(state, SiteState::Deleting | SiteState::Deleted)
}
