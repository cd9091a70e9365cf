//! Asking the CA to validate the names, and waiting for the result (RFC 8555 7.5.1).

use std::collections::HashSet;

use instant_acme::{AuthorizationStatus, ChallengeStatus, Error, Order, OrderStatus, RetryPolicy};

use super::{
    Acme, AcmeError, Method,
    order::{Authorization, authorizations, challenge_type, loss_reason},
    problem::{self, persist},
    within,
};

impl Acme {
    /// Tells the CA that all answers are in place, and waits until it has validated them. `method` is
    /// that of [`Acme::order`]. Safe to repeat, also after a crash.
    ///
    /// # Errors
    /// `Refused` with the name and the reason if validation failed; `Gone` if the order is over;
    /// `Unreachable` if the CA has not decided in time; or any other kind.
    pub async fn ready(&self, url: &str, method: Method) -> Result<(), AcmeError> {
        within(self.patience, &format!("proving the names of the order {url}"), async {
            let mut order = self.load(url).await?;
            match order.state().status {
                OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid => Ok(()),
                OrderStatus::Invalid => Err(loss_reason(&mut order).await),
                OrderStatus::Pending => {
                    start_validation(&mut order, method).await?;
                    self.wait_until_ready(&mut order).await
                }
            }
        })
        .await
    }

    /// Waits until the order is ready.
    async fn wait_until_ready(&self, order: &mut Order) -> Result<(), AcmeError> {
        let policy = self.retry_policy();
        match persist!(order.poll_ready(&policy)) {
            Ok(OrderStatus::Invalid) => Err(loss_reason(order).await),
            Ok(_) => Ok(()),
            Err(error) => {
                // The order may stay pending for a while after a name was refused.
                let invalid = |all: Vec<Authorization>| all.iter().any(|a| a.status == AuthorizationStatus::Invalid);
                let lost =
                    order.state().status == OrderStatus::Invalid || authorizations(order).await.is_ok_and(invalid);
                Err(if lost { loss_reason(order).await } else { error })
            }
        }
    }

    /// Waits a quarter of a second, then each time a quarter longer, unless the CA says how long.
    pub(super) fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy::new().backoff(1.25).timeout(self.patience)
    }
}

/// Asks the CA to validate all names, one at a time because each may need several nonces.
async fn start_validation(order: &mut Order, method: Method) -> Result<(), AcmeError> {
    let mut started = HashSet::new();
    while let Some(url) = persist!(start_next(order, method, &started))? {
        started.insert(url);
    }
    Ok(())
}

/// Asks the CA to validate the first name that is not in `started`. Returns the URL of its
/// authorization, or `None` if there is no such name.
async fn start_next(order: &mut Order, method: Method, started: &HashSet<String>) -> Result<Option<String>, Error> {
    let mut all = order.authorizations();
    while let Some(next) = all.next().await {
        let mut next = next?;
        let url = next.url().to_owned();
        if next.status != AuthorizationStatus::Pending || started.contains(&url) {
            continue;
        }
        let Some(mut challenge) = next.challenge(challenge_type(method)) else { continue };
        // After a crash the CA may be validating already; for some CAs a second request is an error.
        if challenge.status != ChallengeStatus::Pending {
            continue;
        }
        match challenge.set_ready().await {
            Err(Error::Api(problem)) if problem::name(&problem) != Some("badNonce") => {
                // It was validated already: the state of the order will show the result.
                tracing::info!(%problem, url, "the certificate authority did not accept a challenge");
            }
            outcome => outcome?,
        }
        return Ok(Some(url));
    }
    Ok(None)
}
