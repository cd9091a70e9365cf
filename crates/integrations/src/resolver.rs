//! Public DNS lookups: a name's addresses, the aliases on the way, and its texts.
//!
//! Nothing is cached: the caller has just changed something, or asked a customer to. Every lookup ends
//! within [`LOOKUP_TIMEOUT`], and the number of records is limited.

mod aliases;
mod fixed;
mod query;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    lookup::Lookup,
    net::runtime::TokioRuntimeProvider,
    proto::rr::{RData, RecordType},
    system_conf,
};
use stoa_model::host::Hostname;
use stoa_provider::dns::RecordName;

pub use self::fixed::FixedAnswers;
use self::query::{Answer, QueryFailure, absence, disable_cache, is_answered_unchecked, query, query_family, server};

/// The time limit of one lookup.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// No more addresses or texts of one name are read; honest names have far fewer.
const MAX_RECORDS: usize = 64;

/// A client of recursive name servers. Cheap to clone.
#[derive(Clone)]
pub struct Resolver {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Servers(Box<TokioResolver>, Vec<SocketAddr>),
    Fixed(FixedAnswers),
}

/// What a name resolves to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The addresses, sorted; empty if the name or its addresses do not exist.
    pub list: Vec<IpAddr>,
    /// The targets of the CNAME records on the way, first to last. Names that can't be hostnames, such
    /// as ones with underscores, are left out.
    pub via: Vec<Hostname>,
}

/// Why a lookup failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The aliases form a loop. Only the name's owner can fix it.
    #[error("looking up {name}: its CNAME records form a loop ({})", list(.via))]
    Loop {
        /// The name.
        name: String,
        /// The loop, as far as it was followed.
        via: Vec<Hostname>,
    },
    /// No server gave an answer. A later attempt may work.
    #[error("looking up {name}: {reason}")]
    Unavailable {
        /// The name.
        name: String,
        /// What happened and what to do, for the operator.
        reason: String,
        /// Whose fault it is.
        cause: Cause,
    },
}

/// Why no server gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Signatures of the zone are invalid, as there is an answer when they are not checked.
    Dnssec,
    /// Servers fail (SERVFAIL).
    Failing,
    /// Servers refuse to answer (REFUSED).
    Refused,
    /// No server answers, or none can be reached.
    Silent,
}

impl ResolveError {
    /// What happened and what to do, for the name's owner: the end of a sentence, after a colon and without a full stop.
    pub fn owner_text(&self) -> &'static str {
        match self {
            Self::Loop { .. } => "its aliases (CNAME records) form a loop",
            Self::Unavailable { cause: Cause::Dnssec, .. } => {
                "its DNSSEC signatures are invalid, so its records are not accepted; let your domain provider sign the \
                 zone again, or remove its DS record there"
            }
            Self::Unavailable { cause: Cause::Failing, .. } => {
                "its zone is broken (its name servers answer SERVFAIL); ask your domain provider"
            }
            Self::Unavailable { cause: Cause::Refused, .. } => {
                "its name servers refuse to answer (REFUSED), as servers do that don't have the zone; ask your domain \
                 provider"
            }
            Self::Unavailable { cause: Cause::Silent, .. } => {
                "its name servers do not answer; wait a little, or ask your domain provider"
            }
        }
    }
}

fn list(via: &[Hostname]) -> String {
    via.iter().map(Hostname::as_str).collect::<Vec<_>>().join(" → ")
}

impl Resolver {
    /// Uses the name servers of this machine (`/etc/resolv.conf`), but neither its hosts file nor its
    /// search domains.
    ///
    /// # Errors
    /// If the system's configuration can't be read or names no server.
    pub fn system() -> Result<Self, String> {
        let (config, _) = system_conf::read_system_conf()
            .map_err(|error| format!("reading the name servers of this machine (/etc/resolv.conf): {error}"))?;
        Self::build(config.name_servers().to_vec())
    }

    /// Uses these servers, over UDP and, where a response does not fit, TCP.
    ///
    /// # Errors
    /// If there are none.
    pub fn with_servers(servers: Vec<SocketAddr>) -> Result<Self, String> {
        Self::build(servers.into_iter().map(server).collect())
    }

    /// For tests: answers from a map that can be changed at any time.
    pub fn fixed(answers: FixedAnswers) -> Self {
        Self { source: Source::Fixed(answers) }
    }

    fn build(servers: Vec<NameServerConfig>) -> Result<Self, String> {
        if servers.is_empty() {
            return Err("no name server is configured; add one to the configuration or to /etc/resolv.conf".into());
        }
        let address = |server: &NameServerConfig| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            SocketAddr::new(server.ip, port)
        };
        let addresses = servers.iter().map(address).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        disable_cache(builder.options_mut());
        let resolver = builder.build().map_err(|error| format!("preparing the DNS client: {error}"))?;
        Ok(Self { source: Source::Servers(Box::new(resolver), addresses) })
    }

    /// Looks up the addresses of both families, following aliases. If the lookup of one family fails, the
    /// other one is the answer: certificate authorities do the same, and many broken servers fail for the
    /// family that they have no records of.
    ///
    /// # Errors
    /// If the aliases form a loop, or no server gave an answer. A missing name is no error.
    pub async fn addresses(&self, host: &Hostname) -> Result<Addresses, ResolveError> {
        let (resolver, servers) = match &self.source {
            Source::Fixed(answers) => return answers.addresses(host).await,
            Source::Servers(resolver, servers) => (resolver, servers),
        };
        with_timeout(host.as_str(), async {
            let (v4, v6) = tokio::join!(
                query_family(resolver, host, RecordType::A),
                query_family(resolver, host, RecordType::AAAA)
            );
            let (lookups, failure) = combine(v4, v6);
            let answered = lookups.iter().flatten().find(|lookup| addresses_in(lookup).next().is_some());
            match failure {
                Some(QueryFailure { reason, .. }) if answered.is_some() => {
                    tracing::info!(%host, reason, "only one family of a name's addresses could be looked up");
                }
                // A loop looks like any other failure; only following it step by step shows it.
                Some(failure) => {
                    return Err(match aliases::follow(resolver, host).await {
                        Err(error @ ResolveError::Loop { .. }) => error,
                        _ => unavailable(servers, host.as_str(), RecordType::A, failure).await,
                    });
                }
                None => {}
            }
            let mut list = lookups.iter().flatten().flat_map(addresses_in).collect::<Vec<_>>();
            list.sort_unstable();
            list.dedup();
            list.truncate(MAX_RECORDS);
            let via = match answered {
                Some(lookup) => aliases::of_answer(lookup, host),
                None => aliases::follow(resolver, host).await?,
            };
            Ok(Addresses { list, via })
        })
        .await
    }

    /// How much longer name servers may answer that a name has no texts, although it has some by now: a name server may
    /// remember what did not exist for as long as the zone says. `None` if that is unknown.
    pub async fn text_absence(&self, name: &RecordName) -> Option<Duration> {
        match &self.source {
            Source::Fixed(answers) => answers.absence(name),
            Source::Servers(resolver, _) => {
                tokio::time::timeout(LOOKUP_TIMEOUT, absence(resolver, name, RecordType::TXT)).await.ok().flatten()
            }
        }
    }

    /// Looks up the texts of a name, following aliases. The strings of one record are joined. At most 64.
    ///
    /// # Errors
    /// If no server gave an answer. Missing texts are no error.
    pub async fn texts(&self, name: &RecordName) -> Result<Vec<String>, ResolveError> {
        let (resolver, servers) = match &self.source {
            Source::Fixed(answers) => return answers.texts(name),
            Source::Servers(resolver, servers) => (resolver, servers),
        };
        with_timeout(name.as_str(), async {
            let lookup = match query(resolver, name, RecordType::TXT).await {
                Ok(lookup) => lookup,
                Err(failure) => return Err(unavailable(servers, name.as_str(), RecordType::TXT, failure).await),
            };
            let records = lookup.iter().flat_map(|lookup| lookup.answers());
            let texts = records.filter_map(|record| match &record.data {
                RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
                _ => None,
            });
            Ok(texts.take(MAX_RECORDS).collect())
        })
        .await
    }
}

/// The error of a failed lookup.
async fn unavailable(
    servers: &[SocketAddr],
    name: &str,
    kind: RecordType,
    QueryFailure { cause, mut reason }: QueryFailure,
) -> ResolveError {
    let is_dnssec = cause == Cause::Failing && is_answered_unchecked(servers, name, kind).await;
    if is_dnssec {
        reason.push_str("; without checks of signatures they have an answer, so DNSSEC is the cause");
    }
    ResolveError::Unavailable { name: name.to_owned(), reason, cause: if is_dnssec { Cause::Dnssec } else { cause } }
}

/// The answers about both families, and why one is missing.
fn combine(v4: Answer, v6: Answer) -> ([Option<Lookup>; 2], Option<QueryFailure>) {
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => ([v4, v6], None),
        (Ok(answer), Err(reason)) | (Err(reason), Ok(answer)) => ([answer, None], Some(reason)),
        (Err(reason), Err(_)) => ([None, None], Some(reason)),
    }
}

async fn with_timeout<T>(name: &str, work: impl Future<Output = Result<T, ResolveError>>) -> Result<T, ResolveError> {
    tokio::time::timeout(LOOKUP_TIMEOUT, work).await.unwrap_or_else(|_| {
        let QueryFailure { cause, reason } = QueryFailure::silence(LOOKUP_TIMEOUT.as_secs());
        Err(ResolveError::Unavailable { name: name.to_owned(), reason, cause })
    })
}

fn addresses_in(lookup: &Lookup) -> impl Iterator<Item = IpAddr> + '_ {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr())
}
