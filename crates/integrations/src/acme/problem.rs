//! Translates the ACME library's errors and the CA's problem documents (RFC 8555 6.7) to [`AcmeError`].

use instant_acme::{Error, Identifier, Problem};
use stoa_model::host::Hostname;

use super::{AcmeError, ProblemKind};

/// How often a request is made while the CA refuses its nonce (RFC 8555 6.5). The library tries three
/// times; if every second nonce is refused, one request in eight still fails, and an order takes ten.
const MAX_ROUNDS: u32 = 6;

/// Repeats a request until the CA accepts its nonce; the expression is evaluated once per round. A macro
/// because the compiler can't see that the future of an async closure is [`Send`].
macro_rules! persist {
    ($request:expr) => {{
        let mut rounds = $crate::acme::problem::Rounds::default();
        loop {
            if let Some(outcome) = rounds.outcome($request.await) {
                break outcome;
            }
        }
    }};
}
pub(super) use persist;

/// Counts the rounds of one request.
#[derive(Default)]
pub(super) struct Rounds(u32);

impl Rounds {
    /// The outcome of the request, or `None` if it deserves another round.
    pub(super) fn outcome<T>(&mut self, outcome: Result<T, Error>) -> Option<Result<T, AcmeError>> {
        self.0 += 1;
        match outcome {
            Err(Error::Api(problem)) if name(&problem) == Some("badNonce") && self.0 < MAX_ROUNDS => None,
            other => Some(other.map_err(from_library)),
        }
    }
}

/// The meaning of a library error.
pub(super) fn from_library(error: Error) -> AcmeError {
    match error {
        Error::Api(problem) => from_response(&problem),
        Error::Other(inner) => match inner.downcast::<AcmeError>() {
            Ok(error) => *error,
            Err(other) => AcmeError::garbage(other.to_string()),
        },
        Error::Timeout(_) => AcmeError::unreachable("the certificate authority has not decided in time"),
        Error::Crypto | Error::KeyRejected => AcmeError::local(format!("using the account's key: {error}")),
        other => AcmeError::garbage(other.to_string()),
    }
}

/// The meaning of a problem in response to a request.
pub(super) fn from_response(problem: &Problem) -> AcmeError {
    let detail = text(problem);
    match name(problem) {
        Some(
            "accountDoesNotExist"
            | "externalAccountRequired"
            | "userActionRequired"
            | "invalidContact"
            | "unsupportedContact"
            | "badPublicKey"
            | "badSignatureAlgorithm"
            | "unauthorized",
        ) => AcmeError::Account { detail },
        Some("rateLimited") => AcmeError::RateLimited { retry_after: None, detail },
        Some("serverInternal" | "badNonce") => AcmeError::Unreachable { detail },
        Some(_) => refusal(None, problem),
        None => AcmeError::Garbage { detail },
    }
}

/// The meaning of a problem of an authorization: here `unauthorized` is about the name, not about the
/// account.
pub(super) fn refusal(name: Option<Hostname>, problem: &Problem) -> AcmeError {
    let part = problem.subproblems.first();
    let about = part.and_then(|part| match part.identifier.as_ref()? {
        Identifier::Dns(name) => Hostname::parse(name.trim_start_matches("*.")).ok(),
        _ => None,
    });
    // `compound` only says that the reasons are in the subproblems.
    let kind = match self::name(problem) {
        None | Some("compound") => part.and_then(|part| last_part(part.r#type.as_deref())),
        name => name,
    };
    AcmeError::Refused {
        name: name.or(about),
        kind: ProblemKind::named(kind.unwrap_or("unknown")),
        detail: text(problem),
    }
}

/// The problem's type without the prefix; `None` if it is not a type of ACME.
pub(super) fn name(problem: &Problem) -> Option<&str> {
    last_part(problem.r#type.as_deref())
}

fn last_part(kind: Option<&str>) -> Option<&str> {
    kind?.strip_prefix(ProblemKind::PREFIX)
}

/// The CA's explanation on one line of at most 1000 characters, with those about single names.
pub(super) fn text(problem: &Problem) -> String {
    let mut texts = vec![problem.detail.as_deref().unwrap_or("(no explanation)")];
    texts.extend(problem.subproblems.iter().filter_map(|part| part.detail.as_deref()));
    let line = texts.join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(1000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str) -> Problem {
        serde_json::from_value(serde_json::json!({ "type": format!("{}{kind}", ProblemKind::PREFIX), "detail": "so" }))
            .expect("a problem")
    }

    #[test]
    fn unauthorized_is_about_the_account_or_about_a_name() {
        let host = Hostname::parse("shop.example").expect("a host");
        assert!(matches!(from_response(&problem("unauthorized")), AcmeError::Account { .. }));
        assert_eq!(
            refusal(Some(host.clone()), &problem("unauthorized")),
            AcmeError::Refused { name: Some(host), kind: ProblemKind::Unauthorized, detail: "so".into() }
        );
    }

    #[test]
    fn a_compound_problem_takes_its_kind_from_its_parts() {
        let compound: Problem = serde_json::from_value(serde_json::json!({
            "type": "urn:ietf:params:acme:error:compound",
            "detail": "Some of the identifiers\nwere rejected",
            "subproblems": [{
                "type": "urn:ietf:params:acme:error:caa",
                "detail": "CAA forbids it",
                "identifier": { "type": "dns", "value": "*.shop.example" }
            }]
        }))
        .expect("a problem");
        assert_eq!(
            from_response(&compound),
            AcmeError::Refused {
                name: Hostname::parse("shop.example").ok(),
                kind: ProblemKind::Caa,
                detail: "Some of the identifiers were rejected; CAA forbids it".into(),
            }
        );
    }

    #[tokio::test]
    async fn a_ca_that_refuses_every_nonce_is_given_up() {
        let mut asked = 0;
        let outcome = persist!(async {
            asked += 1;
            Err::<(), _>(Error::Api(problem("badNonce")))
        });
        assert!(outcome.is_err_and(|error| error.is_transient()));
        assert_eq!(asked, MAX_ROUNDS);
    }
}
