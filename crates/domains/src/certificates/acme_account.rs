//! Our account at the certificate authority. It is registered when first needed, and its credentials are stored
//! sealed.

use crate::Domains;
use stoa_db::certificate_orders;
use stoa_integrations::acme::{Acme, AcmeError};
use tokio::sync::Mutex;

use stoa_core::settings::AcmeSettings;

/// The account, once it was loaded.
#[derive(Default)]
pub(crate) struct AcmeAccount(Mutex<Option<Acme>>);

impl Domains {
    /// The account. Registers one if there is none yet, or if its credentials can't be opened with the master key.
    pub(super) async fn acme_account(&self, acme: &AcmeSettings) -> Result<Acme, AccountError> {
        // Locked until the account is open: concurrent calls would register two accounts.
        let mut open = self.acme_account.0.lock().await;
        if let Some(acme) = &*open {
            return Ok(acme.clone());
        }
        let contact = acme.ca.contact.as_ref().map_or("", |contact| contact.as_str());
        let account = format!("{} {contact}", acme.ca.directory);
        let saved = certificate_orders::acme_account_get(&self.core.db, &account)
            .await
            .map_err(|e| AccountError::Database(e.into()))?;
        let context = format!("acme/{account}");
        let saved = saved.and_then(|sealed| {
            let opened = self.core.key.open(&context, &sealed);
            opened.inspect_err(|error| tracing::warn!(%error, "cannot open the ACME account's credentials; registering another account")).ok()
        });
        let (client, new_credentials) = Acme::open(acme.ca.clone(), saved.as_ref()).await.map_err(AccountError::Ca)?;
        if let Some(credentials) = new_credentials {
            let sealed = &self.core.key.seal(&context, &credentials);
            let (account, now) = (account.as_str(), self.core.clock.now());
            let stored = self
                .core
                .db
                .write(|tx| {
                    Box::pin(async move { certificate_orders::acme_account_put(&tx, account, sealed, now).await })
                })
                .await;
            stored.map_err(|error: stoa_db::DbError| AccountError::Database(error.into()))?;
        }
        *open = Some(client.clone());
        Ok(client)
    }

    /// Drops an account that the authority no longer accepts. The next order registers another one.
    pub(super) async fn forget_acme_account(&self) {
        *self.acme_account.0.lock().await = None;
    }
}

/// Why the account is unavailable.
#[derive(Debug)]
pub(super) enum AccountError {
    /// The authority failed or refused.
    Ca(AcmeError),
    /// The database failed.
    Database(crate::Error),
}
