//! Alerts staff to certificates that are about to expire, can't be obtained, or don't reach the edge.

use crate::Domains;
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{certificate_orders, tasks};
use stoa_model::{mail::MailKind, text::EmailAddress};

use super::{
    alert::{ALERT_AFTER_FAILURES, CertificateAlert},
    alert_history::day,
    loaded::{Certificates, LoadedCertificate},
    spec::CertificateSpec,
};
use stoa_core::{
    Result, Wakeup,
    email::{EmailBody, EmailDraft},
};

/// How long one of the platform's own names may be without a certificate before it is reported. Not for custom
/// domains: their owners switch the DNS records when they choose.
const MISSING_ALERT_DELAY: SignedDuration = SignedDuration::from_mins(30);
/// Warn at most 14 days before an uploaded certificate expires.
const MAX_UPLOADED_WARNING_PERIOD: SignedDuration = SignedDuration::from_hours(14 * 24);

impl LoadedCertificate {
    /// Whether it is in the last sixth of its lifetime. Issued certificates should have been renewed after two
    /// thirds. For uploaded ones, which are often replaced late, this period is limited to 14 days.
    pub(super) fn is_ending(&self, now: Timestamp) -> bool {
        let sixth = self.not_after.duration_since(self.not_before) / 6;
        let period = if self.site.is_some() { sixth.min(MAX_UPLOADED_WARNING_PERIOD) } else { sixth };
        self.not_after.duration_since(now) < period
    }
}

/// How long the edge may lag before it is reported. By then it is unlikely to recover without help, and certificates
/// that it does not apply are not served.
const EDGE_LAG_ALERT_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// Maximum number of names listed in one e-mail.
const MAX_LISTED_NAMES: usize = 20;

impl Domains {
    /// Sends one e-mail about all failing names that were not reported today.
    pub(super) async fn send_certificate_alerts(&self, wanted: &[CertificateSpec]) -> Result<()> {
        let Some(to) = &self.core.settings.staff_mail else { return Ok(()) };
        let (now, history) = (self.core.clock.now(), &self.order_state.alert_history);
        if !history.may_send(now) {
            return Ok(());
        }
        let mut alerts = self.find_certificate_alerts(wanted, now).await?;
        alerts.retain(|alert| !history.has_reported(&alert.name, now));
        let page = format!("{}/staff/certificates", self.core.portal_url());
        let Some(email) = email(to, &alerts, page, now) else { return Ok(()) };
        let queued = &email.task(&self.core.settings, now);
        self.core
            .db
            .write(|tx| Box::pin(async move { tasks::task_insert(&tx, &queued.task, Some(&queued.key)).await }))
            .await?;
        history.record(alerts.into_iter().map(|alert| alert.name), now);
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    async fn find_certificate_alerts(
        &self,
        wanted: &[CertificateSpec],
        now: Timestamp,
    ) -> Result<Vec<CertificateAlert>> {
        let lag = self.edge_lag().await?.filter(|lag| now.duration_since(lag.since) >= EDGE_LAG_ALERT_DELAY);
        let all = self.certificate_cache.all();
        let orders = certificate_orders::orders_all(&self.core.db).await?;
        let orders: HashMap<_, _> = orders.iter().map(|order| (&order.subject, order)).collect();
        let renews = self.core.settings.acme.is_some();
        let issued = wanted.iter().filter_map(|wanted| {
            let order = orders.get(&wanted.subject).copied().filter(|_| renews);
            match (all.matching(wanted).next(), order) {
                (Some(loaded), order) if order.is_some() || !renews => {
                    loaded.is_ending(now).then(|| CertificateAlert::of_issued(&wanted.subject, loaded, order))
                }
                (None, Some(order)) => {
                    let served = !wanted.subject.wildcard && all.find(&wanted.subject.host, now).is_some();
                    let since = order.problem.as_ref().map(|_| order.updated_at);
                    let is_overdue = since.is_some_and(|since| now.duration_since(since).abs() >= MISSING_ALERT_DELAY);
                    let is_reported = order.failures >= ALERT_AFTER_FAILURES || (!wanted.custom && is_overdue);
                    (is_reported && !served).then(|| CertificateAlert::of_missing(order))
                }
                _ => None,
            }
        });
        let uploaded =
            all.iter().filter(|loaded| loaded.site.is_some() && loaded.is_ending(now) && !has_successor(loaded, &all));
        let uploaded = uploaded.map(|loaded| {
            let order = loaded.ready.names.iter().find_map(|name| orders.get(name).copied());
            CertificateAlert::of_uploaded(loaded, order)
        });
        Ok(lag.map(CertificateAlert::of_edge).into_iter().chain(issued).chain(uploaded).collect())
    }
}

/// Whether other certificates cover all its names when it expires.
fn has_successor(loaded: &LoadedCertificate, all: &Certificates) -> bool {
    loaded.ready.names.iter().all(|name| all.find(&name.host, loaded.not_after).is_some())
}

/// One e-mail about all these alerts; `None` if there are none.
fn email(to: &EmailAddress, alerts: &[CertificateAlert], page: String, now: Timestamp) -> Option<EmailDraft> {
    let (first, others) = alerts.split_first()?;
    let (subject, paragraphs) = if others.is_empty() {
        let texts = std::iter::once(&first.summary).chain(&first.details);
        (format!("{}: {}", first.headline, first.name), texts.cloned().collect())
    } else {
        let listed = alerts.iter().take(MAX_LISTED_NAMES);
        let listed = listed.map(|alert| format!("{} {}", alert.summary, alert.details.join(" ")));
        (format!("{}: {}, and {} more", first.headline, first.name, others.len()), listed.collect::<Vec<_>>())
    };
    let mut body = paragraphs.into_iter().fold(EmailBody::default(), EmailBody::paragraph);
    let more = alerts.len().saturating_sub(MAX_LISTED_NAMES);
    if more > 0 {
        body = body.paragraph(format!("And {more} more."));
    }
    Some(EmailDraft {
        key: format!("certificate/{}/{}", first.name, day(now)),
        kind: MailKind::Alert,
        to: to.clone(),
        subject,
        body: body.button("Show all certificates", page),
    })
}

#[cfg(test)]
mod tests {
    use stoa_core::Settings;
    use stoa_integrations::mail::Email;

    use super::*;

    fn missing_certificates(range: std::ops::Range<u32>) -> Vec<CertificateAlert> {
        let alert = |n| CertificateAlert {
            name: format!("shop{n}.example"),
            headline: "No certificate",
            summary: format!("There is no certificate for shop{n}.example."),
            details: vec!["Refused.".into()],
        };
        range.map(alert).collect()
    }

    fn written(alerts: &[CertificateAlert]) -> Option<Email> {
        let to = EmailAddress::parse("staff@stoa.example").unwrap();
        let settings = Settings::trial("data".into(), "blueprints".into(), ([127, 0, 0, 1], 80).into());
        let draft = email(&to, alerts, "http://portal/staff/certificates".into(), Timestamp::UNIX_EPOCH);
        draft.map(|draft| draft.render(&settings))
    }

    #[test]
    fn many_names_share_one_email() {
        assert!(written(&[]).is_none());
        let one = written(&missing_certificates(7..8)).unwrap();
        assert_eq!(one.subject, "No certificate: shop7.example");
        let many = written(&missing_certificates(0..10_000)).unwrap();
        assert_eq!(many.subject, "No certificate: shop0.example, and 9999 more");
        assert_eq!(many.text.matches("There is no certificate").count(), 20);
        assert!(many.text.contains("shop19.example. Refused.") && many.text.contains("And 9980 more."));
        assert!(many.html.contains("href=\"http://portal/staff/certificates\""), "{}", many.html);
    }
}
