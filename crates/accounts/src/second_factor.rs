//! Two-step login: an authenticator app and recovery codes.
//!
//! Turning it on takes the password, turning it off a code: whoever finds an open session can do neither. Both end the
//! account's other sessions and unfinished logins, and are announced by e-mail.

use jiff::Timestamp;
use std::time::Duration;
use stoa_db::{
    DbError, Tx,
    accounts::{
        Subject,
        passkeys::passkeys_delete_of,
        second_factors::{
            recovery_code_use, recovery_codes_left, recovery_codes_replace, second_factor_delete, totp_accept,
            totp_begin, totp_confirm, totp_get,
        },
    },
    core::rate_limits::RateLimit,
    history, tasks,
};
use stoa_model::{
    account::{Actor, Role},
    field::Invalid,
    secret::{Sealed, SecretString},
};

use crate::{
    Accounts,
    login_account::{login_actor, own_subject},
    notices,
    reauthenticate::require_recent,
    recovery_codes,
    session_end::end_sessions,
    sessions::{SessionSecret, insert_session},
    totp,
    view::{NewSession, SecondFactorView, TotpEnrolment},
};
use stoa_core::{Error, RequestContext, Result, Wakeup};

/// Tries to confirm a sensitive change with a code, per account.
const CHANGE_TRIES: u32 = 10;
const CHANGE_PERIOD: Duration = Duration::from_secs(600);

fn wrong_code() -> Error {
    let message = "This code is wrong or was used already. Enter the current code of your app, or a recovery code.";
    Invalid::new("code", message).into()
}

impl Accounts {
    /// The second factor of the actor's own account.
    ///
    /// # Errors
    /// If nobody is logged in.
    pub async fn second_factor(&self, cx: &RequestContext) -> Result<SecondFactorView> {
        let subject = own_subject(cx)?;
        let since = totp_get(&self.core.db, &subject).await?.and_then(|totp| totp.confirmed_at);
        let recovery_codes_left = recovery_codes_left(&self.core.db, &subject).await?;
        Ok(SecondFactorView { since, recovery_codes_left, is_required: self.requires_second_factor(cx.actor) })
    }

    /// Whether the operator requires a second factor of this account.
    pub fn requires_second_factor(&self, actor: Actor) -> bool {
        self.core.settings.staff_second_factor && matches!(actor, Actor::Staff(..))
    }

    /// Whether logging in to an account takes a second step.
    pub(crate) async fn has_second_factor(&self, subject: &Subject) -> Result<bool> {
        Ok(totp_get(&self.core.db, subject).await?.is_some_and(|totp| totp.confirmed_at.is_some()))
    }

    /// Begins the enrolment of an authenticator app: a new key, which [`Accounts::confirm_totp`] makes the second
    /// factor.
    ///
    /// # Errors
    /// With a token; if the account has an app already.
    pub async fn begin_totp(&self, cx: &RequestContext) -> Result<TotpEnrolment> {
        cx.refuse_token()?;
        let subject = &own_subject(cx)?;
        if self.has_second_factor(subject).await? {
            return Err(Error::Conflict("Two-step login is on already. Turn it off first to use another app.".into()));
        }
        let secret = totp::generate_secret();
        let sealed = &self.core.key.seal(&seal_context(subject), &secret);
        self.core.db.write(|tx| Box::pin(async move { totp_begin(&tx, subject, sealed, cx.now).await })).await?;
        self.enrolment(cx, secret).await
    }

    /// The enrolment that was begun and isn't confirmed yet.
    ///
    /// # Errors
    /// If there is none.
    pub async fn pending_totp(&self, cx: &RequestContext) -> Result<TotpEnrolment> {
        let subject = own_subject(cx)?;
        let pending = totp_get(&self.core.db, &subject).await?.filter(|totp| totp.confirmed_at.is_none());
        let sealed = pending.ok_or(Error::NotFound("setup in progress"))?.sealed;
        self.enrolment(cx, self.open(&subject, &sealed)?).await
    }

    async fn enrolment(&self, cx: &RequestContext, secret: SecretString) -> Result<TotpEnrolment> {
        let email = self.own_login(cx).await?.login;
        let uri = totp::key_uri(&self.core.settings.product_name, email.as_str(), &secret);
        Ok(TotpEnrolment { secret, uri })
    }

    /// Confirms the enrolment with the password and a code of the app. Returns a new session, which replaces all
    /// others of the account, and the recovery codes.
    ///
    /// # Errors
    /// A wrong password or code; no enrolment; too many tries.
    pub async fn confirm_totp(
        &self,
        cx: &RequestContext,
        password: SecretString,
        code: &str,
    ) -> Result<(NewSession, Vec<SecretString>)> {
        cx.refuse_token()?;
        let subject = &own_subject(cx)?;
        let limits = self.count_change(subject).await?;
        let pending = totp_get(&self.core.db, subject).await?.filter(|totp| totp.confirmed_at.is_none());
        let sealed = &pending.ok_or(Error::NotFound("setup in progress"))?.sealed;
        self.verify_own_password(cx, password, "password").await?;
        let step = totp::matching_step(&self.open(subject, sealed)?, code, cx.now).ok_or_else(|| {
            Invalid::new(
                "code",
                "This code doesn't match. Check that your device's clock is right, and try the next code.",
            )
        })?;
        let codes = recovery_codes::generate();
        let hashes = &recovery_codes::hashes(subject, &codes);
        let secret = &SessionSecret::new(cx.now);
        let event = &cx.audit("second_factor.enable", subject, serde_json::json!({ "kind": "totp" }));
        let notice = &self.notice_of_change(cx, "Two-step login was turned on").await?;
        let done = self.core.db.write(|tx| {
            Box::pin(async move {
                if !totp_confirm(&tx, subject, sealed, step, cx.now).await? {
                    return Err(Error::Conflict("The setup was changed in another window. Start again.".into()));
                }
                recovery_codes_replace(&tx, subject, hashes, cx.now).await?;
                end_sessions(&tx, cx, login_actor(cx), None, "two-step login on").await?;
                insert_session(&tx, cx, login_actor(cx), secret, cx.now, Some(cx.now)).await?;
                tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                Ok(history::audit(&tx, event).await?)
            })
        });
        done.await?;
        self.core.return_attempt(&limits).await?;
        self.forget_recent();
        Ok((secret.session(login_actor(cx)), codes))
    }

    /// Replaces the recovery codes; the old ones end. Takes a code, because a found session must not get ways in.
    ///
    /// # Errors
    /// A wrong code; too many tries; no second factor.
    pub async fn replace_recovery_codes(&self, cx: &RequestContext, code: &str) -> Result<Vec<SecretString>> {
        cx.refuse_token()?;
        let subject = &own_subject(cx)?;
        let limits = self.count_change(subject).await?;
        self.spend_code(subject, code, cx.now).await?.then_some(()).ok_or_else(wrong_code)?;
        let codes = recovery_codes::generate();
        let hashes = &recovery_codes::hashes(subject, &codes);
        let event = &cx.audit("second_factor.recovery_codes", subject, serde_json::json!({}));
        let replace = self.core.db.write(|tx| {
            Box::pin(async move {
                recovery_codes_replace(&tx, subject, hashes, cx.now).await?;
                history::audit(&tx, event).await
            })
        });
        replace.await?;
        self.core.return_attempt(&limits).await?;
        Ok(codes)
    }

    /// Turns two-step login off, with a code. Returns a new session, which replaces all others of the account.
    ///
    /// # Errors
    /// A wrong code; too many tries; no second factor.
    pub async fn remove_second_factor(&self, cx: &RequestContext, code: &str) -> Result<NewSession> {
        cx.refuse_token()?;
        let subject = &own_subject(cx)?;
        let limits = self.count_change(subject).await?;
        self.spend_code(subject, code, cx.now).await?.then_some(()).ok_or_else(wrong_code)?;
        let secret = &SessionSecret::new(cx.now);
        let event = &cx.audit("second_factor.disable", subject, serde_json::json!({}));
        let notice = &self.notice_of_change(cx, "Two-step login was turned off").await?;
        let remove = self.core.db.write(|tx| {
            Box::pin(async move {
                second_factor_delete(&tx, subject).await?;
                end_sessions(&tx, cx, login_actor(cx), None, "two-step login off").await?;
                insert_session(&tx, cx, login_actor(cx), secret, cx.now, None).await?;
                tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                Ok::<_, Error>(history::audit(&tx, event).await?)
            })
        });
        remove.await?;
        self.core.return_attempt(&limits).await?;
        self.forget_recent();
        Ok(secret.session(login_actor(cx)))
    }

    /// Removes the second factor and the passkeys of somebody who has lost them, ends their sessions and notifies them.
    /// Their password stays. Whoever calls this has made sure who is asking.
    ///
    /// # Errors
    /// Below the role admin, for staff below super_admin; no recent password; no such account; one without a second
    /// factor.
    pub async fn reset_second_factor(&self, cx: &RequestContext, actor: Actor) -> Result<()> {
        cx.require(if matches!(actor, Actor::Staff(..)) { Role::SuperAdmin } else { Role::Admin })?;
        require_recent(cx)?;
        let found = self.login_account(actor).await?.ok_or(Error::NotFound("account"))?;
        let subject = &Subject::of(actor).ok_or(Error::NotFound("account"))?;
        let event = &cx.audit("second_factor.reset", subject, serde_json::json!({}));
        let what = "Two-step login and passkeys were removed by our support team";
        let notice = &notices::second_factor_changed(&self.core, found.email, what, cx.now);
        let reset = self.core.db.write(|tx| {
            Box::pin(async move {
                // Their passkeys may be on the device that is lost.
                if !delete_factors(&tx, subject).await? {
                    return Err(Error::Conflict("This account uses neither two-step login nor passkeys.".into()));
                }
                end_sessions(&tx, cx, actor, None, "second factor reset").await?;
                tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                Ok(history::audit(&tx, event).await?)
            })
        });
        reset.await?;
        self.forget_recent();
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// Spends a code of the account's app or one of its recovery codes; returns whether it was accepted.
    async fn spend_code(&self, subject: &Subject, code: &str, now: Timestamp) -> Result<bool> {
        let code = &self.read_code(subject, code, now).await?;
        Ok(self.core.db.write(|tx| Box::pin(async move { code.spend(&tx, subject, now).await })).await?)
    }

    /// What a typed code can be, before it is spent.
    pub(crate) async fn read_code(&self, subject: &Subject, code: &str, now: Timestamp) -> Result<TypedCode> {
        let totp = totp_get(&self.core.db, subject).await?.filter(|totp| totp.confirmed_at.is_some());
        Ok(match totp {
            None => TypedCode::Nothing,
            Some(totp) => match totp::matching_step(&self.open(subject, &totp.sealed)?, code, now) {
                Some(step) => TypedCode::Totp(step),
                None => TypedCode::Recovery(recovery_codes::hash(subject, code)),
            },
        })
    }

    /// Counts a try to change how an account logs in, so that a found session can't guess.
    async fn count_change(&self, subject: &Subject) -> Result<Vec<RateLimit>> {
        let name = format!("second-factor {subject}");
        let limits = vec![RateLimit { name, attempts: CHANGE_TRIES, period: CHANGE_PERIOD }];
        self.core.count(&limits).await?;
        Ok(limits)
    }

    async fn notice_of_change(&self, cx: &RequestContext, what: &str) -> Result<stoa_core::tasks::QueuedTask> {
        let email = self.own_login(cx).await?.email;
        Ok(notices::second_factor_changed(&self.core, email, what, cx.now))
    }

    fn open(&self, subject: &Subject, sealed: &Sealed) -> Result<SecretString> {
        self.core.key.open(&seal_context(subject), sealed).map_err(Error::internal)
    }
}

fn seal_context(subject: &Subject) -> String {
    format!("totp {subject}")
}

/// Deletes the app, the recovery codes and the passkeys of an account; returns whether it had any.
pub(crate) async fn delete_factors(tx: &Tx, subject: &Subject) -> std::result::Result<bool, DbError> {
    let had_passkeys = passkeys_delete_of(tx, subject).await? > 0;
    Ok(second_factor_delete(tx, subject).await? || had_passkeys)
}

/// What a typed code can be.
pub(crate) enum TypedCode {
    /// There is no second factor.
    Nothing,
    /// The code of this time step of the app.
    Totp(i64),
    /// A recovery code, or a wrong code.
    Recovery([u8; 32]),
}

impl TypedCode {
    /// Spends the code; returns whether it was accepted.
    pub async fn spend(&self, tx: &Tx, subject: &Subject, now: Timestamp) -> std::result::Result<bool, DbError> {
        match self {
            Self::Nothing => Ok(false),
            Self::Totp(step) => totp_accept(tx, subject, *step).await,
            Self::Recovery(hash) => recovery_code_use(tx, subject, hash, now).await,
        }
    }
}
