//! People at log-in. The previous release may run beside this one during a hand-over and knows customers only: what it
//! inserts and changes is taken over when somebody logs in.

use jiff::Timestamp;
use stoa_db::{Tx, accounts, members, users};
use stoa_model::{
    account::Actor,
    id::CustomerId,
    member::{Member, MemberRole},
    text::EmailAddress,
};

use crate::Accounts;
use stoa_core::{RequestContext, Result};

/// In place of a hash: no password matches it. The operator's own accounts have it, because staff log in as staff.
pub const NO_PASSWORD: &str = "!";

/// The account that a command's session logs in to: a person's own organization, whichever they act for, or staff. This
/// is what sessions and second factors belong to.
pub fn login_actor(cx: &RequestContext) -> Actor {
    match (cx.actor, cx.member) {
        (Actor::Customer(_), Some(member)) => Actor::Customer(member.user.founded()),
        (actor, _) => actor,
    }
}

impl Accounts {
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
