//! Which addresses were given to sites lately: one that failed is not tried again at every tick.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use stoa_model::id::SiteId;

/// Between two tries of the platform itself to give a site the same address; each that fails is a
/// letter to staff.
const PAUSE: SignedDuration = SignedDuration::from_hours(6);

/// What was tried lately.
#[derive(Default)]
pub(crate) struct AddressCooldown(Mutex<HashMap<SiteId, (String, Timestamp)>>);

impl AddressCooldown {
    /// A job to this address begins.
    pub fn begin(&self, site: SiteId, url: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, at)| now.duration_since(*at) < PAUSE);
        all.insert(site, (url.to_owned(), now));
    }

    /// Whether this address was given to the site a short while ago: it is asked only for a site
    /// that does not have it, so that attempt failed.
    pub fn failed_lately(&self, site: SiteId, url: &str, now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&site).is_some_and(|(tried, at)| tried == url && now.duration_since(*at) < PAUSE)
    }
}
