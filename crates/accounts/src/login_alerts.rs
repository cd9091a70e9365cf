//! An e-mail to people when somebody logs in to their account from a browser and a network that it has not been used from
//! for 90 days. Either alone is no reason: browsers change networks, and networks are shared by devices.
//!
//! The first login after registration is none either. Each e-mail makes its browser and network known, so an account gets
//! at most one for each browser in 90 days, whoever logs in how often.

use jiff::{SignedDuration, Timestamp};
use stoa_core::{
    Core, RequestContext, Result,
    email::{EmailBody, EmailDraft, utc},
    rate_limits::ClientNetwork,
    tasks::QueuedTask,
};
use stoa_db::{
    Tx,
    accounts::known_logins::{KnownLogin, known_logins, known_logins_set},
    tasks,
};
use stoa_model::{account::Actor, id::SessionId, mail::MailKind, text::EmailAddress};

use crate::{Accounts, device};

/// How long a browser and a network are known after a login.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Browsers and networks that are kept of an account.
const MAX_KNOWN: usize = 20;

/// A login that succeeded.
pub(crate) struct Login {
    pub actor: Actor,
    pub session: SessionId,
    /// Where the e-mail goes; `None` if nobody has verified the address.
    pub to: Option<EmailAddress>,
    pub at: Timestamp,
}

impl Accounts {
    /// What [`note_login`] has to know of a session that begins.
    pub(crate) async fn login(&self, actor: Actor, session: SessionId, at: Timestamp) -> Result<Login> {
        let account = self.login_account(actor).await?.filter(|account| account.is_verified);
        Ok(Login { actor, session, to: account.map(|account| account.email), at })
    }
}

/// Notes where an account logs in from, and queues the e-mail if that is new.
pub(crate) async fn note_login(tx: &Tx, core: &Core, cx: &RequestContext, login: &Login) -> Result<()> {
    let known = known_logins(tx, login.actor).await?;
    let here = KnownLogin {
        device: device::browser(cx.agent.as_deref()).unwrap_or(device::UNKNOWN).to_owned(),
        network: cx.address.map(|address| ClientNetwork::neighborhood(address).to_string()),
        last_at: login.at,
    };
    if let (Some(known), Some(to)) = (&known, &login.to)
        && is_new(&here, known)
    {
        let task = &new_login(core, cx, to, login);
        tasks::task_insert(tx, &task.task, Some(&task.key)).await?;
    }
    Ok(known_logins_set(tx, login.actor, &with(known.unwrap_or_default(), here)).await?)
}

fn is_new(here: &KnownLogin, known: &[KnownLogin]) -> bool {
    let is_same =
        |known: &KnownLogin| known.device == here.device || (known.network.is_some() && known.network == here.network);
    !known.iter().any(|known| here.last_at.duration_since(known.last_at) <= KNOWN_FOR && is_same(known))
}

/// The last used first. What is older than 90 days stays until others take its place: an account that has any is not new.
fn with(mut known: Vec<KnownLogin>, here: KnownLogin) -> Vec<KnownLogin> {
    known.retain(|known| (&known.device, &known.network) != (&here.device, &here.network));
    known.insert(0, here);
    known.truncate(MAX_KNOWN);
    known
}

fn new_login(core: &Core, cx: &RequestContext, to: &EmailAddress, login: &Login) -> QueuedTask {
    let product = &core.settings.product_name;
    let address = cx.address.map_or_else(|| "Unknown".to_owned(), |address| address.to_canonical().to_string());
    let body = EmailBody::new(format!(
        "Somebody has logged in to your {product} account from a browser and a network that you haven't used lately."
    ))
    .fact("When", utc(login.at))
    .fact("Browser", device::describe(cx.agent.as_deref()))
    .fact("Address", address)
    .paragraph("If it was you, there is nothing to do.")
    .paragraph("If it wasn't, change your password at once: that logs out everybody else. Then turn on two-step login.")
    .button("Review your sessions", format!("{}/account/security", core.portal_url()));
    let draft = EmailDraft {
        key: format!("login/{}", login.session),
        kind: MailKind::Security,
        to: to.clone(),
        subject: format!("New login to your {product} account"),
        body,
    };
    draft.task(&core.settings, login.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(device: &str, network: Option<&str>, days: i64) -> KnownLogin {
        let last_at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(days * 24);
        KnownLogin { device: device.into(), network: network.map(Into::into), last_at }
    }

    #[test]
    fn only_a_new_browser_in_a_new_network_is_reported() {
        let known = [login("Firefox", Some("192.0.2.0/24"), 100), login("Safari", Some("198.51.100.0/24"), 5)];
        for (device, network, days, is_reported) in [
            ("Firefox", Some("203.0.113.0/24"), 101, false),
            ("Chrome", Some("192.0.2.0/24"), 101, false),
            ("Chrome", Some("203.0.113.0/24"), 101, true),
            ("Chrome", None, 101, true),
            ("Safari", Some("203.0.113.0/24"), 95, false),
            ("Safari", Some("203.0.113.0/24"), 96, true),
            ("Firefox", Some("192.0.2.0/24"), 200, true),
        ] {
            assert_eq!(is_new(&login(device, network, days), &known), is_reported, "{device} {network:?} {days}");
        }
        assert!(is_new(&login("Chrome", None, 1), &[login("curl", None, 1)]), "unknown networks are not the same");
    }

    #[test]
    fn the_last_used_are_kept() {
        let mut known = Vec::new();
        for day in 0..30 {
            known = with(known, login("Firefox", Some(&format!("192.0.{day}.0/24")), day));
        }
        assert_eq!((known.len(), known[0].last_at), (MAX_KNOWN, login("", None, 29).last_at));
        let again = with(known.clone(), login("Firefox", Some("192.0.20.0/24"), 31));
        assert_eq!((again.len(), &again[0]), (MAX_KNOWN, &login("Firefox", Some("192.0.20.0/24"), 31)));
    }
}
