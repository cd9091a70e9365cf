//! Staff view the portal as a customer. The session of staff is replaced by one of another kind, with a new secret, that
//! acts for the customer for at most an hour, and comes back when the view ends. What staff do in it is theirs in the audit
//! trail, with the customer named. It opens neither the customer's account pages nor their secrets: see
//! [`RequestContext::refuse_impersonator`].

use jiff::SignedDuration;
use serde_json::json;
use stoa_db::{
    Tx, accounts, history,
    sessions::{self, CustomerView, Session, SessionBrowser},
    users,
};
use stoa_model::{
    account::{Actor, Role},
    field::Invalid,
    id::{CustomerId, SessionId},
    text::check_line,
};

use crate::{
    Accounts,
    login_account::login_actor,
    reauthenticate::require_recent,
    sessions::{SessionSecret, view},
    view::{Impersonation, NewSession, SessionView},
};
use stoa_core::{Error, RequestContext, Result, SessionCredential};

/// Longest time that a customer's portal is viewed.
const MAX_DURATION: SignedDuration = SignedDuration::from_mins(60);
/// Maximum length of a reason, in characters.
const MAX_REASON_CHARS: usize = 200;

impl Accounts {
    /// Replaces the session of staff by one that views the portal as a customer.
    ///
    /// # Errors
    /// Below the role admin; with a token; no recent password; no reason; no such customer.
    pub async fn view_as_customer(
        &self,
        cx: &RequestContext,
        customer: CustomerId,
        reason: &str,
    ) -> Result<NewSession> {
        cx.require(Role::Admin)?;
        cx.refuse_token()?;
        require_recent(cx)?;
        let reason = &parse_reason(reason)?;
        accounts::customer_get(&self.core.db, customer).await?.ok_or(Error::NotFound("customer"))?;
        let secret = &SessionSecret::new(cx.now);
        let begin = self.core.db.write(|tx| {
            Box::pin(async move {
                let own = own_session(&tx, cx).await?;
                let staff_ends_at = own.browser.ends_at;
                let ends_at = staff_ends_at.min(cx.now + MAX_DURATION);
                let browser =
                    SessionBrowser { ends_at, view: Some(CustomerView { customer, staff_ends_at }), ..own.browser };
                replace(&tx, cx, own.id, secret.stored(Session { browser: Some(browser), ..own.session })).await?;
                let detail = json!({ "reason": reason, "until": ends_at, "session": secret.id });
                Ok::<_, Error>(history::audit(&tx, &cx.audit("customer.view", customer, detail)).await?)
            })
        });
        begin.await?;
        self.forget_recent();
        Ok(secret.session(Actor::Customer(customer)))
    }

    /// Ends a view: the session of staff comes back, with a new secret. Returns which customer was viewed.
    ///
    /// # Errors
    /// If the session is no view.
    pub async fn end_view(&self, cx: &RequestContext) -> Result<(NewSession, CustomerId)> {
        let not_viewing = || Error::Conflict("You are not viewing the portal as a customer.".into());
        let staff = cx.impersonator().ok_or_else(not_viewing)?;
        let customer = cx.customer()?;
        let secret = &SessionSecret::new(cx.now);
        let end = self.core.db.write(|tx| {
            Box::pin(async move {
                let own = own_session(&tx, cx).await?;
                let ended = own.browser.view.ok_or_else(not_viewing)?;
                let browser = SessionBrowser { ends_at: ended.staff_ends_at, view: None, ..own.browser };
                replace(&tx, cx, own.id, secret.stored(Session { browser: Some(browser), ..own.session })).await?;
                let detail = json!({ "session": secret.id });
                Ok::<_, Error>(history::audit(&tx, &cx.audit("customer.view_end", customer, detail)).await?)
            })
        });
        end.await?;
        self.forget_recent();
        Ok((secret.session(staff), customer))
    }

    /// What a session that views the portal as a customer shows, while its owner may do so.
    pub(crate) async fn impersonation_view(&self, session: Session) -> Result<Option<SessionView>> {
        let staff = session.actor;
        let Some(browser) = session.browser.clone().filter(|_| staff.has_role(Role::Admin)) else { return Ok(None) };
        let (Some(CustomerView { customer, .. }), Actor::Staff(id, _)) = (browser.view, staff) else { return Ok(None) };
        let Some(found) = accounts::customer_get(&self.core.db, customer).await? else { return Ok(None) };
        let Some(member) = accounts::staff_get(&self.core.db, id).await? else { return Ok(None) };
        let founder = users::user_get(&self.core.db, customer.founder()).await?;
        let email = founder.as_ref().map_or(&found.email, users::User::shown_email).to_string();
        let impersonation = Impersonation { customer, staff_email: member.email.to_string(), ends_at: browser.ends_at };
        let view = view(session, email, found.company.to_string());
        Ok(Some(SessionView {
            actor: Actor::Customer(customer),
            credential: SessionCredential { impersonator: Some(staff), ..view.credential },
            impersonation: Some(impersonation),
            ..view
        }))
    }
}

/// A session of staff, as it is stored.
struct OwnSession {
    session: Session,
    browser: SessionBrowser,
    id: SessionId,
}

async fn own_session(tx: &Tx, cx: &RequestContext) -> Result<OwnSession> {
    let log_in_again = || Error::Unauthenticated("Log out and log in again to continue.");
    let id = cx.session_id().ok_or_else(log_in_again)?;
    for session in sessions::session_list(tx, login_actor(cx)).await? {
        if let Some(browser) = session.browser.clone().filter(|browser| browser.id == id) {
            return Ok(OwnSession { session, browser, id });
        }
    }
    Err(log_in_again())
}

/// Ends a session and inserts the one that takes its place.
async fn replace(tx: &Tx, cx: &RequestContext, former: SessionId, next: Session) -> Result<()> {
    if !sessions::session_end(tx, login_actor(cx), former).await? {
        return Err(Error::Conflict("This session was ended in another window.".into()));
    }
    Ok(sessions::session_insert(tx, &next).await?)
}

fn parse_reason(text: &str) -> Result<String> {
    let reason = text.trim();
    if reason.is_empty() {
        return Err(Invalid::new("reason", "Say why you need to see this customer’s portal.").into());
    }
    if reason.chars().count() > MAX_REASON_CHARS {
        return Err(Invalid::new("reason", format!("Use at most {MAX_REASON_CHARS} characters.")).into());
    }
    check_line("reason", reason)?;
    Ok(reason.to_owned())
}
