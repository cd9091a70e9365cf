//! Notices of changes to an account. Nothing in them is secret; e-mail with secret links is in [`mail`](crate::mail).

use jiff::Timestamp;
use stoa_core::{
    Core,
    tasks::{QueuedTask, mail::notice},
};
use stoa_db::tokens::ApiToken;
use stoa_model::{id::PasskeyId, text::EmailAddress};

/// Notifies the owner of an account that it has a new API token.
pub(crate) fn token_created(core: &Core, to: EmailAddress, token: &ApiToken, now: Timestamp) -> QueuedTask {
    let page = format!("{}/account/tokens", core.portal_url());
    let product = &core.settings.product_name;
    let end = token.expires_at.map(|end| end.strftime("%-d %B %Y").to_string()).unwrap_or_default();
    let paragraphs = [
        format!("A new API token was created for your {product} account: \"{}\" ({}…).", token.name, token.prefix),
        format!("It can be used until {end} for: {}.", token.abilities),
        "If it wasn't you, revoke the token and change your password:".to_owned(),
        page.clone(),
    ];
    let subject = format!("New API token for {product}");
    notice(format!("token/{}", token.id), to, subject, &paragraphs, &[page], now)
}

/// Notifies the owner of an account that its second factor was turned on or off.
pub(crate) fn second_factor_changed(core: &Core, to: EmailAddress, what: &str, now: Timestamp) -> QueuedTask {
    let page = format!("{}/account/security/second-factor", core.portal_url());
    let product = &core.settings.product_name;
    let paragraphs = [
        format!("{what} for your {product} account."),
        "If it wasn't you, change your password and contact support:".to_owned(),
        page.clone(),
    ];
    let key = format!("second-factor/{to}/{}", now.as_millisecond());
    notice(key, to, format!("Two-step login changed for {product}"), &paragraphs, &[page], now)
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
    let page = format!("{}/account/security", core.portal_url());
    let product = &core.settings.product_name;
    let paragraphs = [
        format!("A passkey {what} for your {product} account: \"{name}\"."),
        "If it wasn't you, remove passkeys that you don't know, change your password and contact support:".to_owned(),
        page.clone(),
    ];
    let key = format!("passkey/{id}/{}", now.as_millisecond());
    notice(key, to, format!("A passkey {what} for {product}"), &paragraphs, &[page], now)
}
