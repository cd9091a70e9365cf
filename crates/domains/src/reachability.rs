//! Names that reach this machine although their addresses are not its own: through a proxy, a CDN, a load balancer or
//! NAT. Our edge answers for a random token on every host; if the token is what the name answers with, requests for the
//! name reach us, those of a certificate authority included.

use crate::Domains;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use stoa_core::{Result, random};
use stoa_integrations::probe::{Place, fetch_following, is_global};
use stoa_model::{host::Hostname, secret::ExposeSecret};

/// The folder of tokens: proxies that treat paths of certificate authorities differently do so for ours too.
const FOLDER: &str = "/.well-known/acme-challenge/";
/// How long a token is used. Publishing one makes every edge apply a change, so it serves for many names.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// The time limit for one address, redirects included.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// No more addresses of one name are asked.
const MAX_PROBED_ADDRESSES: usize = 4;

/// A text that only our edges answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    path: String,
    body: String,
    created_at: Timestamp,
}

/// What answers at the addresses of a name that are not this machine's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Probed {
    /// The addresses from which our token came back.
    pub reaching_us: Vec<IpAddr>,
    /// What another server there calls itself.
    pub server: Option<String>,
}

impl Domains {
    /// Asks for our token through the name, at those of the addresses that are public: a name can't make us connect to
    /// an internal network (SSRF).
    pub(crate) async fn probe_reachability(&self, name: &Hostname, addresses: &[IpAddr]) -> Probed {
        let mut public = addresses.iter().copied().filter(|address| is_global(*address)).peekable();
        if public.peek().is_none() {
            return Probed::default();
        }
        let token = match self.reachability_token().await {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(%name, error = error.for_operator(), "cannot ask whether a name reaches this machine");
                return Probed::default();
            }
        };
        let (probe, path) = (self.probe.as_ref(), token.path.as_str());
        let ask = async |address| (address, fetch_following(probe, address, name.as_str(), path, PROBE_TIMEOUT).await);
        let mut probed = Probed::default();
        for (address, fetched) in join_all(public.take(MAX_PROBED_ADDRESSES).map(ask)).await {
            let Some(fetched) = fetched else { continue };
            if fetched.status == 200 && fetched.body.trim() == token.body {
                probed.reaching_us.push(address);
            }
            probed.server = probed.server.or(fetched.server);
        }
        probed
    }

    /// The current token, once all edges answer with it.
    async fn reachability_token(&self) -> Result<Token> {
        // Held while a token is published, so that concurrent checks publish one.
        let mut current = self.reachability_token.lock().await;
        let now = self.core.clock.now();
        if let Some(token) =
            current.as_ref().filter(|token| now.duration_since(token.created_at).abs() < TOKEN_LIFETIME)
        {
            return Ok(token.clone());
        }
        let random = || random::token().expose_secret().to_owned();
        let token = Token { path: format!("{FOLDER}{}", random()), body: random(), created_at: now };
        self.add_challenge_answers(BTreeMap::from([(token.path.clone(), token.body.clone())])).await?;
        if let Some(old) = current.replace(token.clone()) {
            self.remove_challenge_answers(&BTreeMap::from([(old.path, old.body)])).await;
        }
        Ok(token)
    }

    /// Whether visitors of this name are sent in circles by a proxy: it asks us over plain HTTP what visitors ask it
    /// over HTTPS, and we redirect that to HTTPS.
    pub(crate) async fn is_looping(&self, name: &Hostname, proxies: &[IpAddr]) -> bool {
        let Some(address) = proxies.iter().find(|address| is_global(**address)) else { return false };
        let place = Place { address: (*address, 443).into(), secure: true, host: name.as_str() };
        let fetched = self.probe.fetch(place, "/", PROBE_TIMEOUT).await;
        fetched.is_ok_and(|fetched| fetched.redirect(name.as_str()) == Some((true, "/".into())))
    }
}
