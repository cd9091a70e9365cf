//! Forgets what is over: idle sessions, old idempotency keys, addresses that tried nothing lately.

use jiff::SignedDuration;
use stoa_db::idempotency;

use crate::{Control, Result};

/// How long an idempotency key holds.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(24);

impl Control {
    pub(crate) async fn tidy(&self) -> Result<()> {
        let now = self.clock.now();
        self.throttle.tidy();
        self.sessions_tidy(now).await?;
        self.db.write(|tx| Box::pin(async move { idempotency::idempotency_prune(&tx, now - KEY_AGE).await })).await?;
        Ok(())
    }
}
