//! What this area writes to people.

use jiff::Timestamp;
use stoa_core::{
    Core,
    email::{EmailBody, EmailDraft},
    tasks::QueuedTask,
};
use stoa_model::{
    billing::{
        access::{Letter, owed_since},
        subscription::Subscription,
    },
    mail::MailKind,
    site::Site,
    text::EmailAddress,
};

use crate::effect::facts;

/// Tells a customer about an overdue payment, and what follows from it when.
pub(crate) fn overdue(
    core: &Core,
    of: &Subscription,
    site: &Site,
    to: EmailAddress,
    letter: Letter,
    now: Timestamp,
) -> QueuedTask {
    let periods = &core.settings.billing.dunning;
    let due = owed_since(&facts(of), now).unwrap_or(now);
    let (title, stop) = (site.title.as_str(), date(periods.suspends_at(due)));
    let (subject, first, then) = match letter {
        Letter::Due => (
            format!("Payment for {title} is due"),
            format!("The payment for {title} ({}) was due on {}.", site.hostname, date(due)),
            format!(
                "Nothing changes for your store now. From {} you can't change its settings, and on {stop} it will be \
                 stopped, unless the payment has arrived.",
                date(periods.restricts_at(due))
            ),
        ),
        Letter::ThreeDays | Letter::OneDay => (
            format!("{title} will be stopped on {stop}"),
            format!("The payment for {title} ({}) has been overdue since {}.", site.hostname, date(due)),
            format!(
                "On {stop} the store will be stopped, and visitors will see a page that says so. Its data is kept."
            ),
        ),
        Letter::Suspended => (
            format!("{title} was stopped"),
            format!(
                "{title} ({}) was stopped, because its payment has been overdue since {}.",
                site.hostname,
                date(due)
            ),
            "Its data is kept. As soon as the payment has arrived, the store runs again.".to_owned(),
        ),
    };
    let body = EmailBody::new(first)
        .paragraph(then)
        .button("Show what is to be paid", format!("{}/billing", core.portal_url()))
        .small_print("If you have paid in the last days, there is nothing to do.");
    let key = format!("overdue/{}/{}/{letter}", of.id, due.as_millisecond());
    EmailDraft { key, kind: MailKind::Billing, to, subject, body }.task(&core.settings, now)
}

fn date(time: Timestamp) -> String {
    time.strftime("%-d %B %Y").to_string()
}
