//! A person's own account: name of the organization, and password.

use serde_json::json;
use stoa_db::{
    accounts::{
        self,
        notices::{customer_gets_notices, customer_set_notices},
    },
    history, sessions, tokens,
};
use stoa_model::{
    field::Invalid,
    member::Permission,
    secret::{ExposeSecret, SecretString},
    text::CompanyName,
};

use crate::{
    Accounts,
    login_account::{LoginAccount, own_account},
    mail::{self, AccountMail},
    password::{self, Priority},
    session_list::keep_only_this_session,
    view::ProfileView,
};
use stoa_core::{Error, RequestContext, Result, Wakeup};

impl Accounts {
    /// The account that is logged in.
    ///
    /// # Errors
    /// If nobody is.
    pub async fn profile(&self, cx: &RequestContext) -> Result<ProfileView> {
        let LoginAccount { login, is_verified, created_at, close_at, .. } = self.own_login(cx).await?;
        let organization = match cx.actor.customer() {
            Some(id) => accounts::customer_get(&self.core.db, id).await?.map(|customer| customer.company.to_string()),
            None => None,
        };
        let may_rename = organization.is_some() && cx.may(Permission::ManageOrganization);
        let gets_notices = match cx.actor.customer() {
            Some(id) => customer_gets_notices(&self.core.db, id).await?,
            None => false,
        };
        let email = login.to_string();
        Ok(ProfileView { email, is_verified, organization, may_rename, gets_notices, close_at, created_at })
    }

    /// Sets whether the organization gets e-mail about what its sites and domains do. What is about security, money or
    /// something that is lost is always sent.
    ///
    /// # Errors
    /// A role that doesn't allow it.
    pub async fn set_notices(&self, cx: &RequestContext, on: bool) -> Result<()> {
        cx.refuse_impersonator()?;
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageOrganization)?;
        let event = &cx.audit("customer.notices", customer, json!({ "on": on }));
        let set = self.core.db.write(|tx| {
            Box::pin(async move {
                customer_set_notices(&tx, customer, on).await?;
                history::audit(&tx, event).await
            })
        });
        Ok(set.await?)
    }

    /// Renames the organization that the command is for.
    ///
    /// # Errors
    /// A name that is not valid; a role that doesn't allow it.
    pub async fn rename_organization(&self, cx: &RequestContext, company: &str) -> Result<()> {
        cx.refuse_impersonator()?;
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageOrganization)?;
        let company = &CompanyName::parse_line(company)?;
        let event = &cx.audit("customer.rename", customer, json!({ "to": company.as_str() }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    accounts::customer_set_company(&tx, customer, company).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }

    /// Changes the password of whoever is logged in, ends their other sessions and revokes their API tokens.
    ///
    /// # Errors
    /// A wrong present password; a weak new one; too many attempts.
    pub async fn change_password(&self, cx: &RequestContext, present: SecretString, next: SecretString) -> Result<()> {
        let actor = own_account(cx)?;
        if present.expose_secret() == next.expose_secret() {
            let why = "Choose a password that differs from the present one.";
            return Err(Invalid::new("new_password", why).into());
        }
        let LoginAccount { email, login, .. } = &self.own_login(cx).await?;
        password::check(&next, &[email.as_str(), login.as_str(), &self.core.settings.product_name])
            .map_err(|invalid| Invalid { field: "new_password", ..invalid })?;
        self.verify_own_password(cx, present, "present_password").await?;
        let hash = &self.hasher.hash(next, Priority::Known).await?;
        let event = &cx.audit("password.change", actor, json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    accounts::password_set(&tx, actor, hash).await?;
                    keep_only_this_session(&tx, cx, actor, "new password").await?;
                    tokens::tokens_delete_of(&tx, actor).await?;
                    if let Some(session) = cx.session_id() {
                        sessions::session_authenticated(&tx, session, cx.now).await?;
                    }
                    mail::queue(&tx, AccountMail::PasswordChanged { email: email.clone() }, cx.now).await?;
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.forget_recent();
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }
}
