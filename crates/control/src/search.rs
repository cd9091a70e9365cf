//! The search box of staff: one text, and everything that it may mean.

use stoa_accounts::view::{CustomerSort, CustomerView};
use stoa_core::{
    Error, RequestContext, Result,
    view::{JobView, PageNumber},
};
use stoa_domains::view::{DomainFilter, DomainLine};
use stoa_model::account::Role;
use stoa_sites::view::{SiteFilter, SiteSort, SiteView};

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
    fn new(mut all: Vec<T>, total: u64) -> Self {
        all.truncate(MAX_SHOWN);
        Self { first: all, total }
    }

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
        let page = PageNumber::default();
        let filter = SiteFilter { text: Some(text.to_owned()), ..SiteFilter::default() };
        let sites = self.sites.search(cx, filter, SiteSort::Newest, page).await?.sites;
        let customers = self.accounts.search_customers(cx, Some(text), CustomerSort::Newest, page).await?;
        let filter = DomainFilter { text: Some(text.to_owned()), ..DomainFilter::default() };
        let (domains, _) = self.domains.search(cx, filter, page).await?;
        Ok(SearchResults {
            sites: Found::new(sites.items, sites.total),
            customers: Found::new(customers.items, customers.total),
            domains: Found::new(domains.items, domains.total),
            ..none
        })
    }
}
