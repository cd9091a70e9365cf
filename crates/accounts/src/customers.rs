//! Staff commands on customers' accounts.

use stoa_db::{Page, accounts, history};
use stoa_model::{
    account::{Actor, Customer, Role},
    id::CustomerId,
    secret::SecretString,
    text::EmailAddress,
};

use crate::{Accounts, password, view::CustomerView};
use stoa_core::{Error, RequestContext, Result, view::Paged};

impl Accounts {
    /// The customer with this address.
    ///
    /// # Errors
    /// Without the role support; no such account.
    pub async fn find_customer(&self, cx: &RequestContext, email: &str) -> Result<Customer> {
        cx.require(Role::Support)?;
        let email = EmailAddress::parse(email)?;
        let found = accounts::customer_by_email(&self.core.db, &email).await?;
        found.map(|(customer, _)| customer).ok_or(Error::NotFound("customer"))
    }

    /// One page of all customers, newest first.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list_customers(
        &self,
        cx: &RequestContext,
        before: Option<CustomerId>,
        limit: u32,
    ) -> Result<Paged<CustomerView>> {
        cx.require(Role::Support)?;
        let limit = u64::from(limit.clamp(1, 100));
        let found = accounts::customer_list(&self.core.db, Page { limit: limit + 1, before }).await?;
        let Paged { items, next } = Paged::of(found, limit, |customer| customer.id.to_string());
        Ok(Paged { items: items.into_iter().map(view).collect(), next })
    }

    /// Sets a new password for a customer, ends their sessions and revokes their API tokens.
    ///
    /// # Errors
    /// Without the role admin; a weak password; no such account.
    pub async fn set_customer_password(&self, cx: &RequestContext, email: &str, password: SecretString) -> Result<()> {
        cx.require(Role::Admin)?;
        password::check(&password)?;
        let customer = self.find_customer(cx, email).await?;
        let hash = &self.hasher.hash(password).await?;
        let event = &cx.audit("customer.password", customer.id, serde_json::json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    accounts::password_set(&tx, Actor::Customer(customer.id), hash).await?;
                    stoa_db::sessions::sessions_delete_of(&tx, Actor::Customer(customer.id)).await?;
                    stoa_db::tokens::tokens_delete_of(&tx, Actor::Customer(customer.id)).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.forget_recent();
        Ok(())
    }
}

fn view(customer: Customer) -> CustomerView {
    let Customer { id, email, company, created_at } = customer;
    CustomerView { id, email: email.to_string(), company: company.to_string(), created_at }
}
