//! One query to the name servers, and what their failures mean.

use std::{net::SocketAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};

/// Shorter than [`LOOKUP_TIMEOUT`](super::LOOKUP_TIMEOUT), so that silence about one family leaves time
/// to use the other.
const FAMILY_TIMEOUT: Duration = Duration::from_secs(4);

/// `None` if there are no such records; an error is a text for the operator.
pub(super) type Answer = Result<Option<Lookup>, String>;

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
    let mut name = Name::from_ascii(name.to_string()).map_err(|error| format!("it is not a DNS name: {error}"))?;
    // A fully qualified name is not combined with search domains.
    name.set_fqdn(true);
    match resolver.lookup(name, kind).await {
        Ok(lookup) => Ok(Some(lookup)),
        Err(error) if error.is_no_records_found() => Ok(None),
        Err(error) => Err(failure_text(&error)),
    }
}

/// Queries the addresses of one family, within [`FAMILY_TIMEOUT`].
pub(super) async fn query_family(resolver: &TokioResolver, name: &impl ToString, kind: RecordType) -> Answer {
    let late = |_| Err(format!("no name server answered within {} seconds", FAMILY_TIMEOUT.as_secs()));
    tokio::time::timeout(FAMILY_TIMEOUT, query(resolver, name, kind)).await.unwrap_or_else(late)
}

fn failure_text(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => {
            "the name servers answer with a failure (SERVFAIL): the zone is broken, for instance its DNSSEC signatures \
             are invalid, or its own servers are down; its owner has to fix it"
                .into()
        }
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => {
            "the name servers refuse to answer (REFUSED): the zone is delegated to servers that do not have it, or the \
             configured resolver does not serve this machine"
                .into()
        }
        NetError::Timeout => "no name server answered in time; try again later".into(),
        other => format!("no name server could be queried ({other}); try again later"),
    }
}
