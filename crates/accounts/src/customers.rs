//! Staff commands on customers' accounts.

use stoa_db::{
    Page,
    accounts::{
        self, CustomerSort, Subject,
        members::{self, MemberRow},
        second_factors::totp_confirmed_of,
    },
    history,
};
use stoa_model::{
    account::{Actor, Customer, Role},
    id::CustomerId,
    secret::SecretString,
    text::EmailAddress,
};

use crate::{
    Accounts,
    password::{self, Priority},
    reset::replace_password,
    view::{CustomerView, PersonView},
};
use stoa_core::{
    Error, RequestContext, Result,
    view::{Listing, PageNumber, Paged},
};

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

    /// Customers as a screen lists them: those with this text in their name or e-mail address, or all.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn search_customers(
        &self,
        cx: &RequestContext,
        text: Option<&str>,
        sort: CustomerSort,
        page: PageNumber,
    ) -> Result<Listing<CustomerView>> {
        cx.require(Role::Support)?;
        let found = accounts::customers_listed(&self.core.db, text, sort, page.window()).await?;
        let total = accounts::customers_counted(&self.core.db, text).await?;
        Ok(Listing { items: found.into_iter().map(view).collect(), total, page })
    }

    /// One customer, for staff.
    ///
    /// # Errors
    /// Below the role support; no such customer.
    pub async fn get_customer(&self, cx: &RequestContext, id: CustomerId) -> Result<CustomerView> {
        cx.require(Role::Support)?;
        let found = accounts::customer_get(&self.core.db, id).await?;
        found.map(view).ok_or(Error::NotFound("customer"))
    }

    /// Customers by their ids, in that order, for staff; unknown ones are left out.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn get_customers(&self, cx: &RequestContext, ids: &[CustomerId]) -> Result<Vec<CustomerView>> {
        cx.require(Role::Support)?;
        let mut known = accounts::customers_of(&self.core.db, ids).await?;
        Ok(ids.iter().filter_map(|id| known.remove(id)).map(view).collect())
    }

    /// The members of a customer's organization, oldest first.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn list_people(&self, cx: &RequestContext, customer: CustomerId) -> Result<Vec<PersonView>> {
        cx.require(Role::Support)?;
        let members = members::member_list(&self.core.db, customer).await?;
        let subject = |member: &MemberRow| Subject::of(Actor::Customer(member.user.founded()));
        let subjects: Vec<_> = members.iter().filter_map(subject).collect();
        let with_second_factor = totp_confirmed_of(&self.core.db, &subjects).await?;
        let person = |member: MemberRow| PersonView {
            account: member.user.founded(),
            has_second_factor: subject(&member).is_some_and(|subject| with_second_factor.contains(&subject)),
            email: member.email.to_string(),
            role: member.role,
            since: member.since,
            is_verified: member.is_verified,
        };
        Ok(members.into_iter().map(person).collect())
    }

    /// Sets a new password for a customer, ends their sessions and revokes their API tokens.
    ///
    /// # Errors
    /// Without the role admin; a weak password; no such account.
    pub async fn set_customer_password(&self, cx: &RequestContext, email: &str, password: SecretString) -> Result<()> {
        cx.require(Role::Admin)?;
        password::check(&password, &[email, &self.core.settings.product_name])?;
        let customer = &self.find_customer(cx, email).await?;
        let hash = &self.hasher.hash(password, Priority::Known).await?;
        let event = &cx.audit("customer.password", customer.id, serde_json::json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    replace_password(&tx, cx, Actor::Customer(customer.id), &customer.email, hash).await?;
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
