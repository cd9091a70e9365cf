//! Forgets what is over: idle sessions, old idempotency keys, certificates long out of use, addresses that tried nothing lately.
//!
//! What a clock that is ahead deletes is gone for good. So a clock that has leapt is not believed until
//! it has gone on for a day; a machine that was off for days waits as long, which does no harm.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stoa_db::{certificates, idempotency, meta};

use crate::{Control, Result};

/// How long an idempotency key holds.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How long a certificate that is served no more can be looked at; its key is of no use by then.
const CERTIFICATE_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// So far a clock may have moved since it was last looked at; and so long it has to go on otherwise.
const LEAP: SignedDuration = SignedDuration::from_hours(24);

const KEY: &str = "tidied";

/// When the clock was last looked at.
#[derive(Serialize, Deserialize)]
struct Tidied {
    last: Timestamp,
    /// It is believed from this time on.
    from: Timestamp,
}

impl Control {
    pub(crate) async fn tidy(&self) -> Result<()> {
        let now = self.clock.now();
        self.throttle.tidy();
        let from = self.clock_believed_from(now).await?;
        if now >= from {
            self.tidy_now(now).await?;
        }
        let text = &serde_json::json!(Tidied { last: now, from }).to_string();
        Ok(self.db.write(|tx| Box::pin(async move { meta::meta_set(&tx, KEY, text).await })).await?)
    }

    async fn tidy_now(&self, now: Timestamp) -> Result<()> {
        self.sessions_tidy(now).await?;
        self.db.write(|tx| Box::pin(async move { idempotency::idempotency_prune(&tx, now - KEY_AGE).await })).await?;
        let (ended, before) = (now - LEAP, now - CERTIFICATE_AGE);
        let body = async |tx: &stoa_db::Tx| {
            certificates::certificates_end(tx, ended, now).await?;
            certificates::certificates_prune(tx, before).await
        };
        self.db.write(|tx| Box::pin(async move { body(&tx).await })).await?;
        Ok(())
    }

    /// When the clock is believed, if it goes on as clocks do.
    async fn clock_believed_from(&self, now: Timestamp) -> Result<Timestamp> {
        let noted = meta::meta_get(&self.db, KEY).await?;
        Ok(match noted.and_then(|text| serde_json::from_str::<Tidied>(&text).ok()) {
            // Nothing is known of it yet.
            None => now,
            Some(Tidied { last, .. }) if now.duration_since(last).abs() > LEAP => {
                tracing::warn!(%last, "the clock has leapt by more than a day; nothing is tidied away until it has gone on for one");
                now + LEAP
            }
            Some(Tidied { from, .. }) => from,
        })
    }
}
