//! Invitations to an organization. The secret is mailed; whoever accepts must have verified the invited address, so that
//! a forwarded e-mail lets nobody in.

use jiff::SignedDuration;
use serde_json::json;
use stoa_db::{
    Tx, accounts, history,
    invitations::{self, Invitation},
    members, sessions, tasks, users,
};
use stoa_model::{
    account::{Actor, Customer},
    field::Invalid,
    id::{CustomerId, InvitationId, UserId},
    member::{MemberRole, Permission},
    secret::{ExposeSecret, SecretString},
    text::EmailAddress,
};

use crate::{
    Accounts,
    command::Register,
    login_account::login_actor,
    mail::{self, AccountMail},
    members::acting,
    notices,
    reauthenticate::require_recent,
    register::Registration,
    view::{InvitationView, NewSession},
};
use stoa_core::{Error, RequestContext, Result, Wakeup, permissions::require_verified, random};

/// How long an invitation can be accepted.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
const ENDED: &str = "This invitation has expired, was withdrawn or was used before. Ask for a new one.";
const OTHER_ADDRESS: &str = "This invitation is for another e-mail address. Log in with the account that has it.";

impl Accounts {
    /// Invites somebody. An open invitation of the same address is replaced.
    ///
    /// # Errors
    /// A role above the own one; an own address that is not verified; somebody who is a member; too many invitations.
    pub async fn invite(&self, cx: &RequestContext, email: &str, role: MemberRole) -> Result<()> {
        let (customer, own) = acting(cx)?;
        cx.require_permission(Permission::ManageMembers)?;
        require_recent(cx)?;
        let email = EmailAddress::parse(email)?;
        if !own.role.may_grant(role) {
            return Err(Error::MemberRole(own.role.label()));
        }
        require_verified(&self.core.db, cx, customer, "invite people").await?;
        if members::member_list(&self.core.db, customer).await?.iter().any(|member| member.email == email) {
            return Err(Invalid::new("email", "This person is a member already.").into());
        }
        self.core.count_mail_request("invite", cx.address).await?;
        self.core.ensure_may_mail("invite", &email).await?;
        let invitation = &Invitation {
            id: InvitationId::from_uuid(random::uuid_at(cx.now)),
            customer,
            email,
            role,
            inviter: own.user,
            created_at: cx.now,
            expires_at: cx.now + LIFETIME,
        };
        self.core.db.write(|tx| Box::pin(async move { insert(&tx, cx, invitation).await })).await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// Withdraws an open invitation.
    ///
    /// # Errors
    /// Without the right to manage members; a role above the own one; no such invitation of this organization.
    pub async fn withdraw_invitation(&self, cx: &RequestContext, id: InvitationId) -> Result<()> {
        let (customer, own) = acting(cx)?;
        cx.require_permission(Permission::ManageMembers)?;
        let event = &cx.audit("invitation.withdraw", id, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let found = invitations::invitation_get(&*tx, id, cx.now).await?;
                    let found =
                        found.filter(|found| found.customer == customer).ok_or(Error::NotFound("invitation"))?;
                    if !own.role.may_grant(found.role) {
                        return Err(Error::MemberRole(own.role.label()));
                    }
                    invitations::invitation_end(&tx, id, "withdrawn", cx.now).await?;
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await
    }

    /// The invitation of a link, if it is open.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn find_invitation(&self, cx: &RequestContext, token: &str) -> Result<Option<InvitationView>> {
        let hash = random::token_hash(token);
        let Some(found) = invitations::invitation_by_hash(&self.core.db, &hash, cx.now).await? else { return Ok(None) };
        let company = self.organization_name(found.customer).await?;
        let Invitation { id, email, role, expires_at, .. } = found;
        Ok(Some(InvitationView { id, email: email.to_string(), role, company, expires_at }))
    }

    /// Makes the person who is logged in a member, and lets their session act for the organization.
    ///
    /// # Errors
    /// An invitation that has ended or is for another address; an inviter who may not grant the role any more.
    pub async fn accept_invitation(&self, cx: &RequestContext, token: &str) -> Result<CustomerId> {
        let (_, own) = acting(cx)?;
        let hash = &random::token_hash(token);
        let customer = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let user = users::user_get(&*tx, own.user).await?.ok_or(Error::NotFound("user"))?;
                    let invitation = open(&tx, cx, hash).await?;
                    if user.email != invitation.email {
                        return Err(Error::Conflict(OTHER_ADDRESS.into()));
                    }
                    // The link was mailed to the address.
                    users::user_verify(&tx, own.user, cx.now).await?;
                    self.accept(&tx, cx, &invitation, (own.user, &user.email)).await?;
                    if let Some(session) = cx.session_id() {
                        sessions::session_set_customer(&tx, session, invitation.customer).await?;
                    }
                    Ok(invitation.customer)
                })
            })
            .await?;
        self.forget_recent();
        Ok(customer)
    }

    /// Opens an account for an invited person and accepts the invitation. Their address counts as verified: the link was
    /// mailed to it.
    ///
    /// # Errors
    /// Invalid fields; an invitation that has ended; an address that has an account.
    pub async fn register_invited(
        &self,
        cx: &RequestContext,
        token: &str,
        name: &str,
        password: SecretString,
    ) -> Result<NewSession> {
        let hash = &random::token_hash(token);
        let found = invitations::invitation_by_hash(&self.core.db, hash, cx.now).await?;
        let email = found.ok_or_else(|| Error::Conflict(ENDED.into()))?.email.to_string();
        let password = SecretString::from(password.expose_secret().to_owned());
        let command = Register { email, password, company: name.to_owned() };
        let registration = Registration::parse(cx, command, &self.core.settings.product_name)?;
        self.count_registration(cx).await?;
        let registration = &self.hash_password(cx, registration).await?;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let invitation = open(&tx, cx, hash).await?;
                    registration.insert_verified(&tx, cx).await?;
                    let Customer { id, email, .. } = &registration.customer;
                    self.accept(&tx, cx, &invitation, (id.founder(), email)).await
                })
            })
            .await?;
        self.open_session(cx, registration.actor()).await
    }
}

async fn insert(tx: &Tx, cx: &RequestContext, invitation: &Invitation) -> Result<()> {
    // Replaced when the e-mail is written.
    let unknown = random::token_hash(random::token().expose_secret());
    invitations::invitation_replace(tx, invitation.customer, &invitation.email, cx.now).await?;
    invitations::invitation_insert(tx, invitation, &unknown).await?;
    mail::queue(tx, AccountMail::Invite { invitation: invitation.id }, cx.now).await?;
    let detail = json!({ "email": invitation.email.as_str(), "role_offered": invitation.role });
    Ok(history::audit(tx, &cx.audit("invitation.create", invitation.id, detail)).await?)
}

/// The open invitation with this secret, if the person who made it may still do so.
async fn open(tx: &Tx, cx: &RequestContext, hash: &[u8; 32]) -> Result<Invitation> {
    let ended = || Error::Conflict(ENDED.into());
    let invitation = invitations::invitation_by_hash(tx, hash, cx.now).await?.ok_or_else(ended)?;
    members::members_lock(tx, invitation.customer).await?;
    let inviter = members::member_role(tx, invitation.customer, invitation.inviter).await?;
    let founder = users::user_get(tx, invitation.customer.founder()).await?;
    if founder.is_some_and(|founder| founder.close_at.is_some()) {
        return Err(Error::Conflict("This organization is being closed. Ask its owner to keep it.".into()));
    }
    let may = inviter.is_some_and(|inviter| inviter.may_grant(invitation.role));
    if may { Ok(invitation) } else { Err(ended()) }
}

impl Accounts {
    async fn accept(
        &self,
        tx: &Tx,
        cx: &RequestContext,
        invitation: &Invitation,
        (user, email): (UserId, &EmailAddress),
    ) -> Result<()> {
        if !invitations::invitation_end(tx, invitation.id, "accepted", cx.now).await? {
            return Err(Error::Conflict(ENDED.into()));
        }
        let organization = accounts::customer_get(tx, invitation.customer).await?.ok_or(Error::NotFound("customer"))?;
        for owner in members::member_list(tx, invitation.customer).await? {
            let address = users::user_get(tx, owner.user).await?.map(|owner| owner.email);
            let Some(address) = address.filter(|_| owner.role == MemberRole::Owner) else { continue };
            let joined = (email, invitation.role, &organization.company);
            let notice = notices::member_joined(&self.core, address, joined, cx.now);
            tasks::task_insert(tx, &notice.task, Some(&notice.key)).await?;
        }
        members::member_insert(tx, invitation.customer, user, invitation.role, cx.now).await?;
        users::user_set_customer(tx, user, invitation.customer).await?;
        let detail = json!({ "organization": invitation.customer, "granted": invitation.role });
        let actor = if cx.actor == Actor::Nobody { Actor::Customer(user.founded()) } else { login_actor(cx) };
        let event = RequestContext { actor, ..cx.clone() }.audit("invitation.accept", invitation.id, detail);
        Ok(history::audit(tx, &event).await?)
    }
}
