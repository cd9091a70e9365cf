//! E-mail about accounts, most of it with a secret link.
//!
//! What is queued names no secret: the task creates it when it writes the e-mail, and stores its hash. Links begin with
//! the configured address of the portal, never with what a request said, and can be followed before it has a certificate.
//!
//! Somebody who asks for an e-mail to an address must not learn whether it has an account. So the request only queues the
//! task, which takes the same time for all, and the task decides what is sent, if anything.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stoa_core::{
    Core, Error, Result,
    email::{EmailBody, EmailDraft},
    mail_log, random,
    tasks::{
        QueuedTask, RetryPolicy, TaskError, TaskSpec,
        mail::{RETRY, send},
    },
};
use stoa_db::{
    Tx,
    accounts::{self, Subject},
    invitations,
    one_time::{OneTime, one_time_insert},
    tasks, users,
};
use stoa_integrations::mail::Mailer;
use stoa_model::{
    account::Actor,
    id::{InvitationId, StaffId, UserId},
    mail::{MailKind, MailState},
    secret::ExposeSecret,
    text::EmailAddress,
};

use crate::{email_change, reset};

/// Purpose of a secret that sets a new password.
pub(crate) const RESET: &str = "reset";
/// Purpose of a secret that verifies the address of an account.
pub(crate) const VERIFY: &str = "verify";
/// Purpose of a secret that gives an account another address.
pub(crate) const CHANGE_EMAIL: &str = "change_email";
/// Purpose of a secret that gives an account its former address back.
pub(crate) const RESTORE_EMAIL: &str = "restore_email";

/// How long a link to set a new password works.
pub(crate) const RESET_LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// How long a link to verify an address works.
const VERIFY_LIFETIME: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How long a changed address can be restored.
const RESTORE_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An e-mail to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub enum AccountMail {
    /// A link to set a new password, if the address has an account.
    Reset {
        /// The address.
        email: EmailAddress,
    },
    /// A link to verify the address of a person.
    Verify {
        /// The person.
        user: UserId,
    },
    /// To somebody with an account: it was tried to open another one with their address.
    AlreadyRegistered {
        /// The address.
        email: EmailAddress,
    },
    /// A link that gives a person this address.
    ChangeEmail {
        /// The person.
        user: UserId,
        /// Their next address.
        email: EmailAddress,
    },
    /// To the former address of a person, with a link that restores it.
    EmailChanged {
        /// The person.
        user: UserId,
        /// Their former address.
        former: EmailAddress,
    },
    /// The password of an account was changed.
    PasswordChanged {
        /// Its address.
        email: EmailAddress,
    },
    /// An invitation.
    Invite {
        /// Its id.
        invitation: InvitationId,
    },
    /// A link with which a member of staff chooses a password.
    StaffLink {
        /// Whose.
        staff: StaffId,
    },
    /// A temporary password of a member of staff.
    StaffTemporaryPassword {
        /// Whose.
        staff: StaffId,
    },
}

/// A queued [`AccountMail`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueuedMail {
    /// Identifies the e-mail: sending it again replaces the first one.
    key: String,
    /// When it was asked for.
    at: Timestamp,
    /// What to write.
    #[serde(flatten)]
    mail: AccountMail,
}

/// Queues an e-mail in the transaction of what it is about. Wake the tasks after the commit.
pub(crate) async fn queue(tx: &Tx, mail: AccountMail, now: Timestamp) -> Result<()> {
    let key = format!("account/{}", random::uuid_at(now).simple());
    let queued = QueuedTask::new::<SendAccountMail>(&QueuedMail { key: key.clone(), at: now, mail }, key, now);
    tasks::task_insert(tx, &queued.task, Some(&queued.key)).await?;
    Ok(())
}

/// Writes and sends e-mail about accounts.
pub struct SendAccountMail {
    pub(crate) core: Core,
    mailer: Mailer,
}

impl SendAccountMail {
    /// Sends through `mailer`.
    pub fn new(core: Core, mailer: Mailer) -> Self {
        Self { core, mailer }
    }
}

#[async_trait]
impl TaskSpec for SendAccountMail {
    const KIND: &'static str = "account_mail";
    const RETRY: RetryPolicy = RETRY;
    type Payload = QueuedMail;

    fn title(&self, queued: &QueuedMail) -> String {
        match &queued.mail {
            AccountMail::Reset { email } => format!("Link to reset a password, to {email}"),
            AccountMail::Verify { user } => format!("Link to verify the address of {user}"),
            AccountMail::AlreadyRegistered { email } => format!("Notice of a second sign-up, to {email}"),
            AccountMail::ChangeEmail { user, email } => format!("Link to change the address of {user}, to {email}"),
            AccountMail::EmailChanged { user, former } => format!("Notice of the new address of {user}, to {former}"),
            AccountMail::PasswordChanged { email } => format!("Notice of a new password, to {email}"),
            AccountMail::Invite { invitation } => format!("Invitation {invitation}"),
            AccountMail::StaffLink { staff } => format!("Link to choose a password, to {staff}"),
            AccountMail::StaffTemporaryPassword { staff } => format!("Temporary password, to {staff}"),
        }
    }

    async fn execute(&self, queued: QueuedMail) -> std::result::Result<(), TaskError> {
        let retry = |error: Error| TaskError::Retry(error.for_operator());
        // Before it is written: that replaces the secret which was sent.
        if mail_log::is_sent(&self.core, &queued.key).await.map_err(retry)? {
            return Ok(());
        }
        let composed = self.compose(&queued).await.map_err(retry)?;
        let Some(Composed { draft, is_secret }) = composed else {
            let answer = "Not sent: it was no longer needed, or its time was over.";
            mail_log::settle(&self.core, &queued.key, MailState::Failed, answer).await;
            return Ok(());
        };
        let (email, kept) = (draft.render(&self.core.settings), draft.render_without_links(&self.core.settings));
        send(&self.core, &self.mailer, &email, is_secret.then_some(&kept)).await
    }

    async fn on_given_up(&self, queued: QueuedMail, error: &str) {
        mail_log::settle(&self.core, &queued.key, MailState::Failed, error).await;
    }
}

/// An e-mail, and whether its link is secret.
struct Composed {
    draft: EmailDraft,
    is_secret: bool,
}

/// A text before it has its key and receiver.
pub(crate) struct Text {
    pub kind: MailKind,
    pub subject: String,
    pub body: EmailBody,
    pub is_secret: bool,
}

impl SendAccountMail {
    /// The e-mail, or nothing if there is no reason to send it any more, or never was.
    async fn compose(&self, queued: &QueuedMail) -> Result<Option<Composed>> {
        let text = match &queued.mail {
            AccountMail::Reset { email } => self.reset(queued, email).await?.map(|text| (email.clone(), text)),
            AccountMail::Verify { user } => self.verify(queued, *user).await?,
            AccountMail::AlreadyRegistered { email } => {
                self.may_mail(queued, "registered", email).await?.then(|| (email.clone(), self.already_registered()))
            }
            AccountMail::ChangeEmail { user, email } => {
                self.change_email(queued, *user, email).await?.map(|text| (email.clone(), text))
            }
            AccountMail::EmailChanged { user, former } => {
                self.email_changed(*user, former).await?.map(|text| (former.clone(), text))
            }
            AccountMail::PasswordChanged { email } => Some((email.clone(), self.password_changed())),
            AccountMail::Invite { invitation } => self.invite(*invitation).await?,
            AccountMail::StaffLink { staff } => self.staff_link(*staff).await?,
            AccountMail::StaffTemporaryPassword { staff } => self.staff_temporary_password(*staff).await?,
        };
        Ok(text.map(|(to, Text { kind, subject, body, is_secret })| Composed {
            draft: EmailDraft { key: queued.key.clone(), kind, to, subject, body },
            is_secret,
        }))
    }

    /// Counts the e-mail against the limits of its receiver; another attempt to send it doesn't count.
    async fn may_mail(&self, queued: &QueuedMail, what: &str, to: &EmailAddress) -> Result<bool> {
        Ok(mail_log::was_attempted(&self.core, &queued.key).await? || self.core.may_mail(what, to).await?)
    }

    async fn reset(&self, queued: &QueuedMail, email: &EmailAddress) -> Result<Option<Text>> {
        if self.core.clock.now().duration_since(queued.at) > RESET_LIFETIME {
            return Ok(None);
        }
        let Some(actor) = reset::account_of(&self.core, email).await? else { return Ok(None) };
        if !self.may_mail(queued, RESET, email).await? {
            return Ok(None);
        }
        let binding = reset::binding(&self.core.db, actor).await?;
        let link = self.link("reset", RESET, actor, email, binding, RESET_LIFETIME).await?;
        let product = &self.core.settings.product_name;
        let body = EmailBody::new(format!("Somebody asked to reset the password of your {product} account."))
            .button("Choose a new password", link)
            .small_print("The link works once, for 30 minutes.")
            .small_print("If it wasn't you, ignore this e-mail. Your password stays as it is.");
        let subject = format!("Reset your {product} password");
        Ok(Some(Text { kind: MailKind::PasswordReset, subject, body, is_secret: true }))
    }

    async fn verify(&self, queued: &QueuedMail, user: UserId) -> Result<Option<(EmailAddress, Text)>> {
        let Some(user) = users::user_get(&self.core.db, user).await? else { return Ok(None) };
        if let Some(claimed) = user.claimed_email {
            // Somebody else's address: they are asked to log in, as if it were a second sign-up.
            let may = self.may_mail(queued, "registered", &claimed).await?;
            return Ok(may.then(|| (claimed, self.already_registered())));
        }
        if user.verified_at.is_some() {
            return Ok(None);
        }
        let actor = Actor::Customer(user.id.founded());
        let link = self.link("verify", VERIFY, actor, &user.email, String::new(), VERIFY_LIFETIME).await?;
        let product = &self.core.settings.product_name;
        let body = EmailBody::new(format!("Please verify that this is your e-mail address for {product}."))
            .button("Verify e-mail address", link)
            .small_print("The link works for three days.")
            .small_print("If you didn't open an account, ignore this e-mail.");
        let subject = format!("Verify your e-mail address for {product}");
        Ok(Some((user.email, Text { kind: MailKind::VerifyAddress, subject, body, is_secret: true })))
    }

    fn already_registered(&self) -> Text {
        let (product, portal) = (&self.core.settings.product_name, self.core.portal_url());
        let body = EmailBody::new(format!(
            "Somebody tried to use this e-mail address for another {product} account, but it has one already. If it was \
             you, log in."
        ))
        .button("Log in", format!("{portal}/login"))
        .paragraph("If you forgot the password, reset it.")
        .button("Reset password", format!("{portal}/forgot"))
        .small_print("If it wasn't you, there is nothing to do: nobody got access to your account.");
        let subject = format!("You already have a {product} account");
        Text { kind: MailKind::Security, subject, body, is_secret: false }
    }

    async fn change_email(&self, queued: &QueuedMail, user: UserId, email: &EmailAddress) -> Result<Option<Text>> {
        let Some(user) = users::user_get(&self.core.db, user).await? else { return Ok(None) };
        if reset::account_of(&self.core, email).await?.is_some() {
            return Ok(self.may_mail(queued, "registered", email).await?.then(|| self.already_registered()));
        }
        let (actor, binding) = (Actor::Customer(user.id.founded()), email_change::binding(&user));
        let link = self.link("account/email", CHANGE_EMAIL, actor, email, binding, VERIFY_LIFETIME).await?;
        let product = &self.core.settings.product_name;
        let body = EmailBody::new(format!("Confirm that your {product} account should use this e-mail address."))
            .button("Confirm e-mail address", link)
            .small_print("The link works once, for three days. Until then you log in with your present address.")
            .small_print("If you didn't ask for this, ignore this e-mail.");
        let subject = format!("Confirm your new e-mail address for {product}");
        Ok(Some(Text { kind: MailKind::VerifyAddress, subject, body, is_secret: true }))
    }

    async fn email_changed(&self, user: UserId, former: &EmailAddress) -> Result<Option<Text>> {
        let Some(user) = users::user_get(&self.core.db, user).await? else { return Ok(None) };
        let actor = Actor::Customer(user.id.founded());
        let page = "account/email/restore";
        let link = self.link(page, RESTORE_EMAIL, actor, former, String::new(), RESTORE_LIFETIME).await?;
        let product = &self.core.settings.product_name;
        let body = EmailBody::new(format!("Your {product} account now uses {} to log in.", user.email))
            .paragraph("If it wasn't you, restore this address and then set a new password.")
            .button("Restore this address", link)
            .small_print("The link works for seven days.");
        let subject = format!("Your {product} e-mail address was changed");
        Ok(Some(Text { kind: MailKind::Security, subject, body, is_secret: true }))
    }

    fn password_changed(&self) -> Text {
        let (product, portal) = (&self.core.settings.product_name, self.core.portal_url());
        let body = EmailBody::new(format!(
            "The password of your {product} account was changed, and your other sessions were ended."
        ))
        .paragraph("If it wasn't you, set a new one.")
        .button("Set a new password", format!("{portal}/forgot"));
        let subject = format!("Your {product} password was changed");
        Text { kind: MailKind::Security, subject, body, is_secret: false }
    }

    async fn invite(&self, id: InvitationId) -> Result<Option<(EmailAddress, Text)>> {
        let now = self.core.clock.now();
        let Some(invitation) = invitations::invitation_get(&self.core.db, id, now).await? else { return Ok(None) };
        let organization = accounts::customer_get(&self.core.db, invitation.customer).await?;
        let organization = organization.ok_or(Error::NotFound("customer"))?;
        let token = random::token();
        let hash = &random::token_hash(token.expose_secret());
        self.core.db.write(|tx| Box::pin(async move { invitations::invitation_set_hash(&tx, id, hash).await })).await?;
        let link = format!("{}/invitations/{}", self.core.portal_url(), token.expose_secret());
        let product = &self.core.settings.product_name;
        let body = EmailBody::new(format!(
            "You are invited to work on the sites of \"{}\" on {product}, with the role {}.",
            organization.company,
            invitation.role.label()
        ))
        .button("Accept the invitation", link)
        .small_print("The link works once, for seven days. If you don't know who invited you, ignore this e-mail.");
        let subject = format!("Join \"{}\" on {product}", organization.company);
        Ok(Some((invitation.email, Text { kind: MailKind::Team, subject, body, is_secret: true })))
    }

    /// Creates a secret and returns the address of the page that takes it.
    pub(crate) async fn link(
        &self,
        page: &str,
        purpose: &str,
        actor: Actor,
        email: &EmailAddress,
        binding: String,
        lifetime: SignedDuration,
    ) -> Result<String> {
        let (token, now) = (random::token(), self.core.clock.now());
        let secret = &OneTime {
            hash: random::token_hash(token.expose_secret()),
            purpose: purpose.to_owned(),
            subject: Subject::of(actor).ok_or(Error::NotFound("account"))?,
            email: email.clone(),
            binding,
            created_at: now,
            expires_at: now + lifetime,
            used_at: None,
        };
        self.core.db.write(|tx| Box::pin(async move { one_time_insert(&tx, secret).await })).await?;
        Ok(format!("{}/{page}/{}", self.core.portal_url(), token.expose_secret()))
    }
}
