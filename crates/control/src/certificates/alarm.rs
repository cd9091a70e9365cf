//! Tells staff of certificates that are about to run out, or that can't be had at all.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    orders::{self, CertOrder},
    tasks,
};
use stoa_model::{certificate::CertName, text::EmailAddress};
use stoa_vendors::mail::Letter;

use super::{
    held::{Certificates, Held},
    wanted::Wanted,
};
use crate::{
    Control, Result,
    tasks::{letter_task, mail::html},
};

/// A name that never had a certificate is worth a letter after so many failures.
const FAILURES: u32 = 3;
/// The longest that one that was brought along is told of before its end.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Held {
    /// Whether it is in the last sixth of its life. An issued one was to be renewed at two thirds of
    /// it; one that was brought along may be replaced late, so it has fourteen days at most.
    pub(super) fn is_ending(&self, now: Timestamp) -> bool {
        let sixth = self.not_after.duration_since(self.not_before) / 6;
        let last = if self.site.is_some() { sixth.min(LAST_DAYS) } else { sixth };
        self.not_after.duration_since(now) < last
    }
}

/// A name that staff must look after.
#[derive(Debug, Clone)]
struct Danger {
    name: String,
    /// In two or three words.
    headline: &'static str,
    /// In one sentence.
    what: String,
    /// Why, and what comes next.
    more: Vec<String>,
}

impl Control {
    /// One letter a day for each name in danger.
    pub(super) async fn certificates_alarm(&self, wanted: &[Wanted]) -> Result<()> {
        let Some(to) = &self.settings.staff_mail else { return Ok(()) };
        let now = self.clock.now();
        for danger in self.dangers(wanted, now).await? {
            let letter = letter(self, to.clone(), danger, now);
            let queued = &letter_task(&letter, now);
            self.db
                .write(|tx| Box::pin(async move { tasks::task_insert(&tx, &queued.task, Some(&queued.key)).await }))
                .await?;
            self.nudges.tasks.notify_one();
        }
        Ok(())
    }

    async fn dangers(&self, wanted: &[Wanted], now: Timestamp) -> Result<Vec<Danger>> {
        let all = self.shelf.all();
        let orders = orders::orders_all(&self.db).await?;
        let orders: HashMap<_, _> = orders.iter().map(|order| (&order.subject, order)).collect();
        let renews = self.settings.acme.is_some();
        let issued = wanted.iter().filter_map(|wanted| {
            let order = orders.get(&wanted.subject).copied().filter(|_| renews);
            match (all.matching(wanted).next(), order) {
                (Some(held), order) if order.is_some() || !renews => {
                    held.is_ending(now).then(|| Danger::of_issued(&wanted.subject, held, order))
                }
                (None, Some(order)) => {
                    let served = !wanted.subject.wildcard && all.find(&wanted.subject.host, now).is_some();
                    (order.failures >= FAILURES && !served).then(|| Danger::of_missing(order))
                }
                _ => None,
            }
        });
        let brought = all.iter().filter(|held| held.site.is_some() && held.is_ending(now) && !is_followed(held, &all));
        let brought = brought.map(|held| {
            let order = held.ready.names.iter().find_map(|name| orders.get(name).copied());
            Danger::of_brought(held, order)
        });
        Ok(issued.chain(brought).collect())
    }
}

/// Whether all its names have another certificate when it ends.
fn is_followed(held: &Held, all: &Certificates) -> bool {
    held.ready.names.iter().all(|name| all.find(&name.host, held.not_after).is_some())
}

impl Danger {
    fn of_issued(subject: &CertName, held: &Held, order: Option<&CertOrder>) -> Self {
        let why = if order.is_some() { "renewing it fails" } else { "no authority is set up that would renew it" };
        Self {
            name: subject.to_string(),
            headline: "Certificate runs out",
            what: format!("The certificate for {subject} runs out on {:.0}, and {why}.", held.not_after),
            more: order.map(reasons).unwrap_or_default(),
        }
    }

    fn of_missing(order: &CertOrder) -> Self {
        Self {
            name: order.subject.to_string(),
            headline: "No certificate",
            what: format!("There is no certificate for {}; it was tried {} times.", order.subject, order.failures),
            more: reasons(order),
        }
    }

    /// `order` is the one for what shall take its place.
    fn of_brought(held: &Held, order: Option<&CertOrder>) -> Self {
        let name = held.ready.names.iter().map(CertName::to_string).collect::<Vec<_>>().join(", ");
        let ends = held.not_after;
        Self {
            headline: "Certificate runs out",
            what: format!("The uploaded certificate for {name} runs out on {ends:.0}, and none takes its place yet."),
            more: order.map(reasons).unwrap_or_default(),
            name,
        }
    }
}

fn reasons(order: &CertOrder) -> Vec<String> {
    let detail = order.detail.clone().unwrap_or_else(|| "No reason is known.".into());
    vec![detail, format!("It is tried again at {:.0}.", order.next_at)]
}

fn letter(control: &Control, to: EmailAddress, danger: Danger, now: Timestamp) -> Letter {
    let page = format!("{}/staff/certificates", control.settings().portal_url);
    let Danger { name, headline, what, more } = danger;
    let mut paragraphs = vec![what];
    paragraphs.extend(more);
    paragraphs.extend(["All certificates:".to_owned(), page.clone()]);
    let day = now.as_second() / 86_400;
    Letter {
        key: format!("certificate/{name}/{day}"),
        to,
        subject: format!("{headline}: {name}"),
        text: paragraphs.join("\n\n"),
        html: html(&paragraphs, &[page]),
    }
}
