//! Notices of changes to an account. Nothing in them is secret; e-mail with secret links is in [`mail`](crate::mail).

use jiff::Timestamp;
use stoa_core::{
    Core,
    email::{EmailBody, EmailDraft},
    tasks::QueuedTask,
};
use stoa_db::tokens::ApiToken;
use stoa_model::{
    id::PasskeyId,
    mail::MailKind,
    member::MemberRole,
    text::{CompanyName, EmailAddress},
};

/// Notifies the owner of an account that it has a new API token.
pub(crate) fn token_created(core: &Core, to: EmailAddress, token: &ApiToken, now: Timestamp) -> QueuedTask {
    let product = &core.settings.product_name;
    let end = token.expires_at.map(|end| end.strftime("%-d %B %Y").to_string()).unwrap_or_default();
    let body = EmailBody::new(format!(
        "A new API token was created for your {product} account: \"{}\" ({}...).",
        token.name, token.prefix
    ))
    .paragraph(format!("It can be used until {end} for: {}.", token.abilities))
    .paragraph("If it wasn't you, revoke the token and change your password.")
    .button("Review API tokens", format!("{}/account/tokens", core.portal_url()));
    let (key, subject) = (format!("token/{}", token.id), format!("New API token for {product}"));
    EmailDraft { key, kind: MailKind::Security, to, subject, body }.task(&core.settings, now)
}

/// Notifies the owner of an account that its second factor was turned on or off.
pub(crate) fn second_factor_changed(core: &Core, to: EmailAddress, what: &str, now: Timestamp) -> QueuedTask {
    let product = &core.settings.product_name;
    let body = EmailBody::new(format!("{what} for your {product} account."))
        .paragraph("If it wasn't you, change your password and contact support.")
        .button("Review two-step login", format!("{}/account/security/second-factor", core.portal_url()));
    let key = format!("second-factor/{to}/{}", now.as_millisecond());
    let subject = format!("Two-step login changed for {product}");
    EmailDraft { key, kind: MailKind::Security, to, subject, body }.task(&core.settings, now)
}

/// Notifies the owner of an account that a passkey "was added" or "was removed".
pub(crate) fn passkey_changed(
    core: &Core,
    to: EmailAddress,
    what: &str,
    id: PasskeyId,
    name: &str,
    now: Timestamp,
) -> QueuedTask {
    let product = &core.settings.product_name;
    let body = EmailBody::new(format!("A passkey {what} for your {product} account: \"{name}\"."))
        .paragraph("If it wasn't you, remove passkeys that you don't know, change your password and contact support.")
        .button("Review passkeys", format!("{}/account/security", core.portal_url()));
    let key = format!("passkey/{id}/{}", now.as_millisecond());
    let subject = format!("A passkey {what} for {product}");
    EmailDraft { key, kind: MailKind::Security, to, subject, body }.task(&core.settings, now)
}

/// Notifies the owner of an account that it will be closed.
pub(crate) fn account_closing(core: &Core, to: EmailAddress, close_at: Timestamp, now: Timestamp) -> QueuedTask {
    let (product, day) = (&core.settings.product_name, close_at.strftime("%-d %B %Y").to_string());
    let body = EmailBody::new(format!("Your {product} account will be closed on {day}, with all its stores."))
        .paragraph("Until then you can keep it.")
        .button("Keep the account", format!("{}/account", core.portal_url()))
        .small_print("If it wasn't you who asked for this, keep the account and change your password.");
    let key = format!("closing/{to}/{}", now.as_millisecond());
    let subject = format!("Your {product} account will be closed on {day}");
    EmailDraft { key, kind: MailKind::Deletion, to, subject, body }.task(&core.settings, now)
}

/// Notifies an owner of an organization that somebody has become a member.
pub(crate) fn member_joined(
    core: &Core,
    to: EmailAddress,
    (who, role, company): (&EmailAddress, MemberRole, &CompanyName),
    now: Timestamp,
) -> QueuedTask {
    let product = &core.settings.product_name;
    let joined = format!("{who} has accepted an invitation to \"{company}\" and has the role {}.", role.label());
    let body = EmailBody::new(joined)
        .paragraph("If you don't know them, remove them and change your password.")
        .button("Review team", format!("{}/account/team", core.portal_url()));
    let key = format!("joined/{to}/{who}/{}", now.as_millisecond());
    let subject = format!("{who} joined \"{company}\" on {product}");
    EmailDraft { key, kind: MailKind::Team, to, subject, body }.task(&core.settings, now)
}

/// Notifies a member of staff, at the former address, that their account has another one.
pub(crate) fn staff_address_changed(
    core: &Core,
    former: &EmailAddress,
    next: &EmailAddress,
    now: Timestamp,
) -> QueuedTask {
    let product = &core.settings.product_name;
    let body = EmailBody::new(format!(
        "A super admin has changed the e-mail address of your {product} staff account to {next}."
    ))
    .paragraph("Use the new address to log in. If you don't know why, ask a super admin.");
    let key = format!("staff-address/{former}/{}", now.as_millisecond());
    let subject = format!("Your {product} e-mail address was changed");
    EmailDraft { key, kind: MailKind::Security, to: former.clone(), subject, body }.task(&core.settings, now)
}
