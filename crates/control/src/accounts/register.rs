//! Opening an account, alone or together with a first site.

use stoa_db::{accounts, history};
use stoa_model::{
    account::{Actor, Customer},
    field::Invalid,
    id::CustomerId,
    text::{AdminUser, CompanyName, EmailAddress, SiteTitle},
};

use crate::{
    Control, Error, RequestContext, Result,
    command::{OrderSite, Register},
    password, random,
    throttle::Attempt,
    view::{NewSession, Ordered},
};

impl Control {
    /// Checks one field of the sign-up form as it is typed. Whether an e-mail address has an
    /// account is nobody's business, so that is not said here.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn register_check(&self, field: &str, value: &str) -> std::result::Result<(), Invalid> {
        match field {
            "email" => EmailAddress::parse(value).map(drop),
            "password" => password::check(&value.to_owned().into()),
            "company" => CompanyName::parse(value).map(drop),
            "title" => SiteTitle::parse(value).map(drop),
            "admin_user" => AdminUser::parse(value).map(drop),
            _ => Err(Invalid::new("field", "There is no such field.")),
        }
    }

    /// Opens an account and logs in.
    ///
    /// # Errors
    /// All bad fields at once; too many tries; an address that has an account already.
    pub async fn register(&self, cx: &RequestContext, command: Register) -> Result<NewSession> {
        self.throttle.check(Attempt::SignUp, cx.address)?;
        let (customer, password) = parse(cx, command)?;
        let hash = self.hasher.hash(password).await?;
        let (customer, hash, cx) = (&customer, &hash, cx);
        self.db.write(|tx| Box::pin(async move { insert(&tx, cx, customer, hash).await })).await?;
        self.session_open(Actor::Customer(customer.id)).await
    }

    /// Opens an account and orders its first site, both or neither.
    ///
    /// # Errors
    /// All bad fields of both at once, and what [`Control::site_order`] refuses.
    pub async fn register_and_order(
        &self,
        cx: &RequestContext,
        command: Register,
        order: OrderSite,
    ) -> Result<(NewSession, Ordered)> {
        self.throttle.check(Attempt::SignUp, cx.address)?;
        let account = parse(cx, command);
        let email = account.as_ref().map(|(customer, _)| customer.email.clone()).ok();
        let parsed = self.order_parse(&order, email.as_ref());
        let ((customer, password), parsed) = both(account, parsed)?;
        self.name_is_free(&parsed.hostname).await?;
        let room = self.order_possible(&parsed.blueprint).await?;
        let hash = self.hasher.hash(password).await?;
        let cx = RequestContext { actor: Actor::Customer(customer.id), ..cx.clone() };
        let made = self.order_make(&cx, customer.id, &parsed);
        let (customer, hash, cx, made) = (&customer, &hash, &cx, &made);
        let ordered = self
            .db
            .write(|tx| {
                Box::pin(async move {
                    insert(&tx, cx, customer, hash).await?;
                    self.order_insert(&tx, cx, made, room).await
                })
            })
            .await?;
        self.nudges.jobs.notify_one();
        Ok((self.session_open(Actor::Customer(customer.id)).await?, ordered))
    }
}

/// Both results, or the bad fields of both.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Error::Invalid(mut a)), Err(Error::Invalid(b))) => {
            // Without a customer's address, the administrator's is only missing.
            a.extend(b.into_iter().filter(|bad| bad.field != "admin_email"));
            Err(Error::Invalid(a))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn parse(cx: &RequestContext, command: Register) -> Result<(Customer, stoa_model::secret::SecretString)> {
    let mut bad = Vec::new();
    let email = EmailAddress::parse(&command.email).map_err(|e| bad.push(e)).ok();
    let company = CompanyName::parse(&command.company).map_err(|e| bad.push(e)).ok();
    bad.extend(password::check(&command.password).err());
    match (email, company) {
        (Some(email), Some(company)) if bad.is_empty() => {
            let id = CustomerId::from_uuid(random::uuid_at(cx.now));
            Ok((Customer { id, email, company, created_at: cx.now }, command.password))
        }
        _ => Err(Error::Invalid(bad)),
    }
}

async fn insert(tx: &stoa_db::Tx, cx: &RequestContext, customer: &Customer, hash: &str) -> Result<()> {
    if accounts::staff_by_email(tx, &customer.email).await?.is_some() {
        return Err(stoa_db::DbError::Conflict(stoa_db::Constraint::StaffEmail).into());
    }
    accounts::customer_insert(tx, customer, hash).await?;
    history::audit(tx, &cx.audit("customer.register", customer.id, serde_json::json!({}))).await?;
    Ok(())
}
