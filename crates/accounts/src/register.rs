//! Registration of customers. A caller that needs more in the same transaction, such as a first order, uses
//! [`Registration`] directly.

use stoa_db::{
    Constraint, DbError, Tx, accounts, history, members,
    users::{self, User},
};
use stoa_model::{
    account::{Actor, Customer},
    field::Invalid,
    id::CustomerId,
    member::MemberRole,
    secret::SecretString,
    text::{AdminUser, CompanyName, EmailAddress, SiteTitle},
};

use crate::{
    Accounts,
    command::Register,
    mail::{self, AccountMail},
    password::{self, Priority},
    view::NewSession,
};
use stoa_core::{
    Error, RequestContext, Result, Wakeup, random,
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
            "company" => CompanyName::parse_line(value).map(drop),
            "title" => SiteTitle::parse_line(value).map(drop),
            "admin_user" => AdminUser::parse(value).map(drop),
            _ => Err(Invalid::new("field", "There is no such field.")),
        }
    }

    /// Creates an account and logs in. One that the command line opens counts as verified. Otherwise an
    /// address that has an account already gives the same answer, and its owner gets an e-mail.
    ///
    /// # Errors
    /// All invalid fields together; too many attempts.
    pub async fn register(&self, cx: &RequestContext, command: Register) -> Result<NewSession> {
        let registration = Registration::parse(cx, command, &self.core.settings.product_name)?;
        self.count_registration(cx).await?;
        let registration = &self.hash_password(cx, registration).await?;
        let is_vouched_for = cx.actor == Actor::System;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if is_vouched_for {
                        registration.insert_verified(&tx, cx).await
                    } else {
                        registration.insert(&tx, cx).await
                    }
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        self.open_session(cx, registration.actor()).await
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
    /// The password as typed.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Validates all fields. The password must not be made from the others or the product's name.
    ///
    /// # Errors
    /// All invalid fields together.
    pub fn parse(cx: &RequestContext, command: Register, product: &str) -> Result<Self> {
        let mut invalid = Vec::new();
        let email = EmailAddress::parse(&command.email).map_err(|e| invalid.push(e)).ok();
        let company = CompanyName::parse_line(&command.company).map_err(|e| invalid.push(e)).ok();
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

    /// Inserts the person, their organization, an e-mail to verify the address, and an audit event.
    ///
    /// An address that somebody else has is not refused, so that nobody learns who has an account: the person gets a
    /// placeholder and logs in with what they typed (decision 027).
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn insert(&self, tx: &Tx, cx: &RequestContext) -> Result<()> {
        let typed = &self.customer.email;
        let is_taken = accounts::staff_by_email(tx, typed).await?.is_some()
            || accounts::customer_by_email(tx, typed).await?.is_some()
            || users::user_by_email(tx, typed).await?.is_some();
        let user = self.user(is_taken)?;
        self.insert_as(tx, cx, &user).await?;
        let mail = if is_taken {
            AccountMail::AlreadyRegistered { email: typed.clone() }
        } else {
            AccountMail::Verify { user: user.id }
        };
        mail::queue(tx, mail, cx.now).await
    }

    /// Inserts somebody whose address is verified: they have opened a link that was mailed to it, or staff vouch for it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the address has an account.
    pub async fn insert_verified(&self, tx: &Tx, cx: &RequestContext) -> Result<()> {
        if accounts::staff_by_email(tx, &self.customer.email).await?.is_some() {
            return Err(DbError::Conflict(Constraint::StaffEmail).into());
        }
        let user = User { verified_at: Some(cx.now), ..self.user(false)? };
        self.insert_as(tx, cx, &user).await
    }

    fn user(&self, is_taken: bool) -> Result<User> {
        let Customer { id, email, created_at, .. } = &self.customer;
        let placeholder = EmailAddress::parse(&format!("{id}@unverified.invalid"))?;
        Ok(User {
            id: id.founder(),
            email: if is_taken { placeholder } else { email.clone() },
            claimed_email: is_taken.then(|| email.clone()),
            verified_at: None,
            auth_epoch: 0,
            customer: None,
            created_at: *created_at,
            close_at: None,
        })
    }

    async fn insert_as(&self, tx: &Tx, cx: &RequestContext, user: &User) -> Result<()> {
        let customer = Customer { email: user.email.clone(), ..self.customer.clone() };
        let inserted = async {
            accounts::customer_insert(tx, &customer, &self.password.0).await?;
            users::user_insert(tx, user, &self.password.0).await?;
            members::member_insert(tx, customer.id, user.id, MemberRole::Owner, cx.now).await
        };
        inserted.await.map_err(|error| match error {
            // Another sign-up with this address was faster; the next attempt sees it.
            DbError::Conflict(Constraint::CustomerEmail | Constraint::UserEmail) if user.verified_at.is_none() => {
                DbError::Busy("another sign-up with the same address".into())
            }
            other => other,
        })?;
        history::audit(tx, &cx.audit("customer.register", customer.id, serde_json::json!({}))).await?;
        Ok(())
    }
}
