//! Passkeys (WebAuthn Level 2): logging in with a device that has verified its owner, which counts as both steps.
//!
//! A challenge works once and for five minutes, and is kept in the database, so that any process can take the answer.
//! Keys are made for the portal's configured address only: an answer that another site asked for, even a store below the
//! portal's name, bears that site's address and is refused. Attempts don't count as wrong passwords, nor do those stop
//! passkeys.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Value, json};
use stoa_db::{
    Constraint, DbError,
    accounts::{
        Subject,
        passkeys::{self, challenge_insert, challenge_take, passkey_list},
    },
    core::rate_limits::RateLimit,
    history, tasks,
};
use stoa_model::{
    account::Actor,
    field::Invalid,
    id::PasskeyId,
    secret::ExposeSecret,
    text::{EmailAddress, check_line},
};
use url::{Host, Url};
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{
        DiscoverableAuthentication, DiscoverableKey, Passkey as Key, PasskeyRegistration, PublicKeyCredential,
        RegisterPublicKeyCredential, Uuid,
    },
};

use crate::{
    Accounts,
    login::Proof,
    login_account::{login_actor, own_subject},
    notices,
    reauthenticate::require_recent,
    view::{NewSession, PasskeyChallenge, PasskeyView},
};
use stoa_core::{Error, RequestContext, Result, Wakeup, random, rate_limits::client_limits};

/// How long a browser may take to answer.
const CHALLENGE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// Passkeys of an account.
const MAX_PASSKEYS: usize = 20;
/// Challenges for a login that a network may ask for.
const CHALLENGES_PER_MINUTE: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
const MAX_NAME: usize = 60;

const UNAVAILABLE: Error = Error::Unauthenticated("Passkeys need a portal with HTTPS. Log in with your password.");
const UNKNOWN: Error =
    Error::Unauthenticated("This passkey isn't known here. It may have been removed. Log in with your password.");
pub(crate) const PASSKEY_NOT_ACCEPTED: Error =
    Error::Unauthenticated("The passkey was not accepted. Try again, or use your password.");
const TOO_LATE: &str = "This took longer than five minutes, or was answered already. Start again.";

impl Accounts {
    /// Whether browsers can use passkeys at the portal's address: it has HTTPS, or is `localhost`.
    pub fn offers_passkeys(&self) -> bool {
        self.relying_party().is_some()
    }

    /// What passkeys are made for; `None` where browsers have none.
    fn relying_party(&self) -> Option<Webauthn> {
        let origin = Url::parse(&self.core.settings.portal_url).ok()?;
        let Some(Host::Domain(host)) = origin.host() else { return None };
        if origin.scheme() != "https" && host != "localhost" {
            return None;
        }
        let builder = WebauthnBuilder::new(host, &origin).ok()?;
        builder.rp_name(&self.core.settings.product_name).build().ok()
    }

    /// The passkeys of the account that is logged in, oldest first.
    ///
    /// # Errors
    /// If nobody is logged in.
    pub async fn list_passkeys(&self, cx: &RequestContext) -> Result<Vec<PasskeyView>> {
        let found = passkey_list(&self.core.db, &own_subject(cx)?).await?;
        let view = |passkey: passkeys::Passkey| PasskeyView {
            id: passkey.id,
            name: passkey.name,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Begins to add a passkey: what the browser passes to `navigator.credentials.create`.
    ///
    /// # Errors
    /// With a token; without a recent password; too many passkeys; a portal without HTTPS.
    pub async fn begin_passkey(&self, cx: &RequestContext) -> Result<PasskeyChallenge> {
        cx.refuse_token()?;
        require_recent(cx)?;
        let subject = own_subject(cx)?;
        let relying_party = self.relying_party().ok_or(UNAVAILABLE)?;
        let own = passkey_list(&self.core.db, &subject).await?;
        if own.len() >= MAX_PASSKEYS {
            let message = format!("You have {MAX_PASSKEYS} passkeys, which is as many as an account can have.");
            return Err(Error::Conflict(message));
        }
        let keys = own.iter().map(|passkey| read_key(&passkey.public_key)).collect::<Result<Vec<_>>>()?;
        let known = keys.iter().map(|key| key.cred_id().clone()).collect();
        let login = self.own_login(cx).await?.login;
        let started = relying_party.start_passkey_registration(
            handle(login_actor(cx)),
            login.as_str(),
            login.as_str(),
            Some(known),
        );
        let (options, state) = started.map_err(Error::internal)?;
        let mut options = serde_json::to_value(options).map_err(Error::internal)?;
        // So that the login needs no address: the device finds the key.
        options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
        options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
        self.store_challenge(cx, Some(&subject), &state, options).await
    }

    /// Adds the passkey that a browser has made, and says so by e-mail.
    ///
    /// # Errors
    /// With a token; a bad name; an answer that is no answer to this challenge.
    pub async fn add_passkey(&self, cx: &RequestContext, challenge: &str, answer: &str, name: &str) -> Result<()> {
        cx.refuse_token()?;
        let (subject, name) = (&own_subject(cx)?, passkey_name(name)?);
        let relying_party = self.relying_party().ok_or(UNAVAILABLE)?;
        let state = self.take_challenge(cx, Some(subject), challenge).await?;
        let state: PasskeyRegistration = serde_json::from_str(&state).map_err(Error::internal)?;
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).map_err(|error| refused(&error))?;
        let key = relying_party.finish_passkey_registration(&answer, &state).map_err(|error| refused(&error))?;
        let passkey = &passkeys::Passkey {
            id: PasskeyId::from_uuid(random::uuid_at(cx.now)),
            subject: subject.clone(),
            credential: credential_hash(key.cred_id()),
            name,
            public_key: serde_json::to_string(&key).map_err(Error::internal)?,
            created_at: cx.now,
            last_used_at: None,
        };
        let email = self.own_login(cx).await?.email;
        let notice = &notices::passkey_changed(&self.core, email, "was added", passkey.id, &passkey.name, cx.now);
        let event = &cx.audit("passkey.add", passkey.id, json!({ "name": passkey.name }));
        let insert = self.core.db.write(|tx| {
            Box::pin(async move {
                passkeys::passkey_insert(&tx, passkey).await?;
                tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                history::audit(&tx, event).await
            })
        });
        match insert.await {
            Err(DbError::Conflict(Constraint::Passkey)) => {
                Err(Error::Conflict("This device has a passkey for an account here already.".into()))
            }
            inserted => {
                self.core.bus.wake(Wakeup::Tasks);
                Ok(inserted?)
            }
        }
    }

    /// Removes one of the account's passkeys, and says so by e-mail.
    ///
    /// # Errors
    /// With a token; without a recent password; [`Error::NotFound`] for another account's passkey.
    pub async fn remove_passkey(&self, cx: &RequestContext, id: PasskeyId) -> Result<()> {
        cx.refuse_token()?;
        let subject = &own_subject(cx)?;
        let own = passkey_list(&self.core.db, subject).await?;
        let name = &own.into_iter().find(|own| own.id == id).ok_or(Error::NotFound("passkey"))?.name;
        require_recent(cx)?;
        let email = self.own_login(cx).await?.email;
        let notice = &notices::passkey_changed(&self.core, email, "was removed", id, name, cx.now);
        let event = &cx.audit("passkey.remove", id, json!({ "name": name }));
        let delete = self.core.db.write(|tx| {
            Box::pin(async move {
                passkeys::passkey_delete(&tx, subject, id).await?;
                tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                history::audit(&tx, event).await
            })
        });
        delete.await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// Begins a login: what the browser passes to `navigator.credentials.get`.
    ///
    /// # Errors
    /// Too many from this network; a portal without HTTPS.
    pub async fn begin_passkey_login(&self, cx: &RequestContext) -> Result<PasskeyChallenge> {
        if let Some(address) = cx.address {
            let name = format!("passkey {}", client_limits(address).0);
            self.core.count(&[RateLimit { name, attempts: CHALLENGES_PER_MINUTE, period: MINUTE }]).await?;
        }
        let relying_party = self.relying_party().ok_or(UNAVAILABLE)?;
        let (options, state) = relying_party.start_discoverable_authentication().map_err(Error::internal)?;
        let mut options = serde_json::to_value(options).map_err(Error::internal)?;
        // The person has pressed a button: the browser's window, and no list in a field.
        if let Some(options) = options.as_object_mut() {
            options.remove("mediation");
        }
        self.store_challenge(cx, None, &state, options).await
    }

    /// Logs in with a passkey. Returns the session, and the address that the account logs in with.
    ///
    /// # Errors
    /// An unknown passkey; an answer that is no answer to this challenge, or that is older than the last one (its counter
    /// shows a copied key).
    pub async fn log_in_with_passkey(
        &self,
        cx: &RequestContext,
        challenge: &str,
        answer: &str,
    ) -> Result<(NewSession, EmailAddress)> {
        let relying_party = self.relying_party().ok_or(UNAVAILABLE)?;
        let state = self.take_challenge(cx, None, challenge).await?;
        let state: DiscoverableAuthentication = serde_json::from_str(&state).map_err(Error::internal)?;
        let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(|_| PASSKEY_NOT_ACCEPTED)?;
        let (_, credential) = relying_party.identify_discoverable_authentication(&answer).map_err(|_| UNKNOWN)?;
        let found = passkeys::passkey_by_credential(&self.core.db, &credential_hash(credential)).await?;
        let found = &found.ok_or(UNKNOWN)?;
        let actor = found.subject.actor(&self.core.db).await?.ok_or(UNKNOWN)?;
        let mut key = read_key(&found.public_key)?;
        let checked = relying_party.finish_discoverable_authentication_v2(&answer, state, DiscoverableKey::from(&key));
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => {
                let why = json!({ "passkey": found.id, "why": error.to_string() });
                let event = &cx.audit_outcome("session.begin", &found.subject, "refused", why);
                self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
                return Err(PASSKEY_NOT_ACCEPTED);
            }
        };
        key.update_credential(&checked);
        let public_key = &serde_json::to_string(&key).map_err(Error::internal)?;
        let email = self.login_account(actor).await?.ok_or(UNKNOWN)?.login;
        let session = self.begin_session(cx, actor, Proof::Passkey(found, public_key)).await?;
        Ok((session, email))
    }

    async fn store_challenge(
        &self,
        cx: &RequestContext,
        subject: Option<&Subject>,
        state: &impl Serialize,
        options: Value,
    ) -> Result<PasskeyChallenge> {
        let token = random::token();
        let hash = &random::token_hash(token.expose_secret());
        let state = &serde_json::to_string(state).map_err(Error::internal)?;
        let until = cx.now + CHALLENGE_LIFETIME;
        let insert =
            self.core.db.write(|tx| Box::pin(async move { challenge_insert(&tx, hash, subject, state, until).await }));
        insert.await?;
        Ok(PasskeyChallenge { token, options })
    }

    async fn take_challenge(&self, cx: &RequestContext, subject: Option<&Subject>, token: &str) -> Result<String> {
        let hash = &random::token_hash(token);
        let take = self.core.db.write(|tx| Box::pin(async move { challenge_take(&tx, hash, subject, cx.now).await }));
        take.await?.ok_or_else(|| Error::Conflict(TOO_LATE.into()))
    }
}

/// What the authenticator stores of the account: nothing that says who it is.
fn handle(actor: Actor) -> Uuid {
    match actor {
        Actor::Customer(id) => id.uuid(),
        Actor::Staff(id, _) => id.uuid(),
        Actor::Nobody | Actor::System => Uuid::nil(),
    }
}

fn read_key(stored: &str) -> Result<Key> {
    serde_json::from_str(stored).map_err(Error::internal)
}

fn credential_hash(id: &[u8]) -> [u8; 32] {
    random::token_hash(&data_encoding::BASE64URL_NOPAD.encode(id))
}

fn passkey_name(name: &str) -> std::result::Result<String, Invalid> {
    let name = name.trim();
    let name = if name.is_empty() { "Passkey" } else { name };
    if name.chars().count() > MAX_NAME {
        return Err(Invalid::new("name", format!("Use at most {MAX_NAME} characters.")));
    }
    check_line("name", name)?;
    Ok(name.to_owned())
}

fn refused(error: &dyn std::fmt::Display) -> Error {
    tracing::info!(%error, "a new passkey was refused");
    Error::Conflict("Your browser's answer was not accepted. Start again, or use another device.".into())
}
