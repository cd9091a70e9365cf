//! Browser sessions. They are stored on the server, so that logging out ends them. They expire after 30 idle minutes, and
//! some days after the log-in however much they are used. Only a hash of the cookie's token is stored.
//!
//! A session carries its account's epoch. A changed password, address or role raises the epoch, which ends all sessions
//! of the account but those that are given the new one.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    Tx,
    accounts::{self, login_failures, login_flows, passkeys::challenges_delete_expired, staff_accounts::staff_account},
    history, members, one_time, sessions, tokens,
    users::{self, User},
};
use stoa_model::{
    account::{Actor, Role},
    id::{CustomerId, SessionId, StaffId},
    member::Member,
    secret::{ExposeSecret, SecretString},
};

use crate::{
    Accounts,
    login::FAILURES_KEPT,
    login_account,
    login_alerts::note_login,
    view::{NewSession, SessionView},
};
use stoa_core::{RequestContext, Result, SessionCredential, random};

/// Sessions without a request expire after this time (PRODUCT.md I1).
pub(crate) const IDLE_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);
/// Minimum time between updates of a session's last request.
const SEEN_UPDATE_INTERVAL: SignedDuration = SignedDuration::from_mins(1);
/// Longest time from log-in to the end of a customer's session.
const CUSTOMER_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The same of staff: a working day.
const STAFF_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

impl Accounts {
    /// Starts the first session of an account, and ends the one that the same browser had before.
    pub async fn open_session(&self, cx: &RequestContext, actor: Actor) -> Result<NewSession> {
        let now = self.core.clock.now();
        let secret = &SessionSecret::new(now);
        let login = &self.login(actor, secret.id, now).await?;
        let insert = self.core.db.write(|tx| {
            Box::pin(async move {
                insert_session(&tx, cx, actor, secret, now, None).await?;
                note_login(&tx, &self.core, cx, login).await
            })
        });
        insert.await?;
        self.forget_recent();
        Ok(secret.session(actor))
    }

    /// The session of a cookie's token, unless it has ended. Updates the time of its last request.
    pub async fn session(&self, token: &str) -> Result<Option<SessionView>> {
        let (hash, now) = (random::token_hash(token), self.core.clock.now());
        if let Some(recent) = self.recent_sessions.get(&hash, now) {
            return Ok(Some(recent));
        }
        let Some((session, user)) = self.active_session(&hash, now).await? else { return Ok(None) };
        if now.duration_since(session.seen_at) > SEEN_UPDATE_INTERVAL {
            let hash = &hash;
            self.core.db.write(|tx| Box::pin(async move { sessions::session_touch(&tx, hash, now).await })).await?;
        }
        let found = self.session_view(session, user).await?;
        if let Some(found) = &found {
            self.recent_sessions.put(hash, found.clone(), now);
        }
        Ok(found)
    }

    /// The same, without counting as a request: for streams, which would keep a session alive otherwise.
    pub async fn watch_session(&self, token: &str) -> Result<Option<SessionView>> {
        let (hash, now) = (random::token_hash(token), self.core.clock.now());
        match self.active_session(&hash, now).await? {
            Some((session, user)) => self.session_view(session, user).await,
            None => Ok(None),
        }
    }

    /// The session with this hash, and the person whose it is, if a person has logged in.
    async fn active_session(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(sessions::Session, Option<User>)>> {
        let Some(session) = sessions::session_get(&self.core.db, hash).await? else { return Ok(None) };
        let user = match session.actor {
            Actor::Customer(founded) => users::user_get(&self.core.db, founded.founder()).await?,
            Actor::Nobody | Actor::Staff(..) | Actor::System => None,
        };
        let epoch = match &user {
            Some(user) => user.auth_epoch,
            None => accounts::auth_epoch(&self.core.db, session.actor).await?,
        };
        Ok(is_active(&session, epoch, now).then_some((session, user)))
    }

    async fn session_view(&self, session: sessions::Session, user: Option<User>) -> Result<Option<SessionView>> {
        let founded = match session.actor {
            Actor::Customer(founded) => founded,
            Actor::Staff(id, role) => return self.staff_session_view(session, id, role).await,
            Actor::Nobody | Actor::System => return Ok(None),
        };
        let Some(user) = user else {
            // Only the previous release knows this customer.
            let customer = accounts::customer_get(&self.core.db, founded).await?;
            return Ok(customer.map(|c| view(session, c.email.to_string(), c.company.to_string())));
        };
        let chosen = session.browser.as_ref().and_then(|browser| browser.customer);
        let Some((customer, member)) = self.active_member(&user, chosen).await? else { return Ok(None) };
        let Some(organization) = accounts::customer_get(&self.core.db, customer).await? else { return Ok(None) };
        let view = view(session, user.shown_email().to_string(), organization.company.to_string());
        Ok(Some(SessionView {
            actor: Actor::Customer(customer),
            member: Some(member),
            email_unverified: user.verified_at.is_none(),
            ..view
        }))
    }

    async fn staff_session_view(
        &self,
        session: sessions::Session,
        id: StaffId,
        role: Role,
    ) -> Result<Option<SessionView>> {
        if session.browser.as_ref().is_some_and(|browser| browser.view.is_some()) {
            return self.impersonation_view(session).await;
        }
        let Some(account) = staff_account(&self.core.db, id).await? else { return Ok(None) };
        let must_change_password = account.password_expires_at.is_some();
        let view = view(session, account.staff.email.to_string(), role.label().to_owned());
        Ok(Some(SessionView { must_change_password, ..view }))
    }

    /// The organization that a person acts for: the chosen one while they are a member of it, otherwise their own.
    async fn active_member(&self, user: &User, chosen: Option<CustomerId>) -> Result<Option<(CustomerId, Member)>> {
        for customer in chosen.into_iter().chain([user.id.founded()]) {
            if let Some(role) = members::member_role(&self.core.db, customer, user.id).await? {
                return Ok(Some((customer, Member { user: user.id, role })));
            }
        }
        Ok(None)
    }

    /// Deletes expired sessions, unfinished logins, old counts of failed logins, and mailed secrets and tokens that
    /// expired a month ago.
    pub async fn prune_sessions(&self, now: Timestamp) -> Result<()> {
        self.expire_sessions(now).await?;
        let long_ago = now - SignedDuration::from_hours(30 * 24);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    login_flows::flows_delete_expired(&tx, now).await?;
                    challenges_delete_expired(&tx, now).await?;
                    login_failures::login_failures_prune(&tx, now - FAILURES_KEPT).await?;
                    tokens::tokens_delete_expired(&tx, long_ago).await?;
                    one_time::one_time_prune(&tx, long_ago).await
                })
            })
            .await?;
        Ok(())
    }
}

/// The id and the secrets of a new session, created before its transaction, which may be repeated.
pub(crate) struct SessionSecret {
    pub id: SessionId,
    token: SecretString,
    csrf: SecretString,
}

impl SessionSecret {
    /// Those of a session that begins now.
    pub fn new(now: Timestamp) -> Self {
        Self { id: SessionId::from_uuid(random::uuid_at(now)), token: random::token(), csrf: random::token() }
    }

    /// A session with this id and these secrets.
    pub fn stored(&self, session: sessions::Session) -> sessions::Session {
        sessions::Session {
            id_hash: random::token_hash(self.token.expose_secret()),
            csrf: self.csrf.expose_secret().to_owned(),
            browser: session.browser.map(|browser| sessions::SessionBrowser { id: self.id, ..browser }),
            ..session
        }
    }

    /// What the browser gets.
    pub fn session(&self, actor: Actor) -> NewSession {
        NewSession { actor, token: self.token.clone() }
    }
}

/// Inserts a session, and ends the one that the same browser had before.
pub(crate) async fn insert_session(
    tx: &Tx,
    cx: &RequestContext,
    actor: Actor,
    secret: &SessionSecret,
    now: Timestamp,
    second_factor_at: Option<Timestamp>,
) -> Result<()> {
    if let Some(former) = cx.session_id()
        && sessions::session_end(tx, login_account::login_actor(cx), former).await?
    {
        let detail = serde_json::json!({ "reason": "replaced by a new session" });
        history::audit(tx, &cx.audit("session.end", former, detail)).await?;
    }
    let customer = match actor {
        Actor::Customer(id) => login_account::adopt(tx, id, now).await?.and_then(|user| user.customer),
        Actor::Nobody | Actor::Staff(..) | Actor::System => None,
    };
    let browser = sessions::SessionBrowser {
        id: secret.id,
        customer,
        auth_epoch: accounts::auth_epoch(tx, actor).await?,
        authenticated_at: now,
        ends_at: now + lifetime(actor),
        address: cx.address.map(|address| address.to_string()),
        agent: cx.agent.clone(),
        view: None,
    };
    let session = sessions::Session {
        id_hash: random::token_hash(secret.token.expose_secret()),
        actor,
        csrf: secret.csrf.expose_secret().to_owned(),
        created_at: now,
        seen_at: now,
        browser: Some(browser),
        second_factor_at,
    };
    Ok(sessions::session_insert(tx, &session).await?)
}

fn lifetime(actor: Actor) -> SignedDuration {
    if matches!(actor, Actor::Staff(..)) { STAFF_LIFETIME } else { CUSTOMER_LIFETIME }
}

/// Whether a session opens anything. Those of the previous release have no epoch: it deletes what it ends.
pub(crate) fn is_active(session: &sessions::Session, epoch: i64, now: Timestamp) -> bool {
    let browser = session.browser.as_ref();
    let ends_at = browser.map_or(session.created_at + lifetime(session.actor), |browser| browser.ends_at);
    let is_current = browser.is_none_or(|browser| browser.auth_epoch == epoch);
    now.duration_since(session.seen_at) <= IDLE_TIMEOUT && now < ends_at && is_current
}

pub(crate) fn view(session: sessions::Session, email: String, label: String) -> SessionView {
    let browser = session.browser.as_ref();
    let credential = SessionCredential {
        id: browser.map(|browser| browser.id),
        authenticated_at: browser.map_or(session.created_at, |browser| browser.authenticated_at),
        has_second_factor: session.second_factor_at.is_some(),
        impersonator: None,
    };
    let (actor, csrf, member, impersonation) = (session.actor, session.csrf, None, None);
    let (email_unverified, must_change_password) = (false, false);
    SessionView { actor, member, credential, email, label, email_unverified, must_change_password, impersonation, csrf }
}
