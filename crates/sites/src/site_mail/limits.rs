//! How much mail of a site leaves. Beyond the limit it is accepted and waits: a store that sends a newsletter loses nothing,
//! and one that was broken into sends no more than a store may.

use jiff::{SignedDuration, Timestamp};
use stoa_core::{Result, settings::SiteMailSettings};
use stoa_db::{
    Conn,
    sites::mail::{MailVolume, mail_ended},
};
use stoa_model::id::SiteId;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Messages of a site that may wait where there is no limit for an hour.
const MAX_WAITING_MESSAGES: u64 = 10_000;
/// The same in bytes where there is no limit for a day.
const MAX_WAITING_BYTES: u64 = 1 << 30;

/// What a site has used of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MailUse {
    /// Messages of the last hour, counted once for each recipient.
    pub(super) messages_of_hour: u64,
    /// Bytes of the last 24 hours.
    pub(super) bytes_of_day: u64,
}

impl MailUse {
    pub(super) async fn of(db: &impl Conn, site: SiteId, now: Timestamp) -> Result<Self> {
        let messages_of_hour = mail_ended(db, site, now - HOUR).await?.messages;
        let bytes_of_day = mail_ended(db, site, now - DAY).await?.bytes;
        Ok(Self { messages_of_hour, bytes_of_day })
    }

    /// Why nothing more may leave; `None` if something may.
    pub(super) fn reached(self, limits: &SiteMailSettings) -> Option<String> {
        let (hourly, daily) = (u64::from(limits.hourly_messages), limits.daily_bytes.0);
        if hourly > 0 && self.messages_of_hour >= hourly {
            return Some(format!("The limit of {hourly} messages per hour is reached"));
        }
        let is_full = daily > 0 && self.bytes_of_day >= daily;
        is_full.then(|| format!("The limit of {} per day is reached", limits.daily_bytes.rounded()))
    }
}

/// Whether so much waits that no more is accepted: what leaves within a day, or two days' bytes.
pub(super) fn is_queue_full(waiting: MailVolume, limits: &SiteMailSettings) -> bool {
    let of = |limit: u64, times: u64, otherwise: u64| if limit == 0 { otherwise } else { limit.saturating_mul(times) };
    waiting.messages >= of(limits.hourly_messages.into(), 24, MAX_WAITING_MESSAGES)
        || waiting.bytes >= of(limits.daily_bytes.0, 2, MAX_WAITING_BYTES)
}

#[cfg(test)]
mod tests {
    use stoa_model::limits::Bytes;

    use super::*;

    #[test]
    fn limits_are_reached_exactly_and_zero_is_none() {
        let limits =
            SiteMailSettings { hourly_messages: 10, daily_bytes: Bytes::mib(1), ..SiteMailSettings::default() };
        let reached = |messages_of_hour, bytes_of_day, limits: &SiteMailSettings| {
            MailUse { messages_of_hour, bytes_of_day }.reached(limits)
        };
        assert_eq!(reached(9, (1 << 20) - 1, &limits), None);
        assert_eq!(reached(10, 0, &limits).as_deref(), Some("The limit of 10 messages per hour is reached"));
        assert_eq!(reached(0, 1 << 20, &limits).as_deref(), Some("The limit of 1 MB per day is reached"));
        let unlimited = SiteMailSettings { hourly_messages: 0, daily_bytes: Bytes(0), ..limits.clone() };
        assert_eq!(reached(u64::MAX, u64::MAX, &unlimited), None);

        let full = |messages, bytes, limits: &SiteMailSettings| is_queue_full(MailVolume { messages, bytes }, limits);
        assert!(!full(239, (2 << 20) - 1, &limits) && full(240, 0, &limits) && full(0, 2 << 20, &limits));
        assert!(!full(9999, 0, &unlimited) && full(10_000, 0, &unlimited) && full(0, 1 << 30, &unlimited));
    }
}
