//! Notifies customers when a domain of theirs gets no certificate, or when its certificate is about to expire and can't be
//! renewed, and when that is over. The mail log knows which problems were reported.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use stoa_core::{
    Result,
    email::{EmailBody, EmailDraft},
    mail_log,
};
use stoa_db::{
    accounts,
    certificate_orders::{self, CertificateOrder},
    sites,
};
use stoa_model::{host::Hostname, mail::MailKind, text::EmailAddress};

use super::{alert::ALERT_AFTER_FAILURES, spec::CertificateSpec};
use crate::Domains;

/// Warn this long before a certificate expires that can't be renewed.
const WARNING_PERIOD: SignedDuration = SignedDuration::from_hours(10 * 24);
/// A problem that lasts longer is reported again.
const MAX_PROBLEM_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// First parts of the keys in the mail log.
const FAILING: &str = "certificate-failing";
const SOLVED: &str = "certificate-solved";

/// What a notice says.
enum Notice<'a> {
    /// Visitors get a warning, or soon will.
    Failing { order: &'a CertificateOrder, expires_at: Option<Timestamp> },
    /// The problem with this name is over.
    Solved { problem: &'a str },
}

impl Domains {
    /// Sends the notices that are due.
    pub(super) async fn send_certificate_notices(&self, wanted: &[CertificateSpec]) -> Result<()> {
        let now = self.core.clock.now();
        let orders = certificate_orders::orders_all(&self.core.db).await?;
        let troubled = orders.iter().filter(|order| order.problem.is_some());
        let troubled: HashMap<_, _> = troubled.map(|order| (&order.subject.host, order)).collect();
        let (certificates, reported) = (self.certificate_cache.all(), self.reported_problems(now).await?);
        let end_of = |name: &Hostname| certificates.find(name, now).map(|loaded| loaded.not_after);
        let is_ending = |end: Timestamp| end.duration_since(now) < WARNING_PERIOD;
        for name in wanted.iter().filter(|spec| spec.custom).map(|spec| &spec.subject.host) {
            let Some(order) = troubled.get(name).filter(|_| !reported.contains_key(name)) else { continue };
            let expires_at = end_of(name);
            if expires_at.map_or(order.failures >= ALERT_AFTER_FAILURES, is_ending) {
                self.send_certificate_notice(name, &Notice::Failing { order, expires_at }).await?;
            }
        }
        for (name, problem) in &reported {
            if end_of(name).is_some_and(|end| !is_ending(end)) && !troubled.contains_key(name) {
                self.send_certificate_notice(name, &Notice::Solved { problem }).await?;
            }
        }
        Ok(())
    }

    /// The names whose problem was reported and whose solution was not, with the problem's beginning.
    async fn reported_problems(&self, now: Timestamp) -> Result<HashMap<Hostname, String>> {
        let mut reported = HashMap::new();
        for key in mail_log::keys_since(&self.core, MailKind::Site, now - MAX_PROBLEM_AGE).await? {
            let mut parts = key.splitn(3, '/');
            let (what, name, problem) = (parts.next(), parts.next(), parts.next());
            let (Some(Ok(name)), Some(problem)) = (name.map(Hostname::parse), problem) else { continue };
            match what {
                Some(FAILING) => drop(reported.insert(name, problem.to_owned())),
                Some(SOLVED) => drop(reported.remove(&name)),
                _ => {}
            }
        }
        Ok(reported)
    }

    async fn send_certificate_notice(&self, name: &Hostname, notice: &Notice<'_>) -> Result<()> {
        let Some(site) = sites::site_by_hostname(&self.core.db, name).await? else { return Ok(()) };
        let Some(customer) = accounts::customer_get(&self.core.db, site.customer).await? else { return Ok(()) };
        let page = format!("{}/sites/{}/domains", self.core.portal_url(), site.id);
        mail_log::queue_once(&self.core, &draft(name, notice, page, customer.email)).await
    }
}

fn draft(name: &Hostname, notice: &Notice<'_>, page: String, to: EmailAddress) -> EmailDraft {
    let shown = idna::domain_to_unicode(name.as_str()).0;
    let (key, subject, body) = match notice {
        Notice::Failing { order, expires_at } => {
            let (subject, first) = match expires_at {
                Some(end) => (
                    format!("The certificate for {shown} is about to expire"),
                    format!(
                        "The certificate for {shown} expires on {}, and we can't renew it.",
                        end.strftime("%-d %B %Y")
                    ),
                ),
                None => (
                    format!("No certificate for {shown}"),
                    format!("We can't get a certificate for {shown}. Until it has one, visitors see a warning."),
                ),
            };
            let body = EmailBody::new(first)
                .paragraph(order.problem.clone().unwrap_or_default())
                .paragraph("We keep trying, and write to you when it works.")
                .button("Show the domain", page);
            (format!("{FAILING}/{name}/{}", order.updated_at.as_millisecond()), subject, body)
        }
        Notice::Solved { problem } => {
            let body = EmailBody::new(format!("{shown} has a valid certificate. There is nothing to do."))
                .button("Show the domain", page);
            (format!("{SOLVED}/{name}/{problem}"), format!("{shown} has a valid certificate again"), body)
        }
    };
    EmailDraft { key, kind: MailKind::Site, to, subject, body }
}
