//! Changes to staff accounts. Whoever makes one holds all of them locked, so that two at once don't take the last super
//! admin away, and a manager who has just lost their role changes nothing any more.

use serde_json::json;
use stoa_db::{
    Tx,
    accounts::{
        NO_PASSWORD, Subject,
        known_logins::known_logins_delete,
        staff_accounts::{
            StaffAccount, staff_lock, staff_raise_epoch, staff_set_deactivated, staff_set_deleted, staff_update,
        },
    },
    history, tasks, tokens,
};
use stoa_model::{
    account::{Actor, Role, StaffState},
    id::StaffId,
};

use crate::{
    Accounts,
    command::{PasswordDelivery, UpdateStaff},
    mail::{self, AccountMail},
    notices,
    reset::replace_password,
    second_factor::delete_factors,
    session_end::end_sessions,
    session_list::keep_only_this_session,
    staff::{ensure_address_is_free, parse, require_staff_management},
};
use stoa_core::{Error, RequestContext, Result, Wakeup};

/// Longest name that an account keeps, in characters.
const MAX_NAME_CHARS: usize = 120;
const CHANGED_MEANWHILE: &str = "Somebody else changed this account after you opened it. Compare your changes with what \
                                 it is now, and save again.";
const LAST_SUPER_ADMIN: &str =
    "This is the only active super admin. Make somebody else a super admin first, and let them log in.";

impl Accounts {
    /// Changes name, address and role. Another role ends all sessions and API tokens of the account, another address its
    /// other sessions.
    ///
    /// # Errors
    /// Without the role super_admin; invalid fields; a version that is not the present one; the last super admin.
    pub async fn update_staff(&self, cx: &RequestContext, id: StaffId, command: UpdateStaff) -> Result<()> {
        require_staff_management(cx)?;
        let (name, email) = &parse(&command.name, &command.email)?;
        let (role, version) = (command.role, command.version);
        let update = self.core.db.write(|tx| {
            Box::pin(async move {
                let Target { account, others } = target(&tx, cx, id).await?;
                if account.version != version {
                    return Err(Error::Conflict(CHANGED_MEANWHILE.into()));
                }
                let (has_email, has_role) = (account.staff.email == *email, account.staff.role == role);
                if !has_email {
                    ensure_address_is_free(&tx, email).await?;
                }
                if role != Role::SuperAdmin {
                    ensure_another_super_admin(&account, &others)?;
                }
                staff_update(&tx, id, name, email, role).await?;
                if !has_role {
                    staff_raise_epoch(&tx, id).await?;
                    end_sessions(&tx, cx, actor(&account), None, "changed role").await?;
                    tokens::tokens_delete_of(&tx, actor(&account)).await?;
                } else if !has_email {
                    staff_raise_epoch(&tx, id).await?;
                    keep_only_this_session(&tx, cx, actor(&account), "changed e-mail address").await?;
                }
                let has_mailed_password = !has_email && account.password_expires_at.is_some();
                if has_mailed_password {
                    replace_password(&tx, cx, actor(&account), email, NO_PASSWORD).await?;
                }
                if has_mailed_password || (!(has_email && has_role) && account.state == StaffState::Invited) {
                    // What was mailed went to another address, or its link is bound to the former role's sessions.
                    mail::queue(&tx, AccountMail::StaffLink { staff: id }, cx.now).await?;
                } else if !has_email && account.state == StaffState::Active {
                    let notice = notices::staff_address_changed(&self.core, &account.staff.email, email, cx.now);
                    tasks::task_insert(&tx, &notice.task, Some(&notice.key)).await?;
                }
                let detail = json!({
                    "name": name.as_str(), "email": email.as_str(), "email_was": account.staff.email.as_str(),
                    "role": role, "role_was": account.staff.role,
                });
                Ok(history::audit(&tx, &cx.audit("staff.update", id, detail)).await?)
            })
        });
        self.finish(update.await)
    }

    /// Replaces the password of an account, by a link to choose one or by a temporary one. Ends its sessions and API
    /// tokens. An account that was invited is invited again.
    ///
    /// # Errors
    /// Without the role super_admin; with a token; the own account; the last super admin; a deactivated account.
    pub async fn reset_staff_password(
        &self,
        cx: &RequestContext,
        id: StaffId,
        delivery: PasswordDelivery,
    ) -> Result<()> {
        require_staff_management(cx)?;
        cx.refuse_token()?;
        let reset = self.core.db.write(|tx| {
            Box::pin(async move {
                let Target { account, others } = target(&tx, cx, id).await?;
                if matches!(cx.actor, Actor::Staff(own, _) if own == id) {
                    let why = "This is your own account. Change your password under Account, Security.";
                    return Err(Error::Conflict(why.into()));
                }
                if account.state == StaffState::Deactivated {
                    let why = "This account is deactivated. Reactivate it: that sends a link to choose a password.";
                    return Err(Error::Conflict(why.into()));
                }
                ensure_another_super_admin(&account, &others)?;
                replace_password(&tx, cx, actor(&account), &account.staff.email, NO_PASSWORD).await?;
                mail::queue(&tx, AccountMail::of_staff(id, delivery), cx.now).await?;
                let detail = json!({ "password": delivery.as_str() });
                Ok(history::audit(&tx, &cx.audit("staff.password_reset", id, detail)).await?)
            })
        });
        self.finish(reset.await)
    }

    /// Deactivates an account: its sessions and API tokens end, and its password is removed.
    ///
    /// # Errors
    /// Without the role super_admin; the last super admin; an account that is deactivated already.
    pub async fn deactivate_staff(&self, cx: &RequestContext, id: StaffId) -> Result<()> {
        require_staff_management(cx)?;
        let deactivate = self.core.db.write(|tx| {
            Box::pin(async move {
                let Target { account, others } = target(&tx, cx, id).await?;
                if account.state == StaffState::Deactivated {
                    return Err(Error::Conflict("This account is deactivated already.".into()));
                }
                ensure_another_super_admin(&account, &others)?;
                replace_password(&tx, cx, actor(&account), &account.staff.email, NO_PASSWORD).await?;
                staff_set_deactivated(&tx, id, Some(cx.now)).await?;
                Ok(history::audit(&tx, &cx.audit("staff.deactivate", id, json!({}))).await?)
            })
        });
        self.finish(deactivate.await)
    }

    /// Opens a deactivated account again: its owner gets a link to choose a new password.
    ///
    /// # Errors
    /// Without the role super_admin; an account that is not deactivated.
    pub async fn reactivate_staff(&self, cx: &RequestContext, id: StaffId) -> Result<()> {
        require_staff_management(cx)?;
        let reactivate = self.core.db.write(|tx| {
            Box::pin(async move {
                let Target { account, .. } = target(&tx, cx, id).await?;
                if account.state != StaffState::Deactivated {
                    return Err(Error::Conflict("This account is not deactivated.".into()));
                }
                staff_set_deactivated(&tx, id, None).await?;
                mail::queue(&tx, AccountMail::StaffLink { staff: id }, cx.now).await?;
                Ok(history::audit(&tx, &cx.audit("staff.reactivate", id, json!({}))).await?)
            })
        });
        self.finish(reactivate.await)
    }

    /// Deletes an account with its sessions, API tokens, second factor and passkeys, and frees its address. Notes and the
    /// audit trail keep the name.
    ///
    /// # Errors
    /// Without the role super_admin; the last super admin; no such account.
    pub async fn delete_staff(&self, cx: &RequestContext, id: StaffId) -> Result<()> {
        require_staff_management(cx)?;
        let delete = self.core.db.write(|tx| {
            Box::pin(async move {
                let Target { account, others } = target(&tx, cx, id).await?;
                ensure_another_super_admin(&account, &others)?;
                replace_password(&tx, cx, actor(&account), &account.staff.email, NO_PASSWORD).await?;
                if let Some(subject) = &Subject::of(actor(&account)) {
                    delete_factors(&tx, subject).await?;
                }
                known_logins_delete(&tx, actor(&account)).await?;
                let name: String = account.display_name().chars().take(MAX_NAME_CHARS).collect();
                staff_set_deleted(&tx, id, &name, cx.now).await?;
                let detail = json!({ "name": name, "email": account.staff.email.as_str(), "role": account.staff.role });
                Ok(history::audit(&tx, &cx.audit("staff.delete", id, detail)).await?)
            })
        });
        self.finish(delete.await)
    }

    /// What is true after any change: sessions are looked up again, and mail goes out.
    fn finish(&self, outcome: Result<()>) -> Result<()> {
        self.forget_recent();
        self.core.bus.wake(Wakeup::Tasks);
        outcome
    }
}

/// The account that is changed, and all others.
struct Target {
    account: StaffAccount,
    others: Vec<StaffAccount>,
}

/// Locks all accounts, and makes sure that the actor still manages staff: their role may have changed since the request
/// began.
pub(crate) async fn lock_as_manager(tx: &Tx, cx: &RequestContext) -> Result<Vec<StaffAccount>> {
    let all = staff_lock(tx).await?;
    if let Actor::Staff(own, _) = cx.actor {
        let is_manager = |account: &StaffAccount| {
            account.staff.id == own && account.state.is_open() && account.staff.role == Role::SuperAdmin
        };
        if !all.iter().any(is_manager) {
            return Err(Error::Forbidden(Role::SuperAdmin.as_str()));
        }
    }
    Ok(all)
}

async fn target(tx: &Tx, cx: &RequestContext, id: StaffId) -> Result<Target> {
    let mut others = lock_as_manager(tx, cx).await?;
    let found = others.iter().position(|account| account.staff.id == id && account.state != StaffState::Deleted);
    let account = others.swap_remove(found.ok_or(Error::NotFound("staff account"))?);
    Ok(Target { account, others })
}

/// Requires that somebody else manages staff, if this account does.
fn ensure_another_super_admin(account: &StaffAccount, others: &[StaffAccount]) -> Result<()> {
    if account.is_active_super_admin() && !others.iter().any(StaffAccount::is_active_super_admin) {
        return Err(Error::Conflict(LAST_SUPER_ADMIN.into()));
    }
    Ok(())
}

fn actor(account: &StaffAccount) -> Actor {
    Actor::Staff(account.staff.id, account.staff.role)
}
