//! Notifies customers that their domain was verified.

use stoa_core::{
    Result,
    email::{EmailBody, EmailDraft},
    tasks::QueuedTask,
};
use stoa_db::accounts::{self, notices::customer_gets_notices};
use stoa_model::{domain::Domain, mail::MailKind};

use crate::Domains;

impl Domains {
    /// The notice; `None` if the customer is gone or wants none.
    pub(crate) async fn verified_notice(&self, domain: &Domain) -> Result<Option<QueuedTask>> {
        let Some(customer) = accounts::customer_get(&self.core.db, domain.customer).await? else { return Ok(None) };
        if !customer_gets_notices(&self.core.db, domain.customer).await? {
            return Ok(None);
        }
        let name = idna::domain_to_unicode(domain.name.as_str()).0;
        let body = EmailBody::new(format!("The domain {name} is verified and now belongs to your store."))
            .paragraph("We set up HTTPS for it as soon as it points to our server. You can make it the main address.")
            .button("Show the domain", format!("{}/sites/{}/domains", self.core.portal_url(), domain.site));
        let draft = EmailDraft {
            key: format!("domain-verified/{}", domain.id),
            kind: MailKind::Site,
            to: customer.email,
            subject: format!("{name} is verified"),
            body,
        };
        Ok(Some(draft.task(&self.core.settings, self.core.clock.now())))
    }
}
