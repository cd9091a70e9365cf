//! What a site is bought with. The area `billing` decides it, and writes down who has bought what in the transaction of the
//! order.

use async_trait::async_trait;
use stoa_core::{RequestContext, Result};
use stoa_db::Tx;
use stoa_model::{
    blueprint::Blueprint,
    id::CheckoutId,
    limits::{Bytes, Limits, MilliCpu},
    route::RouteLimits,
    site::Site,
};

/// What a site is bought with.
#[derive(Clone, Copy)]
pub struct OrderTerms<'a> {
    /// Memory of its main service.
    pub memory: Bytes,
    /// Processor time of its main service.
    pub cpu: MilliCpu,
    /// What it may store.
    pub disk: Bytes,
    /// What its visitors may use of the edge.
    pub edge: RouteLimits,
    /// Optional services; those that the blueprint doesn't have are left out.
    pub profiles: &'a [&'a str],
    /// The checkout that has reserved its name.
    pub checkout: Option<CheckoutId>,
    /// Writes down what was bought.
    pub record: &'a dyn RecordOrder,
}

/// What a site may use from now on.
#[derive(Clone, Copy)]
pub struct NewTerms<'a> {
    /// Memory of its main service.
    pub memory: Bytes,
    /// Processor time of its main service.
    pub cpu: MilliCpu,
    /// What it may store.
    pub disk: Bytes,
    /// What its visitors may use of the edge.
    pub edge: RouteLimits,
    /// Optional services; those that the blueprint doesn't have are left out.
    pub profiles: &'a [&'a str],
}

/// Writes down what was bought, in the transaction of the order.
#[async_trait]
pub trait RecordOrder: Send + Sync {
    /// Called with the site before it is saved for good; an error refuses the order.
    async fn record(&self, tx: &Tx, cx: &RequestContext, site: &Site) -> Result<()>;
}

impl OrderTerms<'_> {
    /// Limits of the main service, with what plans don't say taken from `usual`.
    pub(crate) fn limits(&self, usual: Limits) -> Limits {
        Limits { memory: self.memory, cpu: self.cpu, ..usual }
    }

    /// The optional services that this blueprint has.
    pub(crate) fn profiles_of(&self, blueprint: &Blueprint) -> Vec<String> {
        let known = blueprint.profiles();
        self.profiles.iter().filter(|profile| known.contains(**profile)).map(|&profile| profile.to_owned()).collect()
    }
}
