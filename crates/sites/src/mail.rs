//! What this area writes to people. Nothing secret is ever in an email.

use jiff::Timestamp;
use stoa_core::{
    Core, Error, Result,
    tasks::{
        QueuedTask,
        mail::{email_task, html},
    },
};
use stoa_db::{accounts, sites};
use stoa_integrations::mail::Email;

use crate::sagas::SitePlan;

/// Tells customers that their site is ready.
pub(crate) async fn welcome(core: &Core, plan: &SitePlan, now: Timestamp) -> Result<QueuedTask> {
    let customer = accounts::customer_get(&core.db, plan.customer).await?.ok_or(Error::NotFound("customer"))?;
    let site = sites::site_get(&core.db, plan.site).await?.ok_or(Error::NotFound("site"))?;
    let url = core.settings.application_url(&site);
    let page = format!("{}/sites/{}", core.portal_url(), plan.site);
    let product = &core.settings.product_name;
    let paragraphs = [
        format!("Hello {},", customer.company),
        "your new site is ready:".to_owned(),
        url.clone(),
        "Its page in the portal shows its login, opens its administration with one click, and is where you manage it:"
            .to_owned(),
        page.clone(),
        format!("Welcome to {product}!"),
    ];
    let letter = Email {
        key: format!("welcome/{}/{}", plan.site, plan.job),
        to: customer.email,
        subject: format!("Your site {} is ready", plan.hostname),
        text: paragraphs.join("\n\n"),
        html: html(&paragraphs, &[url, page]),
    };
    Ok(email_task(&letter, now))
}
