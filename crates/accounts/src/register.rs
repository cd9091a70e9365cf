//! Registration of customers. A caller that needs more in the same transaction, such as a first order, uses
//! [`Registration`] directly.

use stoa_db::{Constraint, DbError, Tx, accounts, history};
use stoa_model::{
    account::{Actor, Customer},
    field::Invalid,
    id::CustomerId,
    secret::SecretString,
    text::{AdminUser, CompanyName, EmailAddress, SiteTitle},
};

use crate::{
    Accounts,
    command::Register,
    password::{self, Priority},
    view::NewSession,
};
use stoa_core::{
    Error, RequestContext, Result, random,
    rate_limits::{Attempt, client_limits},
};

impl Accounts {
    /// Validates one field of the sign-up form as it is typed. Does not reveal whether an e-mail address has an
    /// account.
    ///
    /// # Errors
    /// Why the value is invalid.
    pub fn check_field(&self, field: &str, value: &str) -> std::result::Result<(), Invalid> {
        match field {
            "email" => EmailAddress::parse(value).map(drop),
            "password" => password::check(&value.to_owned().into(), &[&self.core.settings.product_name]),
            "company" => CompanyName::parse(value).map(drop),
            "title" => SiteTitle::parse(value).map(drop),
            "admin_user" => AdminUser::parse(value).map(drop),
            _ => Err(Invalid::new("field", "There is no such field.")),
        }
    }

    /// Creates an account and logs in.
    ///
    /// # Errors
    /// All invalid fields together; too many attempts; an address that already has an account.
    pub async fn register(&self, cx: &RequestContext, command: Register) -> Result<NewSession> {
        let registration = Registration::parse(cx, command, &self.core.settings.product_name)?;
        self.count_registration(cx).await?;
        let registration = &self.hash_password(cx, registration).await?;
        self.core.db.write(|tx| Box::pin(async move { registration.insert(&tx, cx).await })).await?;
        self.open_session(registration.actor()).await
    }

    /// Counts an attempt to register. Forms with invalid fields are not counted.
    ///
    /// # Errors
    /// [`Error::RateLimited`] after too many attempts from this client.
    pub async fn count_registration(&self, cx: &RequestContext) -> Result<()> {
        self.core.count_attempt(Attempt::SignUp, cx.address).await.map(drop)
    }

    /// Replaces the password with its hash, which takes tens of milliseconds.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if too many passwords are waiting to be hashed.
    pub async fn hash_password(
        &self,
        cx: &RequestContext,
        registration: Registration<SecretString>,
    ) -> Result<Registration<PasswordHash>> {
        let priority = Priority::Client(cx.address.map(|address| client_limits(address).0));
        let Registration { customer, password } = registration;
        Ok(Registration { customer, password: PasswordHash(self.hasher.hash(password, priority).await?) })
    }
}

/// A validated registration whose account does not exist yet.
#[derive(Debug)]
pub struct Registration<P> {
    /// The new customer.
    pub customer: Customer,
    password: P,
}

/// The hash of a password in PHC form.
#[derive(Debug)]
pub struct PasswordHash(String);

impl Registration<SecretString> {
    /// Validates all fields. The password must not be made from the others or the product's name.
    ///
    /// # Errors
    /// All invalid fields together.
    pub fn parse(cx: &RequestContext, command: Register, product: &str) -> Result<Self> {
        let mut invalid = Vec::new();
        let email = EmailAddress::parse(&command.email).map_err(|e| invalid.push(e)).ok();
        let company = CompanyName::parse(&command.company).map_err(|e| invalid.push(e)).ok();
        let related = [command.email.as_str(), &command.company, product];
        invalid.extend(password::check(&command.password, &related).err());
        match (email, company) {
            (Some(email), Some(company)) if invalid.is_empty() => {
                let id = CustomerId::from_uuid(random::uuid_at(cx.now));
                Ok(Self { customer: Customer { id, email, company, created_at: cx.now }, password: command.password })
            }
            _ => Err(Error::Invalid(invalid)),
        }
    }
}

impl Registration<PasswordHash> {
    /// The customer as an actor.
    pub fn actor(&self) -> Actor {
        Actor::Customer(self.customer.id)
    }

    /// Inserts the account and an audit event.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a customer or a member of staff already uses the address.
    pub async fn insert(&self, tx: &Tx, cx: &RequestContext) -> Result<()> {
        if accounts::staff_by_email(tx, &self.customer.email).await?.is_some() {
            return Err(DbError::Conflict(Constraint::StaffEmail).into());
        }
        accounts::customer_insert(tx, &self.customer, &self.password.0).await?;
        history::audit(tx, &cx.audit("customer.register", self.customer.id, serde_json::json!({}))).await?;
        Ok(())
    }
}
