//! The search box of staff: one text, and everything that it may mean.

pub(crate) mod index;

use stoa_accounts::view::CustomerView;
use stoa_core::{Error, RequestContext, Result, view::JobView};
use stoa_domains::view::DomainLine;
use stoa_model::account::Role;
use stoa_sites::view::SiteView;

use crate::Control;

/// Results of a kind that are shown; the rest is behind a link to the filtered list.
const MAX_SHOWN: usize = 8;

/// What a text was found in.
#[derive(Debug, Default)]
pub struct SearchResults {
    /// Sites, by title, name, owner or id.
    pub sites: Found<SiteView>,
    /// Customers, by name, e-mail address or id.
    pub customers: Found<CustomerView>,
    /// Custom domains.
    pub domains: Found<DomainLine>,
    /// A job, by its id.
    pub jobs: Found<JobView>,
}

/// What was found of a kind.
#[derive(Debug)]
pub struct Found<T> {
    /// The first of them.
    pub first: Vec<T>,
    /// How many there are.
    pub total: u64,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { first: Vec::new(), total: 0 }
    }
}

impl<T> Found<T> {
    fn one(found: Result<T>) -> Result<Self> {
        match found {
            Ok(found) => Ok(Self { first: vec![found], total: 1 }),
            Err(Error::NotFound(_)) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }
}

impl Control {
    /// What this text is found in, for staff: an id of a site, a customer or a job, or part of a name.
    ///
    /// # Errors
    /// Below the role support; if the database does not answer.
    pub async fn search(&self, cx: &RequestContext, text: &str) -> Result<SearchResults> {
        cx.require(Role::Support)?;
        let text = text.trim();
        let none = SearchResults::default();
        if text.is_empty() {
            return Ok(none);
        }
        if let Ok(id) = text.parse() {
            return Ok(SearchResults { sites: Found::one(self.sites.get(cx, id).await)?, ..none });
        }
        if let Ok(id) = text.parse() {
            return Ok(SearchResults { customers: Found::one(self.accounts.get_customer(cx, id).await)?, ..none });
        }
        if let Ok(id) = text.parse() {
            return Ok(SearchResults { jobs: Found::one(self.jobs.get(cx, id).await)?, ..none });
        }
        let hits = self.search_index.find(&self.core.db, text, MAX_SHOWN).await?;
        let ((sites, of_sites), (customers, of_customers), (domains, of_domains)) =
            (hits.sites, hits.customers, hits.domains);
        Ok(SearchResults {
            sites: Found { first: self.sites.get_many(cx, &sites).await?, total: of_sites },
            customers: Found { first: self.accounts.get_customers(cx, &customers).await?, total: of_customers },
            domains: Found { first: self.domains.get_lines(cx, &domains).await?, total: of_domains },
            ..none
        })
    }
}
