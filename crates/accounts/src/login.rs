//! Login and logout. An unknown address and a wrong password give the same response after the same time; limits are
//! checked before the account is looked up ([`login_limits`](crate::login_limits)).
//!
//! With a second factor, a right password only begins a *login flow*, which a code completes. A flow has few tries and a
//! short life, and each wrong code counts as a failure of the account.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    accounts::{
        self, Subject, login_failures, login_flows,
        passkeys::{Passkey, passkey_used},
        staff_accounts::{staff_account, staff_logged_in},
    },
    history, sessions,
};
use stoa_model::{
    account::Actor,
    field::Invalid,
    secret::{ExposeSecret, SecretString},
    text::EmailAddress,
};

use crate::{
    Accounts,
    command::LogIn,
    login_alerts::note_login,
    login_limits::{AccountKey, LoginAttempt, Portal},
    passkeys::PASSKEY_NOT_ACCEPTED,
    second_factor::TypedCode,
    sessions::{SessionSecret, insert_session},
    view::{LoginOutcome, NewSession},
};
use stoa_core::{Error, RequestContext, Result, Wakeup, random};

const INVALID_CREDENTIALS: Error = Error::Unauthenticated("Wrong email or password. Try again or reset your password.");
const USE_A_TOKEN: Error = Error::Unauthenticated(
    "This account uses two-step login, so a password isn't enough here. Create an API token in the portal under \
     Account, API tokens, and send that instead.",
);
const SET_UP_FIRST: Error =
    Error::Unauthenticated("Your account needs two-step login. Log in to the portal and set it up first.");
const CHOOSE_FIRST: Error =
    Error::Unauthenticated("This password is temporary. Log in to the portal and choose your own first.");
const TEMPORARY_EXPIRED: Error =
    Error::Unauthenticated("This temporary password has expired. Ask a super admin to reset your password.");
const FLOW_OVER: Error = Error::Unauthenticated("Your login has expired. Enter your password again.");
const CODE_CLOSED: Error = Error::Unauthenticated(
    "Too many wrong codes were entered for this account. Log in from a browser that you have used before, or contact \
     support.",
);
/// How long a login waits for the second factor.
const FLOW_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// Tries to enter a code before the password is asked for again.
const MAX_CODE_TRIES: i64 = 5;
/// Failures are in a row if no more time than this passes between two.
pub(crate) const FAILURES_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Failures in a row after which only known browsers may go on (NIST SP 800-63B-4, 3.2.2: at most 100).
pub(crate) const MAX_FAILURES: u64 = 100;

/// An account whose password was right.
pub(crate) struct Authenticated {
    pub actor: Actor,
    attempt: LoginAttempt,
}

/// What a session begins with.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// A right password alone.
    Password,
    /// A right password, whose flow this is, and a code of the account.
    Code(&'a [u8; 32], &'a Subject, &'a TypedCode),
    /// A passkey whose answer was checked, and what is stored of it from now on.
    Passkey(&'a Passkey, &'a str),
}

impl Accounts {
    /// Logs in a member of staff if the address belongs to one, otherwise a customer. One form serves both, so that
    /// users need not know which kind of account they have.
    ///
    /// # Errors
    /// Wrong credentials, or too many attempts.
    pub async fn log_in(&self, cx: &RequestContext, command: LogIn) -> Result<LoginOutcome> {
        let authenticated = self.check_password(cx, command, Portal::Everyone).await?;
        self.continue_login(cx, authenticated).await
    }

    /// Logs in a customer who signs up again with the address and password of their account; `None` if there is no such
    /// account. The caller counts the sign-up, which limits guesses more than the login does.
    ///
    /// # Errors
    /// If too many passwords are waiting to be checked.
    pub async fn log_in_again(
        &self,
        cx: &RequestContext,
        email: &EmailAddress,
        password: &SecretString,
    ) -> Result<Option<LoginOutcome>> {
        let attempt = LoginAttempt::counted_elsewhere(email, cx);
        let own = accounts::customer_by_email(&self.core.db, email).await?.map(|(customer, hash)| (customer.id, hash));
        let claimed = self.claimed_account(Some(email)).await?;
        // Both take their time, whether or not there are such accounts.
        let mut known = None;
        for found in [own, claimed] {
            let (id, hash) = found.unzip();
            let is_correct = self.hasher.verify(password.clone(), hash, attempt.priority).await?;
            known = known.or(id.filter(|_| is_correct));
        }
        match known {
            Some(id) => self.continue_login(cx, Authenticated { actor: Actor::Customer(id), attempt }).await.map(Some),
            None => Ok(None),
        }
    }

    /// Logs in a member of staff.
    ///
    /// # Errors
    /// Wrong credentials, or too many attempts.
    pub async fn log_in_staff(&self, cx: &RequestContext, command: LogIn) -> Result<LoginOutcome> {
        let authenticated = self.check_password(cx, command, Portal::Staff).await?;
        self.continue_login(cx, authenticated).await
    }

    /// Checks credentials for a token instead of a session. A password isn't enough for an account with a second
    /// factor, or one that must have it.
    pub(crate) async fn authenticate_for_token(&self, cx: &RequestContext, command: LogIn) -> Result<Actor> {
        let Authenticated { actor, attempt } = self.check_password(cx, command, Portal::Everyone).await?;
        if self.has_second_factor(&subject_of(actor)?).await? {
            return Err(USE_A_TOKEN);
        }
        if self.requires_second_factor(actor) {
            return Err(SET_UP_FIRST);
        }
        if self.temporary_password_end(actor).await?.is_some() {
            return Err(CHOOSE_FIRST);
        }
        self.conclude_attempt(&attempt).await?;
        Ok(actor)
    }

    /// Ends the session with this token.
    pub async fn log_out(&self, cx: &RequestContext, token: &str) -> Result<()> {
        let hash = &random::token_hash(token);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sessions::session_delete(&tx, hash).await?;
                    history::audit(&tx, &cx.audit("session.end", cx.actor, serde_json::json!({}))).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// Whether a login still waits for its second factor.
    pub async fn is_login_pending(&self, flow: &str) -> Result<bool> {
        let (hash, now) = (random::token_hash(flow), self.core.clock.now());
        Ok(login_flows::flow_get(&self.core.db, &hash, MAX_CODE_TRIES, now).await?.is_some())
    }

    /// Completes a login with a code of the account's app or one of its recovery codes. `browser` gives the value of
    /// the cookie of a known browser, by the cookie's name.
    ///
    /// # Errors
    /// A wrong code; a flow that has ended.
    pub async fn complete_login(
        &self,
        cx: &RequestContext,
        flow: &str,
        code: &str,
        browser: impl Fn(&str) -> Option<String>,
    ) -> Result<(NewSession, EmailAddress)> {
        let flow = &random::token_hash(flow);
        let found = login_flows::flow_get(&self.core.db, flow, MAX_CODE_TRIES, cx.now).await?.ok_or(FLOW_OVER)?;
        let actor = found.actor(&self.core.db).await?.ok_or(FLOW_OVER)?;
        let email = self.own_login(&RequestContext { actor, member: None, ..cx.clone() }).await?.login;
        let account = AccountKey::of(email.as_str());
        let cookie = browser(&account.cookie_suffix());
        let is_known = self.is_known_browser(&account, cookie.as_deref(), cx.now);
        let failures =
            login_failures::login_failures(&self.core.db, &account.of_codes(), cx.now - FAILURES_KEPT).await?;
        if failures >= MAX_FAILURES && !is_known {
            return Err(CODE_CLOSED);
        }
        let counted = self
            .core
            .db
            .write(|tx| Box::pin(async move { login_flows::flow_try(&tx, flow, MAX_CODE_TRIES, cx.now).await }));
        if !counted.await? {
            return Err(FLOW_OVER);
        }
        let code = self.read_code(&found, code, cx.now).await?;
        let portal = if matches!(actor, Actor::Staff(..)) { Portal::Staff } else { Portal::Everyone };
        let attempt = self.login_attempt(cx, account.clone(), cookie.as_deref(), portal);
        let session = match self.begin_session(cx, actor, Proof::Code(flow, &found, &code)).await {
            Err(wrong @ Error::Invalid(_)) => {
                self.note_failure(cx, "session.second_factor", email.as_str(), &account.of_codes()).await?;
                return Err(wrong);
            }
            session => session?,
        };
        self.conclude_attempt(&attempt).await?;
        self.forgive_failures(&account.of_codes()).await?;
        Ok((session, email))
    }

    /// Checks a password. Staff have fewer attempts than customers. Exceeding their limit in the form for everyone is
    /// reported as wrong credentials: a different limit would reveal which addresses are staff.
    async fn check_password(&self, cx: &RequestContext, command: LogIn, portal: Portal) -> Result<Authenticated> {
        cx.refuse_impersonator()?;
        let account = AccountKey::of(&command.email);
        let mut attempt = self.count_login(cx, account, command.browser.as_deref(), portal).await?;
        let email = EmailAddress::parse(&command.email).ok();
        let (mut found, mut is_allowed) = (None, true);
        if let Some(email) = &email {
            found = self.find_login(email, portal).await?;
            if portal == Portal::Everyone && matches!(found, Some((Actor::Staff(..), _))) {
                is_allowed = self.count_staff_login(&mut attempt).await?;
            }
        }
        let (mut actor, hash) = found.unzip();
        let mut is_correct = self.hasher.verify(command.password.clone(), hash, attempt.priority).await?;
        if !is_correct && portal == Portal::Everyone {
            // Or somebody who signed up with an address that isn't theirs. The comparison always takes its time, so that
            // this reveals nothing either.
            let (claimed, hash) = self.claimed_account(email.as_ref()).await?.unzip();
            is_correct = self.hasher.verify(command.password, hash, attempt.priority).await?;
            actor = claimed.map(Actor::Customer);
            is_allowed = true;
        }
        match actor.filter(|_| is_correct && is_allowed) {
            Some(actor) => Ok(Authenticated { actor, attempt }),
            None => {
                let email = email.map(|email| email.to_string()).unwrap_or_default();
                self.note_failure(cx, "session.begin", &email, attempt.account.as_str()).await?;
                Err(INVALID_CREDENTIALS)
            }
        }
    }

    /// The account with this address, and the hash of its password.
    async fn find_login(&self, email: &EmailAddress, portal: Portal) -> Result<Option<(Actor, String)>> {
        if let Some((staff, hash)) = accounts::staff_login(&self.core.db, email).await? {
            return Ok(Some((Actor::Staff(staff.id, staff.role), hash)));
        }
        if portal == Portal::Staff {
            return Ok(None);
        }
        let customer = accounts::customer_by_email(&self.core.db, email).await?;
        Ok(customer.map(|(customer, hash)| (Actor::Customer(customer.id), hash)))
    }

    /// Until when the password works, if it is a temporary one of staff.
    async fn temporary_password_end(&self, actor: Actor) -> Result<Option<Timestamp>> {
        let Actor::Staff(id, _) = actor else { return Ok(None) };
        Ok(staff_account(&self.core.db, id).await?.and_then(|account| account.password_expires_at))
    }

    /// Logs in whoever has just set a password by a mailed link. A second factor is still asked for.
    pub(crate) async fn log_in_after_reset(
        &self,
        cx: &RequestContext,
        actor: Actor,
        email: &EmailAddress,
    ) -> Result<LoginOutcome> {
        self.continue_login(cx, Authenticated { actor, attempt: LoginAttempt::counted_elsewhere(email, cx) }).await
    }

    /// A session, or the flow that a second factor completes.
    async fn continue_login(&self, cx: &RequestContext, authenticated: Authenticated) -> Result<LoginOutcome> {
        let Authenticated { actor, attempt } = authenticated;
        if self.temporary_password_end(actor).await?.is_some_and(|end| end <= cx.now) {
            return Err(TEMPORARY_EXPIRED);
        }
        let subject = &subject_of(actor)?;
        if !self.has_second_factor(subject).await? {
            self.conclude_attempt(&attempt).await?;
            return Ok(LoginOutcome::Session(self.begin_session(cx, actor, Proof::Password).await?));
        }
        // The attempt is returned when the login is complete: otherwise whoever has the password could try any
        // number of codes.
        let token = random::token();
        let hash = &random::token_hash(token.expose_secret());
        let insert = self.core.db.write(|tx| {
            Box::pin(async move { login_flows::flow_insert(&tx, hash, subject, cx.now + FLOW_LIFETIME).await })
        });
        insert.await?;
        Ok(LoginOutcome::SecondFactor(token))
    }

    /// Starts a session, and spends what it takes: a flow and a code, or the answer of a passkey, so that each gives one
    /// session.
    pub(crate) async fn begin_session(
        &self,
        cx: &RequestContext,
        actor: Actor,
        proof: Proof<'_>,
    ) -> Result<NewSession> {
        cx.refuse_impersonator()?;
        // A session begins after its password was checked, which can take a while.
        let now = self.core.clock.now();
        let secret = &SessionSecret::new(now);
        let has_second_factor = !matches!(proof, Proof::Password);
        let mut detail = serde_json::json!({ "second_factor": has_second_factor, "session": secret.id });
        if let Proof::Passkey(passkey, _) = proof {
            detail["passkey"] = passkey.id.to_string().into();
        }
        let event =
            &RequestContext { actor, member: None, ..cx.clone() }.audit("session.begin", subject_of(actor)?, detail);
        let login = &self.login(actor, secret.id, now).await?;
        let begin = self.core.db.write(|tx| {
            Box::pin(async move {
                match proof {
                    Proof::Password => {}
                    Proof::Code(flow, subject, code) => {
                        if !login_flows::flow_delete(&tx, flow).await? {
                            return Err(FLOW_OVER);
                        }
                        if !code.spend(&tx, subject, now).await? {
                            let why = "This code is wrong or was used already. Wait for the next one.";
                            return Err(Invalid::new("code", why).into());
                        }
                    }
                    Proof::Passkey(passkey, next) => {
                        if !passkey_used(&tx, passkey, next, now).await? {
                            return Err(PASSKEY_NOT_ACCEPTED);
                        }
                    }
                }
                insert_session(&tx, cx, actor, secret, now, has_second_factor.then_some(now)).await?;
                if let Actor::Staff(id, _) = actor {
                    staff_logged_in(&tx, id, now).await?;
                }
                note_login(&tx, &self.core, cx, login).await?;
                Ok(history::audit(&tx, event).await?)
            })
        });
        begin.await?;
        self.forget_recent();
        self.core.bus.wake(Wakeup::Tasks);
        Ok(secret.session(actor))
    }

    /// Records a failure in the audit trail, and counts it.
    async fn note_failure(&self, cx: &RequestContext, action: &str, email: &str, account: &str) -> Result<()> {
        let event = &cx.audit_outcome(action, email, "refused", serde_json::json!({}));
        let note = self.core.db.write(|tx| {
            Box::pin(async move {
                login_failures::login_failed(&tx, account, cx.now - FAILURES_KEPT, cx.now).await?;
                history::audit(&tx, event).await
            })
        });
        Ok(note.await?)
    }
}

fn subject_of(actor: Actor) -> Result<Subject> {
    Subject::of(actor).ok_or(INVALID_CREDENTIALS)
}
