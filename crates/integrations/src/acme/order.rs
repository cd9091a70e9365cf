//! Orders (RFC 8555 7.4) and their authorizations (7.5).

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
    /// Orders a certificate for these names, and returns how to prove that they are ours.
    ///
    /// `replaces` is the PEM chain that is being renewed: a CA with renewal information (RFC 9773 5)
    /// then exempts the order from rate limits. If the CA refuses it, the order is placed without it.
    ///
    /// # Errors
    /// Any kind but `Gone`. A wildcard over HTTP is `Refused` before anything is sent.
    pub async fn order(
        &self,
        names: &[CertName],
        method: Method,
        replaces: Option<&str>,
    ) -> Result<Ordered, AcmeError> {
        let doing = format!("ordering a certificate for {}", list(names));
        within(self.patience, &doing, async {
            check_names(names, method)?;
            let identifiers: Vec<_> = names.iter().map(|name| Identifier::Dns(name.to_string())).collect();
            let mut order = self.place(&identifiers, replaces).await.map_err(|error| with_only_name(error, names))?;
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

    /// The current state of the order.
    ///
    /// # Errors
    /// `Gone` if the CA doesn't know it or says that it belongs to another account. A deactivated account
    /// gets the same response; then the next order fails with `Account`.
    pub(super) async fn load(&self, url: &str) -> Result<Order, AcmeError> {
        let mut unknown = false;
        let loaded = persist!(async {
            let loaded = self.account.order(url.to_owned()).await;
            unknown = matches!(&loaded, Err(Error::Api(problem))
                if matches!(problem.status, Some(404 | 410)) || problem::name(problem) == Some("unauthorized"));
            loaded
        });
        loaded.map_err(|error| if unknown { AcmeError::gone(error.detail()) } else { error })
    }
}

/// HTTP can't prove a wildcard (RFC 8555 8.3).
fn check_names(names: &[CertName], method: Method) -> Result<(), AcmeError> {
    let refused = |name: Option<Hostname>, detail: &str| {
        Err(AcmeError::Refused { name, kind: ProblemKind::RejectedIdentifier, detail: detail.into() })
    };
    match names.iter().find(|name| name.wildcard && method == Method::Http01) {
        Some(name) => refused(Some(name.host.clone()), "a wildcard can only be verified by DNS"),
        None if names.is_empty() => refused(None, "no names were given"),
        None => Ok(()),
    }
}

/// If only one name was ordered, a refusal without a name is about that one.
fn with_only_name(mut error: AcmeError, names: &[CertName]) -> AcmeError {
    if let (AcmeError::Refused { name: name @ None, .. }, [only]) = (&mut error, names) {
        *name = Some(only.host.clone());
    }
    error
}

/// The state of one name of an order.
pub(super) struct Authorization {
    pub(super) name: CertName,
    pub(super) status: AuthorizationStatus,
    /// Why it was refused.
    pub(super) problem: Option<Problem>,
    /// The methods that the CA offers, with their tokens.
    offers: Vec<(Method, String)>,
}

impl Authorization {
    fn read(state: &AuthorizationState) -> Result<Self, AcmeError> {
        let known = state.identifier();
        let Identifier::Dns(text) = known.identifier else {
            return Err(AcmeError::garbage(format!("an authorization for {known}, which was not ordered")));
        };
        let host = Hostname::parse(text.trim_start_matches("*."))
            .map_err(|error| AcmeError::garbage(format!("an authorization for an invalid name: {error}")))?;
        let offers = state.challenges.iter().filter_map(|offer| Some((method_of(&offer.r#type)?, offer.token.clone())));
        Ok(Self {
            name: CertName { host, wildcard: known.wildcard },
            status: state.status,
            problem: state.challenges.iter().find_map(|challenge| challenge.error.clone()),
            offers: offers.collect(),
        })
    }

    /// What to put in place for it; `None` if the name is proven already.
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
        // The token becomes part of a path on our edge; it may have base64url characters only (RFC 8555 8.3).
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(AcmeError::garbage(format!("a token for {} with invalid characters", self.name)));
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

/// All authorizations of an order, one at a time because each may need several nonces. The library
/// fetches each only once.
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
        None => Err(Error::Str("an order with fewer names than before")),
    }
}

/// The library's name of a method.
pub(super) fn challenge_type(method: Method) -> ChallengeType {
    match method {
        Method::Http01 => ChallengeType::Http01,
        Method::Dns01 => ChallengeType::Dns01,
    }
}

fn method_of(kind: &ChallengeType) -> Option<Method> {
    [Method::Http01, Method::Dns01].into_iter().find(|method| challenge_type(*method) == *kind)
}

/// Why an order is lost: the problem of one of its names, or that of the order itself.
pub(super) async fn loss_reason(order: &mut Order) -> AcmeError {
    let found = match authorizations(order).await {
        Ok(found) => found,
        Err(error) => return error,
    };
    let refused = found.into_iter().find(|known| known.status == AuthorizationStatus::Invalid);
    match (refused, &order.state().error) {
        (Some(Authorization { name, problem: Some(problem), .. }), _) => problem::refusal(Some(name.host), &problem),
        (_, Some(problem)) => problem::refusal(None, problem),
        (Some(known), None) => AcmeError::gone(format!("the authorization for {} is invalid", known.name)),
        (None, None) => AcmeError::gone("the order is invalid"),
    }
}
