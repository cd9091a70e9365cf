//! One query to the name servers, and what their failures mean.

use std::{net::SocketAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, NoRecords},
    proto::{
        op::{Message, Query, ResponseCode},
        rr::{Name, RecordType},
    },
};

use super::Cause;
use crate::dns::wire::by_datagram;

/// Shorter than [`LOOKUP_TIMEOUT`](super::LOOKUP_TIMEOUT), so that silence about one family leaves time
/// to use the other.
const FAMILY_TIMEOUT: Duration = Duration::from_secs(4);

/// Of one question without checks of signatures.
const UNCHECKED_TIMEOUT: Duration = Duration::from_secs(1);

/// `None` if there are no such records.
pub(super) type Answer = Result<Option<Lookup>, QueryFailure>;

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(super) struct QueryFailure {
    pub cause: Cause,
    /// For the operator.
    pub reason: String,
}

impl QueryFailure {
    pub fn silence(seconds: u64) -> Self {
        Self { cause: Cause::Silent, reason: format!("no name server answered within {seconds} seconds") }
    }
}

/// The configuration of a server, over UDP and TCP.
pub(super) fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

/// Nothing is cached, and a silent server is given up soon.
pub(super) fn disable_cache(options: &mut ResolverOpts) {
    options.cache_size = 0;
    options.positive_max_ttl = Some(Duration::ZERO);
    options.negative_max_ttl = Some(Duration::ZERO);
    options.use_hosts_file = ResolveHosts::Never;
    options.preserve_intermediates = true;
    options.timeout = Duration::from_secs(2);
    options.attempts = 1;
}

/// Queries one kind of records.
pub(super) async fn query(resolver: &TokioResolver, name: &impl ToString, kind: RecordType) -> Answer {
    match resolver.lookup(parse_name(name)?, kind).await {
        Ok(lookup) => Ok(Some(lookup)),
        Err(error) if error.is_no_records_found() => Ok(None),
        Err(error) => Err(failure(&error)),
    }
}

/// How long name servers may keep answering that there are no such records (RFC 2308 5); `None` if there are some, or
/// the answer does not say.
pub(super) async fn absence(resolver: &TokioResolver, name: &impl ToString, kind: RecordType) -> Option<Duration> {
    match resolver.lookup(parse_name(name).ok()?, kind).await {
        Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { soa: Some(soa), .. }))) => {
            // A caching server counts the TTL down.
            Some(Duration::from_secs(soa.ttl.min(soa.data.minimum).into()))
        }
        _ => None,
    }
}

/// Whether a failure is due to DNSSEC: one of these servers has an answer if it need not check the signatures
/// (RFC 4035 3.2.2).
pub(super) async fn is_answered_unchecked(servers: &[SocketAddr], name: &str, kind: RecordType) -> bool {
    let Ok(name) = parse_name(&name) else { return false };
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.metadata.checking_disabled = true;
    message.add_query(Query::query(name, kind));
    let Ok(bytes) = message.to_vec() else { return false };
    let Some(server) = servers.first() else { return false };
    let Ok(Ok(answer)) = tokio::time::timeout(UNCHECKED_TIMEOUT, by_datagram(*server, &bytes)).await else {
        return false;
    };
    let code = Message::from_vec(&answer).map(|answer| answer.metadata.response_code);
    matches!(code, Ok(ResponseCode::NoError | ResponseCode::NXDomain))
}

fn parse_name(name: &impl ToString) -> Result<Name, QueryFailure> {
    let mut name = Name::from_ascii(name.to_string())
        .map_err(|error| QueryFailure { cause: Cause::Silent, reason: format!("it is not a DNS name: {error}") })?;
    // A fully qualified name is not combined with search domains.
    name.set_fqdn(true);
    Ok(name)
}

/// Queries the addresses of one family, within [`FAMILY_TIMEOUT`].
pub(super) async fn query_family(resolver: &TokioResolver, name: &impl ToString, kind: RecordType) -> Answer {
    let late = |_| Err(QueryFailure::silence(FAMILY_TIMEOUT.as_secs()));
    tokio::time::timeout(FAMILY_TIMEOUT, query(resolver, name, kind)).await.unwrap_or_else(late)
}

fn failure(error: &NetError) -> QueryFailure {
    let (cause, reason) = match error {
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => (
            Cause::Failing,
            "the name servers answer with a failure (SERVFAIL): the zone is broken, for instance its DNSSEC signatures \
             are invalid, or its own servers are down; its owner has to fix it"
                .into(),
        ),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => (
            Cause::Refused,
            "the name servers refuse to answer (REFUSED): the zone is delegated to servers that do not have it, or the \
             configured resolver does not serve this machine"
                .into(),
        ),
        NetError::Timeout => (Cause::Silent, "no name server answered in time; try again later".into()),
        other => (Cause::Silent, format!("no name server could be queried ({other}); try again later")),
    };
    QueryFailure { cause, reason }
}
