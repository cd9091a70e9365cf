//! Receiving Stripe's events: checked, written down once with the task that looks at their object, and answered.

use stoa_core::{Error, Result, Wakeup, tasks::QueuedTask};
use stoa_db::{
    billing::stripe::{StripeEvent, event_insert},
    tasks,
};
use stoa_integrations::stripe::{
    Event,
    signature::{SignatureError, verify},
};

use super::sync::{SyncObject, SyncStripe};
use crate::Billing;

/// Why a webhook was refused.
#[derive(Debug, thiserror::Error)]
pub enum WebhookRefused {
    /// It is not Stripe's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It can't be read.
    #[error("The body is no event of Stripe's.")]
    Body,
    /// It is about test payments, and our key is for real ones, or the other way round.
    #[error(
        "This is an event of the other mode: give the webhook secret of the endpoint that belongs to stripe.secret_key."
    )]
    Mode,
    /// It could not be written down; Stripe delivers it again.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Billing {
    /// Receives an event: header and raw body as they came. An event that came before is accepted without effect.
    ///
    /// # Errors
    /// If it is not Stripe's, or can't be written down.
    pub async fn receive_stripe_event(&self, header: &str, body: &[u8]) -> std::result::Result<(), WebhookRefused> {
        let now = self.core.clock.now();
        verify(header, body, &self.webhook_secrets, now)?;
        let event: Event = serde_json::from_slice(body).map_err(|_| WebhookRefused::Body)?;
        if event.livemode != self.stripe()?.is_live() {
            return Err(WebhookRefused::Mode);
        }
        self.note_event(&event).await?;
        Ok(())
    }

    /// Writes an event down with its task, both or neither; `false` if it came before.
    pub(super) async fn note_event(&self, event: &Event) -> Result<bool> {
        let (now, object) = (self.core.clock.now(), event.object());
        let Some(id) = object.id.clone() else { return Ok(false) };
        let known = &StripeEvent {
            id: event.id.clone(),
            kind: event.kind.clone(),
            object: id.clone(),
            created_at: event.created,
        };
        // A task for each event: one that is running has perhaps fetched the object already.
        let task = SyncObject::of_event(&object.object, id)
            .map(|payload| QueuedTask::new::<SyncStripe>(&payload, format!("stripe/{}", event.id), now));
        let task = &task;
        let is_new = self.core.db.write(|tx| {
            Box::pin(async move {
                if !event_insert(&tx, known, now).await? {
                    return Ok(false);
                }
                if let Some(task) = task {
                    tasks::task_insert(&tx, &task.task, Some(&task.key)).await?;
                }
                Ok::<_, Error>(true)
            })
        });
        let is_new = is_new.await?;
        if is_new {
            self.core.bus.wake(Wakeup::Tasks);
        }
        Ok(is_new)
    }
}
