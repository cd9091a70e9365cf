//! Where money and sites don't agree, or Stripe says what we don't understand: shown to staff and mailed once, until it is
//! settled.

use std::{fmt::Display, str::FromStr};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use stoa_core::{
    Error, RequestContext, Result, Wakeup,
    email::{EmailBody, EmailDraft},
};
use stoa_db::{
    billing::mismatches::{StoredMismatch, mismatch_delete, mismatch_get, mismatch_put, mismatches_list},
    history, tasks,
};
use stoa_model::{account::Role, id::CheckoutId, mail::MailKind};

use super::sync::SyncObject;
use crate::Billing;

/// What doesn't agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MismatchKind {
    /// Somebody has paid and has no site.
    NoSite,
    /// Stripe has no such subscription any more.
    Missing,
    /// Two subscriptions for one site.
    Double,
    /// Stripe charges another amount than ours.
    Amount,
    /// Stripe says something that this release doesn't know.
    Unknown,
    /// A customer disputes a payment.
    Dispute,
}

const KINDS: [(MismatchKind, &str, &str); 6] = [
    (MismatchKind::NoSite, "no-site", "Paid, no site"),
    (MismatchKind::Missing, "missing", "Site without a subscription at Stripe"),
    (MismatchKind::Double, "double", "Paid twice"),
    (MismatchKind::Amount, "amount", "Another price at Stripe"),
    (MismatchKind::Unknown, "unknown", "Unknown status"),
    (MismatchKind::Dispute, "dispute", "Disputed payment"),
];

impl MismatchKind {
    fn word(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, word, _)| word)
    }

    /// The words on screen.
    pub fn label(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, _, label)| label)
    }
}

impl FromStr for MismatchKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = KINDS.iter().find(|(_, word, _)| *word == text);
        known.map(|(kind, ..)| *kind).ok_or(Error::NotFound("mismatch"))
    }
}

/// Something that doesn't agree.
pub(crate) struct Mismatch {
    kind: MismatchKind,
    object: String,
    detail: String,
}

impl Mismatch {
    fn new(kind: MismatchKind, object: impl Display, detail: String) -> Self {
        Self { kind, object: object.to_string(), detail }
    }

    pub fn no_site(checkout: CheckoutId, detail: String) -> Self {
        Self::new(MismatchKind::NoSite, checkout, detail)
    }

    pub fn missing(subscription: &str, detail: String) -> Self {
        Self::new(MismatchKind::Missing, subscription, detail)
    }

    pub fn double(subscription: &str, detail: String) -> Self {
        Self::new(MismatchKind::Double, subscription, detail)
    }

    pub fn amount(subscription: &str, detail: String) -> Self {
        Self::new(MismatchKind::Amount, subscription, detail)
    }

    pub fn unknown(object: &str, detail: String) -> Self {
        Self::new(MismatchKind::Unknown, object, detail)
    }

    pub fn dispute(id: &str, detail: String) -> Self {
        Self::new(MismatchKind::Dispute, id, detail)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.kind.word(), self.object)
    }
}

/// What staff see of it.
#[derive(Debug, Clone, Serialize)]
pub struct MismatchView {
    /// Its id.
    pub id: String,
    /// What doesn't agree.
    pub kind: MismatchKind,
    /// In words, with what to do.
    pub detail: String,
    /// Since when it is known.
    pub found_at: Timestamp,
    /// Whether a new look can settle it; else only somebody who has acted.
    pub can_check: bool,
}

impl Billing {
    /// Writes a mismatch down; staff get an e-mail the first time.
    pub(crate) async fn alarm(&self, of: &Mismatch) -> Result<()> {
        let now = self.core.clock.now();
        tracing::error!(kind = of.kind.word(), object = of.object, detail = of.detail, "money and sites don't agree");
        let stored = &StoredMismatch {
            id: of.key(),
            kind: of.kind.word().to_owned(),
            object: of.object.clone(),
            detail: of.detail.clone(),
            found_at: now,
        };
        let mail = self.core.settings.staff_mail.clone().map(|to| {
            let body = EmailBody::new(of.detail.clone())
                .button("Open the list", format!("{}/staff/mismatches", self.core.portal_url()));
            let key = format!("mismatch/{}/{}", stored.id, now.as_second());
            let subject = format!("Payment mismatch: {}", of.kind.label());
            EmailDraft { key, kind: MailKind::Alert, to, subject, body }.task(&self.core.settings, now)
        });
        let mail = &mail;
        let put = self.core.db.write(|tx| {
            Box::pin(async move {
                let is_new = mismatch_put(&tx, stored).await?;
                if let Some(mail) = mail.as_ref().filter(|_| is_new) {
                    tasks::task_insert(&tx, &mail.task, Some(&mail.key)).await?;
                }
                Ok::<_, Error>(())
            })
        });
        put.await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// It agrees again.
    pub(crate) async fn settle(&self, of: &Mismatch) -> Result<()> {
        self.forget_mismatch(&self.core.system_context("stripe"), &of.key()).await
    }

    async fn forget_mismatch(&self, cx: &RequestContext, id: &str) -> Result<()> {
        if mismatch_get(&self.core.db, id).await?.is_none() {
            return Ok(());
        }
        let event = &cx.audit("mismatch.settle", id, json!({}));
        let forget = self.core.db.write(|tx| {
            Box::pin(async move {
                if mismatch_delete(&tx, id).await? {
                    history::audit(&tx, event).await?;
                }
                Ok::<_, Error>(())
            })
        });
        forget.await
    }

    /// All mismatches, the oldest first. Requires the role support.
    ///
    /// # Errors
    /// Without the role.
    pub async fn mismatches(&self, cx: &RequestContext) -> Result<Vec<MismatchView>> {
        cx.require(Role::Support)?;
        mismatches_list(&self.core.db, 200).await?.into_iter().map(view).collect()
    }

    /// Looks at a mismatch again; it goes if it agrees now. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found; if it still can't be settled, says why.
    pub async fn check_mismatch(&self, cx: &RequestContext, id: &str) -> Result<()> {
        cx.require(Role::Admin)?;
        let found = mismatch_get(&self.core.db, id).await?.ok_or(Error::NotFound("mismatch"))?;
        match found.kind.parse::<MismatchKind>()? {
            MismatchKind::NoSite => {
                let id: CheckoutId = found.object.parse().map_err(|_| Error::NotFound("order"))?;
                let checkout = stoa_db::billing::checkouts::checkout_get(&self.core.db, id).await?;
                let session = checkout.and_then(|checkout| checkout.session).ok_or(Error::NotFound("order"))?;
                self.sync_session(&session).await
            }
            MismatchKind::Missing | MismatchKind::Amount | MismatchKind::Unknown
                if found.object.starts_with("sub_") =>
            {
                let object = SyncObject::Subscription(found.object);
                // What is still so is found again.
                self.forget_mismatch(cx, id).await?;
                self.sync_stripe(&object).await
            }
            MismatchKind::Unknown if found.object.starts_with("cs_") => {
                self.forget_mismatch(cx, id).await?;
                self.sync_stripe(&SyncObject::Session(found.object)).await
            }
            _ => Err(Error::Conflict("This can't be looked up. Do what it says, then mark it as done.".into())),
        }
    }

    /// Takes a mismatch off the list that somebody has dealt with. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found.
    pub async fn dismiss_mismatch(&self, cx: &RequestContext, id: &str) -> Result<()> {
        cx.require(Role::Admin)?;
        mismatch_get(&self.core.db, id).await?.ok_or(Error::NotFound("mismatch"))?;
        self.forget_mismatch(cx, id).await
    }
}

fn view(stored: StoredMismatch) -> Result<MismatchView> {
    let kind = stored.kind.parse()?;
    Ok(MismatchView {
        can_check: !matches!(kind, MismatchKind::Double | MismatchKind::Dispute),
        id: stored.id,
        kind,
        detail: stored.detail,
        found_at: stored.found_at,
    })
}
