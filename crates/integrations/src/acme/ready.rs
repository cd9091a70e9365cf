//! Telling the CA that the answers are in place, and waiting for its verdict (RFC 8555 7.5.1).

use std::collections::HashSet;

use instant_acme::{AuthorizationStatus, ChallengeStatus, Error, Order, OrderStatus, RetryPolicy};

use super::{
    Acme, AcmeError, Method,
    order::{Authorization, authorizations, kind_of, why_lost},
    problem::{self, persist},
    within,
};

impl Acme {
    /// Tells the CA that all answers are in place, and waits until it has looked at them.
    /// `method` is the one of [`Acme::order`]. Safe to repeat, after a crash too.
    ///
    /// # Errors
    /// `Refused` with the name and the reason if the CA was not satisfied; `Gone` if the order is
    /// over; `Unreachable` if the CA has not decided in time; or any other kind.
    pub async fn ready(&self, url: &str, method: Method) -> Result<(), AcmeError> {
        within(self.patience, &format!("proving the names of the order {url}"), async {
            let mut order = self.load(url).await?;
            match order.state().status {
                OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid => Ok(()),
                OrderStatus::Invalid => Err(why_lost(&mut order).await),
                OrderStatus::Pending => {
                    announce(&mut order, method).await?;
                    self.settled(&mut order).await
                }
            }
        })
        .await
    }

    /// Waits until the order is ready.
    async fn settled(&self, order: &mut Order) -> Result<(), AcmeError> {
        let policy = self.policy();
        match persist!(order.poll_ready(&policy)) {
            Ok(OrderStatus::Invalid) => Err(why_lost(order).await),
            Ok(_) => Ok(()),
            Err(error) => {
                // A CA may leave the order pending for a while after it has refused a name.
                let invalid = |all: Vec<Authorization>| all.iter().any(|a| a.status == AuthorizationStatus::Invalid);
                let lost =
                    order.state().status == OrderStatus::Invalid || authorizations(order).await.is_ok_and(invalid);
                Err(if lost { why_lost(order).await } else { error })
            }
        }
    }

    /// From a quarter of a second on, each wait a quarter longer, unless the CA says how long.
    pub(super) fn policy(&self) -> RetryPolicy {
        RetryPolicy::new().backoff(1.25).timeout(self.patience)
    }
}

/// Tells the CA to look at all names. One at a time: each may need several nonces.
async fn announce(order: &mut Order, method: Method) -> Result<(), AcmeError> {
    let mut told = HashSet::new();
    while let Some(url) = persist!(tell(order, method, &told))? {
        told.insert(url);
    }
    Ok(())
}

/// Tells the CA to look at the first name that was not told; answers the URL of its authorization,
/// or none if all were.
async fn tell(order: &mut Order, method: Method, told: &HashSet<String>) -> Result<Option<String>, Error> {
    let mut all = order.authorizations();
    while let Some(next) = all.next().await {
        let mut next = next?;
        let url = next.url().to_owned();
        if next.status != AuthorizationStatus::Pending || told.contains(&url) {
            continue;
        }
        let Some(mut challenge) = next.challenge(kind_of(method)) else { continue };
        // After a crash the CA may be looking already: telling it twice is an error for some.
        if challenge.status != ChallengeStatus::Pending {
            continue;
        }
        match challenge.set_ready().await {
            Err(Error::Api(problem)) if problem::name(&problem) != Some("badNonce") => {
                // It looked already, or faster than it answered: the state of the order will tell.
                tracing::info!(%problem, url, "the certificate authority did not take a challenge");
            }
            outcome => outcome?,
        }
        return Ok(Some(url));
    }
    Ok(None)
}
