//! What the submission server asks: who logs in, and the acceptance of a message.

use std::net::IpAddr;

use async_trait::async_trait;
use stoa_core::{Error, Result, Wakeup, random};
use stoa_db::{
    secrets,
    sites::{
        self,
        mail::{SiteMail, mail_insert, mail_waiting},
    },
};
use stoa_model::{
    id::{SiteId, SiteMailId},
    secret::ExposeSecret,
    site::{Lifecycle, Site},
    site_mail::PASSWORD_VARIABLE,
};
use stoa_submission::{
    Backend, Login, Reply, Submission,
    message::{Trace, prepare},
};
use subtle::ConstantTimeEq;

use super::limits::is_queue_full;
use crate::{Sites, sagas::plan::secret_context};

/// The first number of the network that an address lies in, if it is a site's.
pub type NetworkOf = Box<dyn Fn(IpAddr) -> Option<i64> + Send + Sync>;

/// The sites, for the submission server.
pub struct SubmissionBackend {
    sites: Sites,
    network_of: NetworkOf,
}

impl SubmissionBackend {
    /// A backend; networks are numbered as sites' leases.
    pub fn new(sites: Sites, network_of: NetworkOf) -> Self {
        Self { sites, network_of }
    }
}

#[async_trait]
impl Backend for SubmissionBackend {
    fn network_of(&self, source: IpAddr) -> Option<i64> {
        (self.network_of)(source)
    }

    async fn authenticate(&self, network: i64, login: &Login) -> std::result::Result<Option<SiteId>, Reply> {
        let found = self.sites.authenticate_mail(network, login).await;
        let found = found.map_err(|error| unavailable(&error, "a site's login for mail could not be checked"))?;
        if found.is_none() {
            tracing::info!(network, user = ?login.user, "a login for mail was refused");
        }
        Ok(found)
    }

    async fn accept(&self, site: SiteId, message: Submission) -> std::result::Result<String, Reply> {
        self.sites.accept_mail(site, message).await.map(|id| id.to_string())
    }
}

fn unavailable(error: &Error, what: &'static str) -> Reply {
    tracing::warn!(error = error.for_operator(), "{what}");
    Reply::unavailable("The platform is unavailable; try again later")
}

impl Sites {
    /// The site of this login, if it is right and the site has this network: a password that was stolen is of no use
    /// in another site.
    async fn authenticate_mail(&self, network: i64, login: &Login) -> Result<Option<SiteId>> {
        let Ok(id) = login.user.parse::<SiteId>() else { return Ok(None) };
        let site = sites::site_get(&self.core.db, id).await?;
        let Some(site) = site.filter(|site| site.lease == Some(network) && may_send(site)) else { return Ok(None) };
        let secrets = secrets::secrets_get(&self.core.db, site.id).await?;
        let Some(sealed) = secrets.get(PASSWORD_VARIABLE) else { return Ok(None) };
        let context = secret_context(site.id, PASSWORD_VARIABLE);
        let password = self.core.key.open(&context, sealed).map_err(Error::internal)?;
        let (given, right) = (login.password.expose_secret().as_bytes(), password.expose_secret().as_bytes());
        Ok(bool::from(given.ct_eq(right)).then_some(site.id))
    }

    /// Queues a message. It is in the database when this returns.
    async fn accept_mail(&self, id: SiteId, message: Submission) -> std::result::Result<SiteMailId, Reply> {
        let failed = |error: Error| unavailable(&error, "a site's message could not be accepted");
        let now = self.core.clock.now();
        let site = sites::site_get(&self.core.db, id).await.map_err(|error| failed(error.into()))?;
        let Some(site) = site.filter(may_send) else {
            return Err(Reply::new(550, "5.7.1", "The site can't send mail now"));
        };
        let waiting = mail_waiting(&self.core.db, id).await.map_err(|error| failed(error.into()))?;
        if is_queue_full(waiting, &self.core.settings.site_mail) {
            return Err(Reply::new(452, "4.3.1", "Too many messages of this site are waiting; try again later"));
        }
        let policy = self.sender_policy(&site).await.map_err(failed)?;
        let mail_id = SiteMailId::from_uuid(random::uuid_at(now));
        let trace = Trace {
            id: &mail_id.to_string(),
            site: &id.to_string(),
            client_name: &message.client_name,
            hostname: self.core.settings.base_domain.as_str(),
            now,
        };
        let Submission { sender, recipients, data, .. } = message;
        let prepared = prepare(data, &policy, &trace)?;
        let mail = &SiteMail {
            id: mail_id,
            site: id,
            sender: prepared.from,
            replaced_sender: prepared.replaced_from,
            // A program that sends with the empty sender wants no bounce: it is an automatic reply.
            return_path: sender.map(|_| prepared.return_path),
            subject: prepared.subject,
            size: (prepared.header.len() + prepared.body.len()) as u64,
            created_at: now,
        };
        let (recipients, content) = (&recipients, &[prepared.header.as_slice(), prepared.body.as_slice()]);
        let stored =
            self.core.db.write(|tx| Box::pin(async move { mail_insert(&tx, mail, recipients, content).await }));
        stored.await.map_err(|error| failed(error.into()))?;
        self.core.bus.wake(Wakeup::SiteMail);
        Ok(mail_id)
    }
}

/// A site that is being created sends mail already: its application tells the owner that it was installed.
fn may_send(site: &Site) -> bool {
    let is_there = matches!(site.lifecycle, Lifecycle::Provisioning | Lifecycle::Active | Lifecycle::Updating);
    is_there && site.suspensions.is_empty()
}
