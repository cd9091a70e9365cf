//! Closing an account: announced two weeks ahead, so that it can be undone; then everything personal is erased. The
//! organization's row stays, because its sites and their history refer to it.

use jiff::SignedDuration;
use serde_json::json;
use stoa_db::{
    Tx,
    accounts::{Subject, known_logins::known_logins_delete, notes::notes_delete_of, notices::customer_set_notices},
    history,
    invitations::invitations_end_of,
    members::{self, Membership},
    tasks, users,
};
use stoa_model::{
    account::Actor,
    id::{CustomerId, UserId},
    member::MemberRole,
};

use crate::{
    Accounts, login_account::NO_PASSWORD, notices, reauthenticate::require_recent, second_factor::delete_factors,
    session_end::end_sessions,
};
use stoa_core::{Error, RequestContext, Result, Wakeup};

/// How long a closing can be undone.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Accounts {
    /// Has the account of the person who is logged in closed in two weeks, with the organization that they have founded.
    ///
    /// # Errors
    /// Other members of that organization; the last owner of another one; no recent password.
    pub async fn close_account(&self, cx: &RequestContext) -> Result<()> {
        let user = person(cx)?;
        require_recent(cx)?;
        let close_at = cx.now + NOTICE;
        let notice = &notices::account_closing(&self.core, self.own_login(cx).await?.email, close_at, cx.now);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    members::members_lock(&tx, user.founded()).await?;
                    ensure_nobody_depends_on(&tx, user).await?;
                    invitations_end_of(&tx, user.founded(), cx.now).await?;
                    users::user_set_closing(&tx, user, Some(close_at)).await?;
                    tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                    Ok::<_, Error>(history::audit(&tx, &cx.audit("account.close", user, json!({}))).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// Whether the account of the founder can still be closed: nobody else has come to depend on it since.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the reason if not.
    pub async fn check_closing(&self, customer: CustomerId) -> Result<()> {
        let user = customer.founder();
        self.core.db.write(|tx| Box::pin(async move { ensure_nobody_depends_on(&tx, user).await })).await
    }

    /// Keeps the account of the person who is logged in.
    ///
    /// # Errors
    /// If nobody is logged in.
    pub async fn keep_account(&self, cx: &RequestContext) -> Result<()> {
        let user = person(cx)?;
        let event = &cx.audit("account.keep", user, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    users::user_set_closing(&tx, user, None).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        Ok(())
    }

    /// The organizations whose founders' accounts are to be closed now.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn due_closings(&self) -> Result<Vec<CustomerId>> {
        let due = users::users_to_close(&self.core.db, self.core.clock.now()).await?;
        Ok(due.into_iter().map(UserId::founded).collect())
    }

    /// Erases a person whose organization's sites are marked for deletion: address, password, name, memberships,
    /// sessions and tokens.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn finish_closing(&self, cx: &RequestContext, customer: CustomerId) -> Result<()> {
        let (account, user) = (Actor::Customer(customer), customer.founder());
        let event = &cx.audit("account.closed", user, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    users::user_erase(&tx, user, NO_PASSWORD).await?;
                    for membership in members::memberships(&*tx, user).await? {
                        members::member_delete(&tx, membership.customer, user).await?;
                    }
                    notes_delete_of(&tx, customer).await?;
                    if let Some(subject) = &Subject::of(account) {
                        delete_factors(&tx, subject).await?;
                    }
                    known_logins_delete(&tx, account).await?;
                    customer_set_notices(&tx, customer, true).await?;
                    end_sessions(&tx, cx, account, None, "closed account").await?;
                    stoa_db::tokens::tokens_delete_of(&tx, account).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }
}

fn person(cx: &RequestContext) -> Result<UserId> {
    cx.refuse_impersonator()?;
    cx.member.map(|member| member.user).ok_or(Error::Unauthenticated("Please log in again."))
}

async fn ensure_nobody_depends_on(tx: &Tx, user: UserId) -> Result<()> {
    if members::member_list(tx, user.founded()).await?.iter().any(|member| member.user != user) {
        let why = "Other people are members of your organization. Remove them first; their access ends with it.";
        return Err(Error::Conflict(why.into()));
    }
    for Membership { customer, company, role } in members::memberships(tx, user).await? {
        let is_other = customer != user.founded();
        if is_other && role == MemberRole::Owner && members::owner_count(tx, customer).await? == 1 {
            let why = format!("You are the only owner of {company}. Make somebody else an owner of it first.");
            return Err(Error::Conflict(why));
        }
    }
    Ok(())
}
