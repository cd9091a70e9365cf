//! Reads of customers' data by staff, in the audit trail. One entry an hour for each session, customer and kind of data
//! shows who looked at what, and doesn't flood the trail. Each process remembers its own.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::json;
use stoa_db::history;
use stoa_model::{
    account::Actor,
    id::{CustomerId, SiteId},
};

use crate::{Core, RequestContext, Result};

/// Reads that are remembered; beyond that, some are noted again.
const MAX_REMEMBERED: usize = 10_000;

/// What staff look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerData {
    /// The customer: addresses, people, notes.
    Profile,
    /// A page of one of their sites.
    Site(SiteId),
    /// The logins of a site.
    Credentials(SiteId),
    /// The log lines of a site.
    Logs(SiteId),
}

impl CustomerData {
    fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Site(_) => "site",
            Self::Credentials(_) => "credentials",
            Self::Logs(_) => "logs",
        }
    }

    fn site(self) -> Option<SiteId> {
        match self {
            Self::Profile => None,
            Self::Site(site) | Self::Credentials(site) | Self::Logs(site) => Some(site),
        }
    }
}

/// What was noted within the current hour.
#[derive(Default)]
pub struct RecentReads(Mutex<(i64, HashSet<String>)>);

impl RecentReads {
    fn has(&self, key: &str, hour: i64) -> bool {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.0 == hour && recent.1.contains(key)
    }

    fn add(&self, key: String, hour: i64) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.0 != hour || recent.1.len() >= MAX_REMEMBERED {
            *recent = (hour, HashSet::new());
        }
        recent.1.insert(key);
    }
}

impl Core {
    /// Notes that somebody looks at a customer's data, if they are staff. Call it before the data is shown: what can't be
    /// noted must not be shown.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn audit_staff_read(&self, cx: &RequestContext, customer: CustomerId, data: CustomerData) -> Result<()> {
        if !matches!(cx.actor, Actor::Staff(..)) {
            return Ok(());
        }
        let detail = match data.site() {
            Some(site) => json!({ "data": data.name(), "site": site }),
            None => json!({ "data": data.name() }),
        };
        let event = &cx.audit("customer.read", customer, detail);
        let credential = event.credential.as_deref().unwrap_or_default();
        let key = format!("{} {credential} {customer} {}", cx.actor, data.name());
        let hour = cx.now.as_second().div_euclid(3600);
        if self.staff_reads.has(&key, hour) {
            return Ok(());
        }
        self.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        self.staff_reads.add(key, hour);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_remembered_for_its_hour() {
        let recent = RecentReads::default();
        assert!(!recent.has("a", 1));
        recent.add("a".into(), 1);
        assert!(recent.has("a", 1) && !recent.has("b", 1) && !recent.has("a", 2));
        recent.add("b".into(), 2);
        assert!(!recent.has("a", 1) && recent.has("b", 2));
    }
}
