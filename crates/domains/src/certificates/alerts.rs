//! Tells staff of certificates that are about to run out, that can't be had at all, or that don't get
//! to the edge.

use crate::Domains;
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{certificate_orders, tasks};
use stoa_integrations::mail::Email;
use stoa_model::text::EmailAddress;

use super::{
    alert::{CertificateAlert, FAILURES},
    alert_history::day,
    loaded::{Certificates, LoadedCertificate},
    spec::CertificateSpec,
};
use stoa_core::{
    Result,
    tasks::{email_task, mail::html},
};

/// A name of the platform's own, whose records the operator keeps, after so long without one; a domain
/// that a customer has not switched yet is his to switch.
const WITHOUT: SignedDuration = SignedDuration::from_mins(30);
/// The longest that one that was brought along is told of before its end.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(14 * 24);

impl LoadedCertificate {
    /// Whether it is in the last sixth of its life. An issued one was to be renewed at two thirds of
    /// it; one that was brought along may be replaced late, so it has fourteen days at most.
    pub(super) fn is_ending(&self, now: Timestamp) -> bool {
        let sixth = self.not_after.duration_since(self.not_before) / 6;
        let last = if self.site.is_some() { sixth.min(LAST_DAYS) } else { sixth };
        self.not_after.duration_since(now) < last
    }
}

/// An edge that is behind for so long does not come up by itself, and a certificate that it does not
/// take over is as good as none.
const BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// So many names are listed in one email.
const LISTED: usize = 20;

impl Domains {
    /// One email about all names in danger that were not told of today.
    pub(super) async fn send_certificate_alerts(&self, wanted: &[CertificateSpec]) -> Result<()> {
        let Some(to) = &self.core.settings.staff_mail else { return Ok(()) };
        let (now, told) = (self.core.clock.now(), &self.order_locks.told);
        if !told.may_write(now) {
            return Ok(());
        }
        let mut dangers = self.find_certificate_alerts(wanted, now).await?;
        dangers.retain(|danger| !told.has(&danger.name, now));
        let page = format!("{}/staff/certificates", self.core.settings.portal_url);
        let Some(email) = email(to, &dangers, page, now) else { return Ok(()) };
        let queued = &email_task(&email, now);
        self.core
            .db
            .write(|tx| Box::pin(async move { tasks::task_insert(&tx, &queued.task, Some(&queued.key)).await }))
            .await?;
        told.note(dangers.into_iter().map(|danger| danger.name), now);
        self.core.wakeups.tasks.notify_one();
        Ok(())
    }

    async fn find_certificate_alerts(
        &self,
        wanted: &[CertificateSpec],
        now: Timestamp,
    ) -> Result<Vec<CertificateAlert>> {
        let behind = self.edge_lag().await?.filter(|behind| now.duration_since(behind.since) >= BEHIND);
        let all = self.certificate_cache.all();
        let orders = certificate_orders::orders_all(&self.core.db).await?;
        let orders: HashMap<_, _> = orders.iter().map(|order| (&order.subject, order)).collect();
        let renews = self.core.settings.acme.is_some();
        let issued = wanted.iter().filter_map(|wanted| {
            let order = orders.get(&wanted.subject).copied().filter(|_| renews);
            match (all.matching(wanted).next(), order) {
                (Some(held), order) if order.is_some() || !renews => {
                    held.is_ending(now).then(|| CertificateAlert::of_issued(&wanted.subject, held, order))
                }
                (None, Some(order)) => {
                    let served = !wanted.subject.wildcard && all.find(&wanted.subject.host, now).is_some();
                    let since = order.problem.as_ref().map(|_| order.updated_at);
                    let lasts = since.is_some_and(|since| now.duration_since(since).abs() >= WITHOUT);
                    let is_told = order.failures >= FAILURES || (!wanted.custom && lasts);
                    (is_told && !served).then(|| CertificateAlert::of_missing(order))
                }
                _ => None,
            }
        });
        let brought = all.iter().filter(|held| held.site.is_some() && held.is_ending(now) && !is_followed(held, &all));
        let brought = brought.map(|held| {
            let order = held.ready.names.iter().find_map(|name| orders.get(name).copied());
            CertificateAlert::of_brought(held, order)
        });
        Ok(behind.map(CertificateAlert::of_edge).into_iter().chain(issued).chain(brought).collect())
    }
}

/// Whether all its names have another certificate when it ends.
fn is_followed(held: &LoadedCertificate, all: &Certificates) -> bool {
    held.ready.names.iter().all(|name| all.find(&name.host, held.not_after).is_some())
}

/// Several names share a email; nothing if there are none.
fn email(to: &EmailAddress, dangers: &[CertificateAlert], page: String, now: Timestamp) -> Option<Email> {
    let (first, others) = dangers.split_first()?;
    let (subject, mut paragraphs) = if others.is_empty() {
        let words = std::iter::once(&first.what).chain(&first.more);
        (format!("{}: {}", first.headline, first.name), words.cloned().collect())
    } else {
        let listed = dangers.iter().take(LISTED).map(|danger| format!("{} {}", danger.what, danger.more.join(" ")));
        (format!("{}: {}, and {} more", first.headline, first.name, others.len()), listed.collect::<Vec<_>>())
    };
    let more = dangers.len().saturating_sub(LISTED);
    if more > 0 {
        paragraphs.push(format!("And {more} more."));
    }
    paragraphs.extend(["All certificates:".to_owned(), page.clone()]);
    Some(Email {
        key: format!("certificate/{}/{}", first.name, day(now)),
        to: to.clone(),
        subject,
        text: paragraphs.join("\n\n"),
        html: html(&paragraphs, &[page]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_certificate_alerts(range: std::ops::Range<u32>) -> Vec<CertificateAlert> {
        let danger = |n| CertificateAlert {
            name: format!("shop{n}.example"),
            headline: "No certificate",
            what: format!("There is no certificate for shop{n}.example."),
            more: vec!["Refused.".into()],
        };
        range.map(danger).collect()
    }

    fn written(dangers: &[CertificateAlert]) -> Option<Email> {
        let to = EmailAddress::parse("staff@stoa.example").unwrap();
        email(&to, dangers, "http://portal/staff/certificates".into(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn many_names_are_told_of_in_one_letter() {
        assert!(written(&[]).is_none());
        let one = written(&find_certificate_alerts(7..8)).unwrap();
        assert_eq!(one.subject, "No certificate: shop7.example");
        let many = written(&find_certificate_alerts(0..10_000)).unwrap();
        assert_eq!(many.subject, "No certificate: shop0.example, and 9999 more");
        assert_eq!(many.text.matches("There is no certificate").count(), 20);
        assert!(many.text.contains("shop19.example. Refused.") && many.text.contains("And 9980 more."));
        assert!(many.html.contains("<a href=\"http://portal/staff/certificates\""), "{}", many.html);
    }
}
