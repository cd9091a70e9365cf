//! People at log-in. The previous release may run beside this one during a hand-over and knows customers only: what it
//! inserts and changes is taken over when somebody logs in.

use jiff::Timestamp;
use stoa_db::{
    Tx,
    accounts::{self, Subject},
    members, users,
};
use stoa_model::{
    account::Actor,
    id::CustomerId,
    member::{Member, MemberRole},
    text::EmailAddress,
};

use crate::Accounts;
use stoa_core::{Error, RequestContext, Result};

const NO_ONE: Error = Error::Unauthenticated("Please log in.");

pub use stoa_db::accounts::NO_PASSWORD;

/// The account that a command's session logs in to: a person's own organization, whichever they act for, or staff, also
/// while they view the portal as a customer. This is what sessions and second factors belong to.
pub fn login_actor(cx: &RequestContext) -> Actor {
    if let Some(staff) = cx.impersonator() {
        return staff;
    }
    match (cx.actor, cx.member) {
        (Actor::Customer(_), Some(member)) => Actor::Customer(member.user.founded()),
        (actor, _) => actor,
    }
}

/// The same, if somebody is logged in. Staff who view the portal as a customer get neither account.
///
/// # Errors
/// [`Error::Unauthenticated`] otherwise; [`Error::ViewingAsCustomer`].
pub(crate) fn own_account(cx: &RequestContext) -> Result<Actor> {
    cx.refuse_impersonator()?;
    match login_actor(cx) {
        actor @ (Actor::Customer(_) | Actor::Staff(..)) => Ok(actor),
        Actor::Nobody | Actor::System => Err(NO_ONE),
    }
}

/// The same, as what belongs to its login names it.
///
/// # Errors
/// [`Error::Unauthenticated`] if nobody is logged in.
pub(crate) fn own_subject(cx: &RequestContext) -> Result<Subject> {
    Subject::of(own_account(cx)?).ok_or(NO_ONE)
}

/// An account that logs in.
pub(crate) struct LoginAccount {
    /// Where its e-mail goes.
    pub email: EmailAddress,
    /// What is typed to log in, which can be somebody else's address (decision 027).
    pub login: EmailAddress,
    pub is_verified: bool,
    pub created_at: Timestamp,
    /// When it is closed, if its owner has asked for that.
    pub close_at: Option<Timestamp>,
}

impl LoginAccount {
    /// One that nothing has to be verified of.
    fn verified(email: EmailAddress, created_at: Timestamp) -> Self {
        Self { login: email.clone(), email, is_verified: true, created_at, close_at: None }
    }
}

impl Accounts {
    /// The account that is logged in.
    pub(crate) async fn own_login(&self, cx: &RequestContext) -> Result<LoginAccount> {
        self.login_account(own_account(cx)?).await?.ok_or(NO_ONE)
    }

    /// An account that logs in: staff, or the founder of a customer.
    pub(crate) async fn login_account(&self, actor: Actor) -> Result<Option<LoginAccount>> {
        Ok(match actor {
            Actor::Customer(id) => match users::user_get(&self.core.db, id.founder()).await? {
                Some(user) => Some(LoginAccount {
                    login: user.shown_email().clone(),
                    email: user.email,
                    is_verified: user.verified_at.is_some(),
                    created_at: user.created_at,
                    close_at: user.close_at,
                }),
                // Only the previous release knows this customer.
                None => accounts::customer_get(&self.core.db, id)
                    .await?
                    .map(|customer| LoginAccount::verified(customer.email, customer.created_at)),
            },
            Actor::Staff(id, _) => accounts::staff_get(&self.core.db, id)
                .await?
                .map(|staff| LoginAccount::verified(staff.email, staff.created_at)),
            Actor::Nobody | Actor::System => None,
        })
    }

    /// The founded organization and password hash of the person who typed this address at sign-up although it belongs to
    /// somebody else. They log in with it as if it were theirs, so that nobody learns that it isn't (decision 027).
    pub(crate) async fn claimed_account(&self, email: Option<&EmailAddress>) -> Result<Option<(CustomerId, String)>> {
        let Some(email) = email else { return Ok(None) };
        let found = users::user_by_claimed_email(&self.core.db, email).await?;
        Ok(found.map(|(user, hash)| (user.id.founded(), hash)))
    }

    /// The person and role of an API token or of a session without more: the founder of the customer. `None` as role
    /// means that only the previous release knows them.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn founder_of(&self, customer: CustomerId) -> Result<Option<Member>> {
        let role = members::member_role(&self.core.db, customer, customer.founder()).await?;
        Ok(role.map(|role| Member { user: customer.founder(), role }))
    }
}

/// Makes the person of a customer that the previous release has inserted, and takes over a password that it has changed.
pub(crate) async fn adopt(tx: &Tx, id: CustomerId, now: Timestamp) -> Result<Option<users::User>> {
    let Some(hash) = accounts::password_hash(tx, Actor::Customer(id)).await? else { return Ok(None) };
    if hash == NO_PASSWORD {
        return Ok(None);
    }
    if users::user_get(tx, id.founder()).await?.is_some() {
        users::user_sync_password(tx, id.founder(), &hash).await?;
        return Ok(users::user_get(tx, id.founder()).await?);
    }
    let Some(customer) = accounts::customer_get(tx, id).await? else { return Ok(None) };
    let user = users::User {
        id: id.founder(),
        email: customer.email,
        claimed_email: None,
        // As in the migration: the account was opened when nothing asked for it.
        verified_at: Some(customer.created_at),
        auth_epoch: 0,
        customer: None,
        created_at: customer.created_at,
        close_at: None,
    };
    users::user_insert(tx, &user, &hash).await?;
    members::member_insert(tx, id, user.id, MemberRole::Owner, now).await?;
    Ok(Some(user))
}
