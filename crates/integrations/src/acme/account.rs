//! Accounts at a CA (RFC 8555 7.3).

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use stoa_model::secret::{ExposeSecret, SecretString};

use super::{
    Acme, AcmeConfig, AcmeError, ExternalAccount,
    http::Http,
    problem::{self, persist},
    within,
};

/// CAs issue their keys with and without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Acme {
    /// Opens the account of the saved credentials and updates its contact. Registers a new account if
    /// nothing was saved, if the credentials are for another directory, or if the CA no longer knows the
    /// account; it then returns new credentials, which the caller seals and saves. Agrees to the CA's
    /// terms of service.
    ///
    /// # Errors
    /// `Unreachable`, `Garbage`, `RateLimited`, or `Account`: the CA requires an external account, an
    /// operator's action or another contact, the account is deactivated, or the configuration is wrong.
    pub async fn open(
        config: AcmeConfig,
        saved: Option<&SecretString>,
    ) -> Result<(Self, Option<SecretString>), AcmeError> {
        let doing = format!("opening the account at {}", config.directory);
        if !config.directory.starts_with("https://") {
            return Err(AcmeError::local("the directory URL must begin with https:// (RFC 8555 6.1)").during(&doing));
        }
        // Before the time limit starts: reading the machine's roots takes a while on a busy machine.
        let http = Http::new(config.roots.as_deref(), config.patience).map_err(|error| error.during(&doing))?;
        within(config.patience, &doing, async {
            let reopened = match saved {
                Some(saved) => reopen(&config, &http, saved).await?,
                None => None,
            };
            let (account, credentials) = match reopened {
                Some(account) => (account, None),
                None => register(&config, &http).await.map(|(account, new)| (account, Some(new)))?,
            };
            Ok((Self { account, patience: config.patience }, credentials))
        })
        .await
    }
}

/// The saved account; `None` if it belongs to another directory or the CA no longer knows it, as after
/// a private CA was set up again. Registering another one loses nothing then.
async fn reopen(config: &AcmeConfig, http: &Http, saved: &SecretString) -> Result<Option<Account>, AcmeError> {
    if directory_of(saved)? != config.directory {
        return Ok(None);
    }
    let account = persist!(async {
        let builder = Account::builder_with_http(Box::new(http.clone()));
        builder.from_credentials(parse(saved)?).await
    })?;
    let contact = contact(config);
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let mut forgotten = false;
    let updated = persist!(async {
        let updated = account.update_contacts(&contact).await;
        forgotten = matches!(&updated, Err(instant_acme::Error::Api(problem)) if problem::name(problem) == Some("accountDoesNotExist"));
        updated
    });
    if forgotten {
        tracing::warn!(
            directory = config.directory,
            "the certificate authority does not know the account any more; registering another"
        );
        return Ok(None);
    }
    updated.map(|()| Some(account))
}

async fn register(config: &AcmeConfig, http: &Http) -> Result<(Account, SecretString), AcmeError> {
    let binding = config.external_account.as_ref().map(binding).transpose()?;
    let contact = contact(config);
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = persist!(async {
        let builder = Account::builder_with_http(Box::new(http.clone()));
        builder.create(&new, config.directory.clone(), binding.as_ref()).await
    })?;
    let text = serde_json::to_string(&credentials)
        .map_err(|error| AcmeError::local(format!("serializing the new credentials: {error}")))?;
    Ok((account, SecretString::from(text)))
}

fn binding(external: &ExternalAccount) -> Result<ExternalAccountKey, AcmeError> {
    let key = BASE64URL.decode(external.hmac_key.expose_secret().trim()).map_err(|_| {
        AcmeError::local(format!("the external account's key {:?} is not base64url; copy it again", external.key_id))
    })?;
    Ok(ExternalAccountKey::new(external.key_id.clone(), &key))
}

/// The contact as a URL (RFC 8555 7.3).
fn contact(config: &AcmeConfig) -> Option<String> {
    config.contact.as_ref().map(|address| format!("mailto:{address}"))
}

fn parse(saved: &SecretString) -> Result<AccountCredentials, instant_acme::Error> {
    Ok(serde_json::from_str(saved.expose_secret())?)
}

/// The directory that saved credentials belong to.
fn directory_of(saved: &SecretString) -> Result<String, AcmeError> {
    #[derive(serde::Deserialize)]
    struct Part {
        directory: String,
    }
    // The parser's error is left out because it may quote the secret.
    let bad = || AcmeError::local("the saved account credentials can't be read; remove them to register a new account");
    let _ = parse(saved).map_err(|_| bad())?;
    serde_json::from_str::<Part>(saved.expose_secret()).map(|part| part.directory).map_err(|_| bad())
}
