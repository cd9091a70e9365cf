//! How many programs run inside sites' containers at the same time: each is a call that the engine holds open, outside of
//! what the site's own limits bound.

use std::{sync::Arc, time::Duration};

use stoa_core::{Error, Result};
use stoa_model::id::{CustomerId, SiteId};
use stoa_util::concurrency::{ConcurrencyLimit, Full, Place};

/// Programs in one site.
const PER_SITE: usize = 1;
/// Programs in all sites of one customer.
const PER_CUSTOMER: usize = 4;
/// Programs in all sites.
const TOTAL: usize = 64;
/// Between two attempts of a job to run its program.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The limits. Copies share them.
#[derive(Debug, Clone)]
pub struct ProgramLimits {
    sites: Arc<ConcurrencyLimit<SiteId>>,
    customers: Arc<ConcurrencyLimit<CustomerId>>,
}

/// Keep it while the program runs.
#[derive(Debug)]
pub struct ProgramPlace {
    _site: Place<SiteId>,
    _customer: Place<CustomerId>,
}

impl Default for ProgramLimits {
    fn default() -> Self {
        Self {
            sites: Arc::new(ConcurrencyLimit::new(PER_SITE, TOTAL)),
            customers: Arc::new(ConcurrencyLimit::new(PER_CUSTOMER, TOTAL)),
        }
    }
}

impl ProgramLimits {
    /// A place for a program that a person waits for.
    ///
    /// # Errors
    /// `Capacity` if there is none now.
    pub fn enter(&self, customer: CustomerId, site: SiteId) -> Result<ProgramPlace> {
        let in_site = self.sites.enter(&site).map_err(|full| match full {
            Full::Key => {
                Error::Capacity("Something else is being done inside this store. Try again in a few seconds.".into())
            }
            Full::Total => busy(),
        })?;
        let of_customer = self.customers.enter(&customer).map_err(|full| match full {
            Full::Key => Error::Capacity(format!(
                "Something is being done inside {PER_CUSTOMER} of your stores already. Try again in a few seconds."
            )),
            Full::Total => busy(),
        })?;
        Ok(ProgramPlace { _site: in_site, _customer: of_customer })
    }

    /// A place for a program of a job, which waits for it.
    pub async fn wait(&self, customer: CustomerId, site: SiteId) -> ProgramPlace {
        loop {
            match self.enter(customer, site) {
                Ok(place) => return place,
                Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }
}

fn busy() -> Error {
    Error::Capacity("Too much is being done inside stores at this moment. Try again in a minute.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(n)
    }

    #[tokio::test(start_paused = true)]
    async fn one_program_runs_in_a_site_and_a_few_in_a_customers() {
        let limits = ProgramLimits::default();
        let (jane, joe) = (CustomerId::from_uuid(id(1)), CustomerId::from_uuid(id(2)));
        let site = |n| SiteId::from_uuid(id(n));
        let places: Vec<_> = (0..4).map(|n| limits.enter(jane, site(n)).expect("a place")).collect();
        for (customer, n, text) in
            [(jane, 0, "inside this store"), (jane, 9, "4 of your stores"), (joe, 0, "inside this")]
        {
            let refused = limits.enter(customer, site(n)).expect_err("full").to_string();
            assert!(refused.contains(text), "{refused}");
        }
        limits.enter(joe, site(9)).expect("another customer's site");
        let waiting = tokio::spawn({
            let limits = limits.clone();
            async move { drop(limits.wait(jane, site(0)).await) }
        });
        tokio::time::sleep(POLL_INTERVAL * 3).await;
        assert!(!waiting.is_finished(), "a job waits");
        drop(places);
        waiting.await.expect("its turn");
    }
}
