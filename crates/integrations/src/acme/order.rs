//! Orders (RFC 8555 7.4), and the authorizations in them (7.5).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use instant_acme::{
    Account, AuthorizationState, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, Problem,
};
use sha2::{Digest, Sha256};
use stoa_model::{certificate::CertName, host::Hostname};

use super::{
    Acme, AcmeError, Answer, Challenge, Method, Ordered, ProblemKind, list,
    problem::{self, persist},
    renewal, within,
};

impl Acme {
    /// Orders a certificate for these names, and says how to prove that they are ours.
    ///
    /// `replaces` is the PEM chain that is being renewed: a CA with renewal information (RFC 9773 5)
    /// then spares the order its rate limits. It is a courtesy: where the CA won't have it, the
    /// order goes out without.
    ///
    /// # Errors
    /// Any kind but `Gone`; a wildcard by HTTP is `Refused` before the CA is asked.
    pub async fn order(
        &self,
        names: &[CertName],
        method: Method,
        replaces: Option<&str>,
    ) -> Result<Ordered, AcmeError> {
        let doing = format!("ordering a certificate for {}", list(names));
        within(self.patience, &doing, async {
            possible(names, method)?;
            let identifiers: Vec<_> = names.iter().map(|name| Identifier::Dns(name.to_string())).collect();
            let mut order = self.place(&identifiers, replaces).await.map_err(|error| only_name(error, names))?;
            let mut challenges = Vec::new();
            for authorization in authorizations(&mut order).await? {
                challenges.extend(authorization.challenge(method, &self.account)?);
            }
            Ok(Ordered { url: order.url().to_owned(), challenges })
        })
        .await
    }

    async fn place(&self, identifiers: &[Identifier], replaces: Option<&str>) -> Result<Order, AcmeError> {
        if let Some(old) = replaces.and_then(renewal::identifier) {
            let replacing = NewOrder::new(identifiers).replaces(old);
            match persist!(self.account.new_order(&replacing)) {
                Err(error @ (AcmeError::Unreachable { .. } | AcmeError::RateLimited { .. })) => return Err(error),
                Err(error) => tracing::info!(%error, "ordering without naming the certificate that is being renewed"),
                done => return done,
            }
        }
        let new = NewOrder::new(identifiers);
        persist!(self.account.new_order(&new))
    }

    /// The order as the CA knows it now.
    ///
    /// # Errors
    /// `Gone` if the CA doesn't know it, or says that it is not this account's: an account that is
    /// out of use answers the same, but then the next order tells.
    pub(super) async fn load(&self, url: &str) -> Result<Order, AcmeError> {
        let mut unknown = false;
        let loaded = persist!(async {
            let loaded = self.account.order(url.to_owned()).await;
            unknown = matches!(&loaded, Err(Error::Api(said))
                if matches!(said.status, Some(404 | 410)) || problem::name(said) == Some("unauthorized"));
            loaded
        });
        loaded.map_err(|error| if unknown { AcmeError::gone(error.detail()) } else { error })
    }
}

/// RFC 8555 8.3: HTTP proves nothing about the names below one.
fn possible(names: &[CertName], method: Method) -> Result<(), AcmeError> {
    let refused = |name: Option<Hostname>, detail: &str| {
        Err(AcmeError::Refused { name, kind: ProblemKind::RejectedIdentifier, detail: detail.into() })
    };
    match names.iter().find(|name| name.wildcard && method == Method::Http01) {
        Some(name) => refused(Some(name.host.clone()), "a wildcard can only be proven by DNS"),
        None if names.is_empty() => refused(None, "no names were given"),
        None => Ok(()),
    }
}

/// Where only one name was ordered, a refusal that names none is about it.
fn only_name(mut error: AcmeError, names: &[CertName]) -> AcmeError {
    if let (AcmeError::Refused { name: name @ None, .. }, [only]) = (&mut error, names) {
        *name = Some(only.host.clone());
    }
    error
}

/// What the CA knows about one name of an order.
pub(super) struct Authorization {
    pub(super) name: CertName,
    pub(super) status: AuthorizationStatus,
    /// Why it was refused.
    pub(super) problem: Option<Problem>,
    /// The ways to prove it, with their tokens.
    offers: Vec<(Method, String)>,
}

impl Authorization {
    fn read(state: &AuthorizationState) -> Result<Self, AcmeError> {
        let known = state.identifier();
        let Identifier::Dns(text) = known.identifier else {
            return Err(AcmeError::garbage(format!("an authorization for {known}, which nobody ordered")));
        };
        let host = Hostname::parse(text.trim_start_matches("*."))
            .map_err(|error| AcmeError::garbage(format!("an authorization for an impossible name: {error}")))?;
        let offers = state.challenges.iter().filter_map(|offer| Some((method_of(&offer.r#type)?, offer.token.clone())));
        Ok(Self {
            name: CertName { host, wildcard: known.wildcard },
            status: state.status,
            problem: state.challenges.iter().find_map(|challenge| challenge.error.clone()),
            offers: offers.collect(),
        })
    }

    /// What to put in place for it; nothing if the CA is satisfied already.
    fn challenge(self, method: Method, account: &Account) -> Result<Option<Challenge>, AcmeError> {
        match self.status {
            AuthorizationStatus::Valid => return Ok(None),
            AuthorizationStatus::Pending => (),
            other => return Err(AcmeError::gone(format!("the authorization for {} is {other:?} already", self.name))),
        }
        let Some((_, token)) = self.offers.into_iter().find(|(offered, _)| *offered == method) else {
            return Err(AcmeError::Refused {
                name: Some(self.name.host),
                kind: ProblemKind::RejectedIdentifier,
                detail: format!("the certificate authority doesn't offer {method:?} for it"),
            });
        };
        // The token becomes part of a path on our edge. RFC 8555 8.3: base64url characters only.
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(AcmeError::garbage(format!("a token for {} with impossible characters", self.name)));
        }
        let body = format!("{token}.{}", account.key_thumbprint());
        let answer = match method {
            Method::Http01 => Answer::Http { path: format!("/.well-known/acme-challenge/{token}"), body },
            Method::Dns01 => Answer::Dns {
                host: self.name.host.clone(),
                value: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes())),
            },
        };
        Ok(Some(Challenge { name: self.name, answer }))
    }
}

/// All authorizations of an order, one at a time: each may need several nonces. Those that were
/// fetched already cost nothing.
pub(super) async fn authorizations(order: &mut Order) -> Result<Vec<Authorization>, AcmeError> {
    let mut found = Vec::new();
    for position in 0..order.state().authorizations.len() {
        found.push(persist!(authorization(order, position))??);
    }
    Ok(found)
}

async fn authorization(order: &mut Order, position: usize) -> Result<Result<Authorization, AcmeError>, Error> {
    let mut all = order.authorizations();
    for _ in 0..position {
        all.next().await.transpose()?;
    }
    match all.next().await {
        Some(next) => next.map(|next| Authorization::read(&next)),
        None => Err(Error::Str("an order that has fewer names than before")),
    }
}

/// The library's name of a method.
pub(super) fn kind_of(method: Method) -> ChallengeType {
    match method {
        Method::Http01 => ChallengeType::Http01,
        Method::Dns01 => ChallengeType::Dns01,
    }
}

fn method_of(kind: &ChallengeType) -> Option<Method> {
    [Method::Http01, Method::Dns01].into_iter().find(|method| kind_of(*method) == *kind)
}

/// Why an order is lost: the verdict about one of its names, or what the order itself says.
pub(super) async fn why_lost(order: &mut Order) -> AcmeError {
    let found = match authorizations(order).await {
        Ok(found) => found,
        Err(error) => return error,
    };
    let refused = found.into_iter().find(|known| known.status == AuthorizationStatus::Invalid);
    match (refused, &order.state().error) {
        (Some(Authorization { name, problem: Some(problem), .. }), _) => problem::verdict(Some(name.host), &problem),
        (_, Some(problem)) => problem::verdict(None, problem),
        (Some(known), None) => AcmeError::gone(format!("the authorization for {} is invalid", known.name)),
        (None, None) => AcmeError::gone("the order is invalid"),
    }
}
