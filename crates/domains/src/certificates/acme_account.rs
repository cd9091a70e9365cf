//! Our account at the certificate authority: opened once, when it is first needed, and kept sealed.

use crate::Domains;
use stoa_db::certificate_orders;
use stoa_integrations::acme::{Acme, AcmeError};
use tokio::sync::Mutex;

use stoa_core::settings::AcmeSettings;

/// The open account, if it was needed already.
#[derive(Default)]
pub(crate) struct AcmeAccount(Mutex<Option<Acme>>);

impl Domains {
    /// The account; one is registered if there is none yet, or if it was sealed with a lost master key.
    pub(super) async fn acme_account(&self, acme: &AcmeSettings) -> Result<Acme, AccountError> {
        // LoadedCertificate until it is open: two at once would register two accounts.
        let mut open = self.acme_account.0.lock().await;
        if let Some(acme) = &*open {
            return Ok(acme.clone());
        }
        let contact = acme.ca.contact.as_ref().map_or("", |contact| contact.as_str());
        let account = format!("{} {contact}", acme.ca.directory);
        let saved = certificate_orders::acme_account_get(&self.core.db, &account)
            .await
            .map_err(|e| AccountError::Records(e.into()))?;
        let context = format!("acme/{account}");
        let saved = saved.and_then(|sealed| {
            let opened = self.core.key.open(&context, &sealed);
            opened.inspect_err(|error| tracing::warn!(%error, "registering another account at the authority")).ok()
        });
        let (client, fresh) = Acme::open(acme.ca.clone(), saved.as_ref()).await.map_err(AccountError::Ca)?;
        if let Some(credentials) = fresh {
            let sealed = &self.core.key.seal(&context, &credentials);
            let (account, now) = (account.as_str(), self.core.clock.now());
            let kept = self
                .core
                .db
                .write(|tx| {
                    Box::pin(async move { certificate_orders::acme_account_put(&tx, account, sealed, now).await })
                })
                .await;
            kept.map_err(|error: stoa_db::DbError| AccountError::Records(error.into()))?;
        }
        *open = Some(client.clone());
        Ok(client)
    }

    /// Forgets an account that the authority does not know any more; the next order opens one anew.
    pub(super) async fn forget_acme_account(&self) {
        *self.acme_account.0.lock().await = None;
    }
}

/// Why there is no account to ask with.
#[derive(Debug)]
pub(super) enum AccountError {
    /// The authority did not let us.
    Ca(AcmeError),
    /// Our own records did not.
    Records(crate::Error),
}
