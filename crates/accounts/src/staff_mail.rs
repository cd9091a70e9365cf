//! E-mail by which staff get a password: a link, or a temporary password. Both work for three days. As with every secret
//! that is mailed, it is created when the e-mail is written, and only its hash is stored.

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    accounts::staff_accounts::{StaffAccount, staff_account, staff_set_password_expiry},
    one_time::{OneTime, one_time_get},
};
use stoa_model::{
    account::{Actor, StaffState},
    id::StaffId,
    mail::MailKind,
    secret::{ExposeSecret, SecretString},
    text::EmailAddress,
};

use crate::{
    Accounts,
    command::PasswordDelivery,
    mail::{AccountMail, SendAccountMail, Text},
    password::{Hasher, Priority},
    reset::{self, replace_password},
};
use stoa_core::{Result, email::EmailBody, random};

/// Purpose of a secret with which staff choose a password.
pub(crate) const STAFF_PASSWORD: &str = "staff_password";
/// How long a link and a temporary password work.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Length of a temporary password (PRODUCT.md F3): 93 bits.
const TEMPORARY_CHARS: usize = 16;
/// Letters and digits that can't be taken for one another.
const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

impl AccountMail {
    /// The e-mail by which a member of staff gets a password.
    pub(crate) const fn of_staff(staff: StaffId, delivery: PasswordDelivery) -> Self {
        match delivery {
            PasswordDelivery::Link => Self::StaffLink { staff },
            PasswordDelivery::Temporary => Self::StaffTemporaryPassword { staff },
        }
    }
}

impl SendAccountMail {
    /// A link to choose a password, if the account still waits for one.
    pub(crate) async fn staff_link(&self, id: StaffId) -> Result<Option<(EmailAddress, Text)>> {
        let account = staff_account(&self.core.db, id).await?.filter(|account| account.state == StaffState::Invited);
        let Some(account) = account else { return Ok(None) };
        let (actor, to) = (actor(&account), account.staff.email.clone());
        let binding = reset::binding(&self.core.db, actor).await?;
        let link = self.link("reset", STAFF_PASSWORD, actor, &to, binding, LIFETIME).await?;
        let product = &self.core.settings.product_name;
        let (subject, first) = if account.last_login_at.is_none() {
            let role = account.staff.role.label();
            (
                format!("Your staff account at {product}"),
                format!("You have a staff account at {product}, with the role {role}."),
            )
        } else {
            (
                format!("Choose a new password for {product}"),
                format!("A super admin of {product} asks you to choose a new password for your staff account."),
            )
        };
        let body = EmailBody::new(first)
            .button("Choose your password", link)
            .small_print("The link works once, for three days. After that, ask for a new one.");
        let text = Text { kind: MailKind::PasswordReset, subject, body, is_secret: true };
        Ok(Some((to, text)))
    }

    /// A temporary password, if the account still waits for one. Written again, the e-mail has another one, and the first
    /// does not work any more.
    pub(crate) async fn staff_temporary_password(&self, id: StaffId) -> Result<Option<(EmailAddress, Text)>> {
        let (password, expires_at) = (generate(), self.core.clock.now() + LIFETIME);
        // Rare enough for a thread of its own.
        let hash = &Hasher::default().hash(password.clone(), Priority::Known).await?;
        let cx = &self.core.system_context("temporary password");
        let set = self.core.db.write(|tx| {
            Box::pin(async move {
                let Some(account) = staff_account(&*tx, id).await?.filter(awaits_password) else { return Ok(None) };
                replace_password(&tx, cx, actor(&account), &account.staff.email, hash).await?;
                staff_set_password_expiry(&tx, id, expires_at).await?;
                Ok::<_, stoa_db::DbError>(Some(account.staff.email))
            })
        });
        let Some(to) = set.await? else { return Ok(None) };
        let (product, log_in) = (&self.core.settings.product_name, format!("{}/staff/login", self.core.portal_url()));
        let body = EmailBody::new(format!("Log in to your staff account at {product} with this temporary password:"))
            .fact("User name", to.as_str())
            .secret("Temporary password", password.expose_secret())
            .button("Log in", log_in)
            .small_print(format!(
                "You choose your own password at the first log-in. This one works until {}.",
                day(expires_at)
            ));
        let subject = format!("Your temporary password for {product}");
        let text = Text { kind: MailKind::PasswordReset, subject, body, is_secret: true };
        Ok(Some((to, text)))
    }
}

impl Accounts {
    /// The link with this hash and whom it lets choose a password, if it works.
    pub(crate) async fn valid_staff_link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<(OneTime, Actor)>> {
        let Some(secret) = one_time_get(&self.core.db, STAFF_PASSWORD, hash, now).await? else { return Ok(None) };
        let Some(actor) = secret.subject.actor(&self.core.db).await? else { return Ok(None) };
        let email = self.login_account(actor).await?.map(|account| account.email);
        Ok((email.as_ref() == Some(&secret.email)).then_some((secret, actor)))
    }
}

fn awaits_password(account: &StaffAccount) -> bool {
    let is_temporary = account.state == StaffState::Active && account.password_expires_at.is_some();
    account.state == StaffState::Invited || is_temporary
}

fn actor(account: &StaffAccount) -> Actor {
    Actor::Staff(account.staff.id, account.staff.role)
}

fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// A temporary password: characters from the alphabet, all equally likely.
fn generate() -> SecretString {
    let limit = 256 - 256 % ALPHABET.len();
    let mut password = String::with_capacity(TEMPORARY_CHARS);
    while password.len() < TEMPORARY_CHARS {
        let mut byte = [0];
        random::fill(&mut byte);
        let value = usize::from(byte[0]);
        if value < limit {
            password.push(char::from(ALPHABET[value % ALPHABET.len()]));
        }
    }
    SecretString::from(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_passwords_have_16_readable_characters_and_differ() {
        let passwords: Vec<String> = (0..100).map(|_| generate().expose_secret().to_owned()).collect();
        for password in &passwords {
            assert_eq!(password.len(), 16, "{password}");
            assert!(password.bytes().all(|byte| ALPHABET.contains(&byte) && !b"0O1lIo".contains(&byte)), "{password}");
        }
        let distinct: std::collections::HashSet<_> = passwords.iter().collect();
        assert_eq!(distinct.len(), 100);
        assert!(crate::password::check(&generate(), &["anna@stoa.example", "Stoa"]).is_ok());
    }
}
