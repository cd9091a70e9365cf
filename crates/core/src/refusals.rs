//! Refused requests in the audit trail: what somebody may not do, and what came too often. One of a kind a minute is
//! enough to notice them, and a flood of them must not fill the database.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::json;
use stoa_db::history;

use crate::{Core, RequestContext, Result, rate_limits::client_limits};

/// Entries per minute and process.
const MAX_PER_MINUTE: usize = 100;

/// What was noted within the current minute.
#[derive(Default)]
pub struct RecentRefusals(Mutex<(i64, HashSet<String>)>);

impl RecentRefusals {
    /// Whether this is the first of its kind within the minute.
    fn is_first(&self, key: String, minute: i64) -> bool {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.0 != minute {
            *recent = (minute, HashSet::new());
        }
        recent.1.len() < MAX_PER_MINUTE && recent.1.insert(key)
    }
}

impl Core {
    /// Notes that a request was refused: `outcome` is `forbidden` or `throttled`, `target` its method and path.
    pub async fn audit_refusal(&self, cx: &RequestContext, target: &str, outcome: &str) -> Result<()> {
        let client = cx.address.map(|address| client_limits(address).0.to_string()).unwrap_or_default();
        // Throttled requests of one client are alike, whatever they ask for.
        let what = if outcome == "throttled" { "" } else { target };
        let key = format!("{outcome} {} {client} {what}", cx.actor);
        if !self.refusals.is_first(key, cx.now.as_second().div_euclid(60)) {
            return Ok(());
        }
        let event = &cx.audit_outcome("request.refused", target, outcome, json!({}));
        Ok(self.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_noted_a_minute_and_a_flood_is_bounded() {
        let recent = RecentRefusals::default();
        assert!(recent.is_first("a".into(), 1) && recent.is_first("b".into(), 1));
        assert!(!recent.is_first("a".into(), 1));
        assert!(recent.is_first("a".into(), 2));
        let noted = (0..1000).filter(|n| recent.is_first(n.to_string(), 2)).count();
        assert_eq!(noted, MAX_PER_MINUTE - 1);
    }
}
