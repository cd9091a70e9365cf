//! Forgets what is over: idle sessions, old idempotency keys, certificates long out of use, addresses that tried nothing lately.

use jiff::SignedDuration;
use stoa_db::{certificates, idempotency};

use crate::{Control, Result};

/// How long an idempotency key holds.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How long a certificate that is served no more can be looked at; its key is of no use by then.
const CERTIFICATE_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Control {
    pub(crate) async fn tidy(&self) -> Result<()> {
        let now = self.clock.now();
        self.throttle.tidy();
        self.sessions_tidy(now).await?;
        self.db.write(|tx| Box::pin(async move { idempotency::idempotency_prune(&tx, now - KEY_AGE).await })).await?;
        let before = now - CERTIFICATE_AGE;
        self.db.write(|tx| Box::pin(async move { certificates::certificates_prune(&tx, before).await })).await?;
        Ok(())
    }
}
