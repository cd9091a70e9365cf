//! What this area writes to people. Nothing secret is ever in an email.

use jiff::Timestamp;
use stoa_core::{
    Core, Error, Result,
    email::{EmailBody, EmailDraft, utc},
    tasks::QueuedTask,
};
use stoa_db::{accounts, secrets, sites};
use stoa_model::{mail::MailKind, site::Site, text::EmailAddress};

use crate::{login::path_of, sagas::SitePlan};

/// Tells customers that their site is online, and how to get into it. Its password is on the site's page only.
pub(crate) async fn welcome(core: &Core, plan: &SitePlan, now: Timestamp) -> Result<QueuedTask> {
    let customer = accounts::customer_get(&core.db, plan.customer).await?.ok_or(Error::NotFound("customer"))?;
    let site = sites::site_get(&core.db, plan.site).await?.ok_or(Error::NotFound("site"))?;
    let url = core.settings.application_url(&site);
    let page = format!("{}/sites/{}", core.portal_url(), plan.site);
    let login = secrets::credentials_get(&core.db, plan.site).await?.into_iter().next();
    let title = site.title.as_str();
    let mut body =
        EmailBody::new(format!("{title} is online.")).button("Open your store", &*url).fact("Address", &*url);
    if let Some(login) = login {
        body = body
            .fact("Administration", format!("{url}{}", path_of(&login.url)))
            .fact("User name", login.username)
            .fact("Password", "Shown on the store's page after you log in to your account.");
    }
    let body = body
        .paragraph("On the store's page you see the password, log in to the administration with one click, and manage the store.")
        .button("Show the store's page", page)
        .small_print("Change the password in the administration after your first login. We never send passwords by e-mail.");
    let key = format!("welcome/{}/{}", plan.site, plan.job);
    let subject = format!("{title} is online");
    Ok(EmailDraft { key, kind: MailKind::Welcome, to: customer.email, subject, body }.task(&core.settings, now))
}

/// Reminds a customer that their deleted site will be gone soon, and how to keep it.
pub(crate) fn deletion_reminder(core: &Core, site: &Site, to: EmailAddress) -> EmailDraft {
    let purge_at = site.purge_at.unwrap_or(site.created_at);
    let title = site.title.as_str();
    let body = EmailBody::new(format!("{title} ({}) will be deleted for good at {}.", site.hostname, utc(purge_at)))
        .paragraph("Until then you can restore it with all its data. After that nobody can.")
        .button("Restore the store", format!("{}/sites/{}", core.portal_url(), site.id))
        .small_print("If you want it to be deleted, there is nothing to do.");
    EmailDraft {
        key: format!("deletion/{}/{}", site.id, purge_at.as_millisecond()),
        kind: MailKind::Deletion,
        to,
        subject: format!("{title} will be deleted soon"),
        body,
    }
}

/// Tells a customer that their site does not respond. The key names the outage by its beginning.
pub(crate) fn site_down(core: &Core, site: &Site, to: EmailAddress) -> EmailDraft {
    let since = site.health_at.unwrap_or(site.created_at);
    let title = site.title.as_str();
    let body = EmailBody::new(format!("{title} has not responded since {}.", utc(since)))
        .paragraph("We check it every minute and write to you when it responds again.")
        .button("Show the store's page", format!("{}/sites/{}", core.portal_url(), site.id))
        .fact("Address", core.settings.application_url(site));
    EmailDraft {
        key: format!("down/{}/{}", site.id, since.as_millisecond()),
        kind: MailKind::Site,
        to,
        subject: format!("{title} is not responding"),
        body,
    }
}

/// Tells a customer that the reported outage of their site is over.
pub(crate) fn site_up(core: &Core, site: &Site, outage: &str, to: EmailAddress) -> EmailDraft {
    let title = site.title.as_str();
    let since = site.health_at.unwrap_or(site.created_at);
    let body = EmailBody::new(format!("{title} has responded again since {}.", utc(since)))
        .button("Open your store", core.settings.application_url(site));
    EmailDraft {
        key: format!("up/{}/{outage}", site.id),
        kind: MailKind::Site,
        to,
        subject: format!("{title} is online again"),
        body,
    }
}
