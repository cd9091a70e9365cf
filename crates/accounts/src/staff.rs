//! Staff accounts: who has one, and new ones. What changes them is in [`staff_changes`](crate::staff_changes), their
//! e-mail in [`staff_mail`](crate::staff_mail); decision 031.

use serde_json::json;
use stoa_db::{
    Tx,
    accounts::{
        self, NO_PASSWORD, Subject,
        passkeys::passkeys_of,
        second_factors::totp_confirmed_of,
        staff_accounts::{StaffAccount, staff_account, staff_account_by_email, staff_accounts, staff_update},
    },
    history, users,
};
use stoa_model::{
    account::{Actor, Role, Staff, StaffState},
    field::Invalid,
    id::StaffId,
    secret::SecretString,
    text::{EmailAddress, StaffName},
};

use crate::{
    Accounts,
    command::{CreateStaff, PasswordDelivery},
    mail::{self, AccountMail},
    password::{self, Priority},
    reauthenticate::require_recent,
    reset::replace_password,
    staff_changes::lock_as_manager,
    view::StaffView,
};
use stoa_core::{Credential, Error, RequestContext, Result, Wakeup, random};

impl Accounts {
    /// Creates a staff account with a password, as the command line does.
    ///
    /// # Errors
    /// Without the role super_admin; invalid fields; an address that already has an account.
    pub async fn create_staff(
        &self,
        cx: &RequestContext,
        email: &str,
        role: Role,
        name: Option<&str>,
        password: SecretString,
    ) -> Result<StaffId> {
        cx.require(Role::SuperAdmin)?;
        let email = EmailAddress::parse(email)?;
        let name = &name.map(StaffName::parse_line).transpose()?;
        password::check(&password, &[email.as_str(), &self.core.settings.product_name])?;
        let hash = &self.hasher.hash(password, Priority::Known).await?;
        let staff = &Staff { id: StaffId::from_uuid(random::uuid_at(cx.now)), email, role, created_at: cx.now };
        let event = &cx.audit("staff.create", staff.id, json!({ "role": role.as_str() }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    ensure_address_is_free(&tx, &staff.email).await?;
                    accounts::staff_insert(&tx, staff, hash).await?;
                    if let Some(name) = name {
                        staff_update(&tx, staff.id, name, &staff.email, role).await?;
                    }
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        Ok(staff.id)
    }

    /// Creates a staff account whose owner gets a link to choose a password, or a temporary password, by e-mail.
    ///
    /// # Errors
    /// Without the role super_admin; no recent password; invalid fields; an address that already has an account.
    pub async fn invite_staff(&self, cx: &RequestContext, command: CreateStaff) -> Result<StaffId> {
        require_staff_management(cx)?;
        let CreateStaff { name, email, role, delivery } = command;
        let (name, email) = parse(&name, &email)?;
        let id = StaffId::from_uuid(random::uuid_at(cx.now));
        let (staff, name) = (&Staff { id, email, role, created_at: cx.now }, &name);
        let detail = json!({
            "name": name.as_str(), "email": staff.email.as_str(), "role": role, "password": delivery.as_str(),
        });
        let event = &cx.audit("staff.create", id, detail);
        let create = self.core.db.write(|tx| {
            Box::pin(async move {
                lock_as_manager(&tx, cx).await?;
                ensure_address_is_free(&tx, &staff.email).await?;
                accounts::staff_insert(&tx, staff, NO_PASSWORD).await?;
                staff_update(&tx, id, name, &staff.email, role).await?;
                mail::queue(&tx, AccountMail::of_staff(id, delivery), cx.now).await?;
                Ok::<_, Error>(history::audit(&tx, event).await?)
            })
        });
        create.await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(id)
    }

    /// Sets a new password for a staff account, ends its sessions and revokes its API tokens.
    ///
    /// # Errors
    /// Without the role super_admin; a weak password; no such account; a deactivated one.
    pub async fn set_staff_password(&self, cx: &RequestContext, email: &str, password: SecretString) -> Result<()> {
        cx.require(Role::SuperAdmin)?;
        password::check(&password, &[email, &self.core.settings.product_name])?;
        let StaffAccount { staff, state, .. } = &self.staff_account(email).await?;
        if *state == StaffState::Deactivated {
            return Err(Error::Conflict(format!("{} is deactivated. Reactivate the account first.", staff.email)));
        }
        let actor = Actor::Staff(staff.id, staff.role);
        let hash = &self.hasher.hash(password, Priority::Known).await?;
        let event = &cx.audit("staff.password", staff.id, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    replace_password(&tx, cx, actor, &staff.email, hash).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// All staff, oldest first, without deleted accounts.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list_staff(&self, cx: &RequestContext) -> Result<Vec<StaffView>> {
        cx.require(Role::Support)?;
        let found = staff_accounts(&self.core.db).await?;
        self.views(found.into_iter().filter(|account| account.state != StaffState::Deleted).collect()).await
    }

    /// A staff account by id.
    ///
    /// # Errors
    /// Without the role support; no such account, or a deleted one.
    pub async fn get_staff(&self, cx: &RequestContext, id: StaffId) -> Result<StaffView> {
        cx.require(Role::Support)?;
        let found = staff_account(&self.core.db, id).await?.filter(|account| account.state != StaffState::Deleted);
        let found = found.ok_or(Error::NotFound("staff account"))?;
        self.views(vec![found]).await?.pop().ok_or(Error::NotFound("staff account"))
    }

    /// The staff account with this address.
    ///
    /// # Errors
    /// Without the role admin; no such account.
    pub async fn find_staff(&self, cx: &RequestContext, email: &str) -> Result<Staff> {
        cx.require(Role::Admin)?;
        Ok(self.staff_account(email).await?.staff)
    }

    async fn staff_account(&self, email: &str) -> Result<StaffAccount> {
        let found = staff_account_by_email(&self.core.db, &EmailAddress::parse(email)?).await?;
        found.ok_or(Error::NotFound("staff account"))
    }

    async fn views(&self, accounts: Vec<StaffAccount>) -> Result<Vec<StaffView>> {
        let subject = |staff: &Staff| Subject::of(Actor::Staff(staff.id, staff.role));
        let subjects: Vec<_> = accounts.iter().filter_map(|account| subject(&account.staff)).collect();
        let with_totp = totp_confirmed_of(&self.core.db, &subjects).await?;
        let with_passkey = passkeys_of(&self.core.db, &subjects).await?;
        let view = |account: StaffAccount| {
            let has = |all: &[Subject]| subject(&account.staff).is_some_and(|subject| all.contains(&subject));
            StaffView {
                id: account.staff.id,
                email: account.staff.email.to_string(),
                has_totp: has(&with_totp),
                has_passkey: has(&with_passkey),
                name: account.name.map(|name| name.to_string()),
                role: account.staff.role,
                state: account.state,
                password_expires_at: account.password_expires_at,
                last_login_at: account.last_login_at,
                created_at: account.staff.created_at,
                version: account.version,
            }
        };
        Ok(accounts.into_iter().map(view).collect())
    }
}

/// Requires the role super_admin, and of a browser that the password was asked for recently.
pub(crate) fn require_staff_management(cx: &RequestContext) -> Result<()> {
    cx.require(Role::SuperAdmin)?;
    if matches!(cx.credential, Credential::Token(..)) { Ok(()) } else { require_recent(cx) }
}

/// Name and address, or all that is wrong with them.
pub(crate) fn parse(name: &str, email: &str) -> Result<(StaffName, EmailAddress)> {
    match (StaffName::parse_line(name.trim()), EmailAddress::parse(email)) {
        (Ok(name), Ok(email)) => Ok((name, email)),
        (name, email) => Err(Error::Invalid([name.err(), email.err()].into_iter().flatten().collect())),
    }
}

/// Log-in looks for staff first: a customer with the same address could not log in any more.
pub(crate) async fn ensure_address_is_free(tx: &Tx, email: &EmailAddress) -> Result<()> {
    let taken = |message: &str| Err(Invalid::new("email", message).into());
    if accounts::staff_by_email(tx, email).await?.is_some() {
        return taken("Another staff account has this address.");
    }
    let customer = accounts::customer_by_email(tx, email).await?;
    if customer.is_some() || users::user_by_email(tx, email).await?.is_some() {
        return taken("A customer has this address. Use another one for the staff account.");
    }
    Ok(())
}

impl PasswordDelivery {
    /// The word in the audit trail and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Temporary => "temporary",
        }
    }
}
