//! Members of an organization: their roles, and which organization a session acts for.
//!
//! Whoever changes members holds the organization's row, so that two at once don't take the last two owners away. The
//! founder stays a member: their log-in is bound to the organization (decision 027).

use serde_json::json;
use stoa_db::{Tx, history, invitations, members, sessions, users};
use stoa_model::{
    account::Actor,
    id::{CustomerId, UserId},
    member::{Member, MemberRole, Permission},
};

use crate::{
    Accounts,
    reauthenticate::require_recent,
    session_list::keep_only_this_session,
    view::{InvitationView, MemberView, OrganizationView, TeamView},
};
use stoa_core::{Error, RequestContext, Result};

const LAST_OWNER: &str = "An organization needs an owner. Make somebody else an owner first.";
const FOUNDER_STAYS: &str =
    "The person who opened this organization stays a member of it. An owner can change their role.";

impl Accounts {
    /// Members and open invitations of the organization that the command is for.
    ///
    /// # Errors
    /// If no person of a customer is logged in.
    pub async fn team(&self, cx: &RequestContext) -> Result<TeamView> {
        let (customer, own) = acting(cx)?;
        let company = self.organization_name(customer).await?;
        let list = members::member_list(&self.core.db, customer).await?;
        let owners = list.iter().filter(|member| member.role == MemberRole::Owner).count();
        let view = |member: members::MemberRow| {
            let is_self = member.user == own.user;
            let is_last_owner = member.role == MemberRole::Owner && owners == 1;
            let may_change = own.role.may_grant(member.role) && !is_last_owner;
            MemberView {
                user: member.user,
                email: member.email.to_string(),
                role: member.role,
                since: member.since,
                is_self,
                grantable: if may_change { grantable(own.role) } else { Vec::new() },
                is_removable: (may_change || is_self) && !is_last_owner && member.user != customer.founder(),
            }
        };
        let open = if own.role.allows(Permission::ManageMembers) {
            invitations::invitation_list(&self.core.db, customer, cx.now).await?
        } else {
            Vec::new()
        };
        let invitation = |open: invitations::Invitation| InvitationView {
            id: open.id,
            email: open.email.to_string(),
            role: open.role,
            company: company.clone(),
            expires_at: open.expires_at,
        };
        Ok(TeamView {
            members: list.into_iter().map(view).collect(),
            invitations: open.into_iter().map(invitation).collect(),
            grantable: grantable(own.role),
        })
    }

    /// Changes a member's role. This ends their sessions.
    ///
    /// # Errors
    /// A role above the own one, given or taken; the last owner; no such member; no recent password.
    pub async fn change_role(&self, cx: &RequestContext, user: UserId, role: MemberRole) -> Result<()> {
        let (customer, own) = acting(cx)?;
        cx.require_permission(Permission::ManageMembers)?;
        require_recent(cx)?;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let before = decide(&tx, customer, own, user, Some(role)).await?;
                    members::member_set_role(&tx, customer, user, role).await?;
                    users::user_raise_epoch(&tx, user).await?;
                    keep_only_this_session(&tx, cx, Actor::Customer(user.founded()), "changed membership").await?;
                    let detail = json!({ "from": before, "to": role });
                    Ok::<_, Error>(history::audit(&tx, &cx.audit("member.role", user, detail)).await?)
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// Removes a member, or lets the person who asks leave. This ends the member's sessions.
    ///
    /// # Errors
    /// A member with a role above the own one; the last owner; the founder; no such member.
    pub async fn remove_member(&self, cx: &RequestContext, user: UserId) -> Result<()> {
        let (customer, own) = acting(cx)?;
        if user != own.user {
            cx.require_permission(Permission::ManageMembers)?;
            require_recent(cx)?;
        }
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let role = decide(&tx, customer, own, user, None).await?;
                    if user == customer.founder() {
                        return Err(Error::Conflict(FOUNDER_STAYS.into()));
                    }
                    members::member_delete(&tx, customer, user).await?;
                    users::user_raise_epoch(&tx, user).await?;
                    keep_only_this_session(&tx, cx, Actor::Customer(user.founded()), "changed membership").await?;
                    Ok(history::audit(&tx, &cx.audit("member.remove", user, json!({ "was": role }))).await?)
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// The organizations of the person who is logged in, their own first.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn organizations(&self, cx: &RequestContext) -> Result<Vec<OrganizationView>> {
        let Some(member) = cx.member else { return Ok(Vec::new()) };
        let found = members::memberships(&self.core.db, member.user).await?;
        let view = |membership: members::Membership| OrganizationView {
            id: membership.customer,
            name: membership.company.to_string(),
            role: membership.role,
            is_current: cx.actor == Actor::Customer(membership.customer),
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Lets the session act for another organization of the person.
    ///
    /// # Errors
    /// If they are not a member of it, or the session can't remember it.
    pub async fn switch_organization(&self, cx: &RequestContext, customer: CustomerId) -> Result<()> {
        cx.refuse_impersonator()?;
        let unknown = || Error::NotFound("organization");
        let (member, session) = (cx.member.ok_or_else(unknown)?, cx.session_id().ok_or_else(unknown)?);
        let event = &cx.audit("session.organization", customer, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if members::member_role(&*tx, customer, member.user).await?.is_none() {
                        return Err(unknown());
                    }
                    sessions::session_set_customer(&tx, session, customer).await?;
                    users::user_set_customer(&tx, member.user, customer).await?;
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    pub(crate) async fn organization_name(&self, customer: CustomerId) -> Result<String> {
        let found = stoa_db::accounts::customer_get(&self.core.db, customer).await?;
        Ok(found.ok_or(Error::NotFound("organization"))?.company.to_string())
    }
}

/// The organization that a command is for, and the person who gives it.
pub(crate) fn acting(cx: &RequestContext) -> Result<(CustomerId, Member)> {
    cx.refuse_impersonator()?;
    match cx.member {
        Some(member) => Ok((cx.customer()?, member)),
        None => Err(Error::Unauthenticated("Please log in again.")),
    }
}

fn grantable(own: MemberRole) -> Vec<MemberRole> {
    MemberRole::ALL.into_iter().filter(|role| own.may_grant(*role)).collect()
}

/// Locks the organization and checks that `own` may give the member the role `next`, or remove them without one. The
/// person's own role is read again: it may have changed since the request began. Returns the member's present role.
async fn decide(
    tx: &Tx,
    customer: CustomerId,
    own: Member,
    user: UserId,
    next: Option<MemberRole>,
) -> Result<MemberRole> {
    members::members_lock(tx, customer).await?;
    let role = async |user| members::member_role(tx, customer, user).await;
    let own_role = role(own.user).await?.ok_or(Error::NotFound("organization"))?;
    let present = role(user).await?.ok_or(Error::NotFound("member"))?;
    let leaves = user == own.user && next.is_none();
    let may = leaves || (own_role.may_grant(present) && next.is_none_or(|next| own_role.may_grant(next)));
    if !may {
        return Err(Error::MemberRole(own_role.label()));
    }
    let loses_owner = present == MemberRole::Owner && next != Some(MemberRole::Owner);
    if loses_owner && members::owner_count(tx, customer).await? == 1 {
        return Err(Error::Conflict(LAST_OWNER.into()));
    }
    Ok(present)
}
