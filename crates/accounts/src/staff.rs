//! Staff accounts.

use stoa_db::{accounts, history, users};
use stoa_model::{
    account::{Actor, Role, Staff},
    field::Invalid,
    id::StaffId,
    secret::SecretString,
    text::EmailAddress,
};

use crate::{
    Accounts,
    password::{self, Priority},
    reset::replace_password,
    view::StaffView,
};
use stoa_core::{RequestContext, Result, random};

impl Accounts {
    /// Creates a staff account.
    ///
    /// # Errors
    /// Without the role super_admin; invalid fields; an address that already has an account.
    pub async fn create_staff(
        &self,
        cx: &RequestContext,
        email: &str,
        role: Role,
        password: SecretString,
    ) -> Result<StaffId> {
        cx.require(Role::SuperAdmin)?;
        let email = EmailAddress::parse(email)?;
        password::check(&password, &[email.as_str(), &self.core.settings.product_name])?;
        let hash = &self.hasher.hash(password, Priority::Known).await?;
        let staff = &Staff { id: StaffId::from_uuid(random::uuid_at(cx.now)), email, role, created_at: cx.now };
        let event = &cx.audit("staff.create", staff.id, serde_json::json!({ "role": role.as_str() }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // Log-in looks for staff first: the customer could not log in any more.
                    let customer = accounts::customer_by_email(&*tx, &staff.email).await?;
                    if customer.is_some() || users::user_by_email(&*tx, &staff.email).await?.is_some() {
                        let message = "A customer has this address. Use another one for the staff account.";
                        return Err(stoa_core::Error::from(Invalid::new("email", message)));
                    }
                    accounts::staff_insert(&tx, staff, hash).await?;
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await?;
        Ok(staff.id)
    }

    /// Sets a new password for a staff account, ends its sessions and revokes its API tokens.
    ///
    /// # Errors
    /// Without the role super_admin; a weak password; no such account.
    pub async fn set_staff_password(&self, cx: &RequestContext, email: &str, password: SecretString) -> Result<()> {
        cx.require(Role::SuperAdmin)?;
        password::check(&password, &[email, &self.core.settings.product_name])?;
        let email = &EmailAddress::parse(email)?;
        let (staff, _) =
            accounts::staff_by_email(&self.core.db, email).await?.ok_or(stoa_core::Error::NotFound("staff account"))?;
        let actor = Actor::Staff(staff.id, staff.role);
        let hash = &self.hasher.hash(password, Priority::Known).await?;
        let event = &cx.audit("staff.password", staff.id, serde_json::json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    replace_password(&tx, cx, actor, email, hash).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// All staff, oldest first.
    ///
    /// # Errors
    /// Without the role admin.
    pub async fn list_staff(&self, cx: &RequestContext) -> Result<Vec<StaffView>> {
        cx.require(Role::Admin)?;
        let view = |staff: Staff| {
            let Staff { id, email, role, created_at } = staff;
            StaffView { id, email: email.to_string(), role, created_at }
        };
        Ok(accounts::staff_list(&self.core.db).await?.into_iter().map(view).collect())
    }

    /// The staff account with this address.
    ///
    /// # Errors
    /// Without the role admin; no such account.
    pub async fn find_staff(&self, cx: &RequestContext, email: &str) -> Result<Staff> {
        cx.require(Role::Admin)?;
        let email = EmailAddress::parse(email)?;
        let found = accounts::staff_by_email(&self.core.db, &email).await?;
        found.map(|(staff, _)| staff).ok_or(stoa_core::Error::NotFound("staff account"))
    }
}
