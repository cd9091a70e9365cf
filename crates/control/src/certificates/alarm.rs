//! Tells staff of certificates that are about to run out, or that can't be had at all.

use jiff::Timestamp;
use stoa_db::{
    orders::{self, CertOrder},
    tasks,
};
use stoa_vendors::mail::Letter;

use super::wanted::Wanted;
use crate::{
    Control, Result,
    tasks::{letter_task, mail::html},
};

/// A name that never had a certificate is worth a letter after so many failures.
const FAILURES: u32 = 3;

impl Control {
    /// One letter a day for each name in danger.
    pub(super) async fn certificates_alarm(&self, wanted: &[Wanted]) -> Result<()> {
        let Some(to) = &self.settings.staff_mail else { return Ok(()) };
        let (all, now) = (self.shelf.all(), self.clock.now());
        for order in orders::orders_all(&self.db).await? {
            let Some(wanted) = wanted.iter().find(|w| w.subject == order.subject) else { continue };
            let held = all.matching(wanted).next();
            let danger = match held {
                // The last sixth of its life: it was to be renewed at two thirds.
                Some(s) => s.not_after.duration_since(now) < s.not_after.duration_since(s.not_before) / 6,
                None => order.failures >= FAILURES,
            };
            if danger {
                let letter = letter(self, to.clone(), &order, held.map(|s| s.not_after), now);
                let queued = &letter_task(&letter, now);
                self.db
                    .write(|tx| Box::pin(async move { tasks::task_insert(&tx, &queued.task, Some(&queued.key)).await }))
                    .await?;
                self.nudges.tasks.notify_one();
            }
        }
        Ok(())
    }
}

fn letter(
    control: &Control,
    to: stoa_model::text::EmailAddress,
    order: &CertOrder,
    ends: Option<Timestamp>,
    now: Timestamp,
) -> Letter {
    let (what, subject) = match ends {
        Some(ends) => (
            format!("The certificate for {} runs out on {ends:.0}, and renewing it fails.", order.subject),
            format!("Certificate runs out: {}", order.subject),
        ),
        None => (
            format!("There is no certificate for {}; it was tried {} times.", order.subject, order.failures),
            format!("No certificate: {}", order.subject),
        ),
    };
    let page = format!("{}/staff/certificates", control.settings().portal_url);
    let paragraphs = [
        what,
        order.detail.clone().unwrap_or_else(|| "No reason is known.".into()),
        format!("It is tried again at {:.0}. All certificates:", order.next_at),
        page.clone(),
    ];
    let day = now.as_second() / 86_400;
    Letter {
        key: format!("certificate/{}/{day}", order.subject),
        to,
        subject,
        text: paragraphs.join("\n\n"),
        html: html(&paragraphs, &[page]),
    }
}
