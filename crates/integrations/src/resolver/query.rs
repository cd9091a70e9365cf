//! One question to name servers, and what their failures mean.

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

/// The longest that one family's addresses are waited for: less than [`PATIENCE`](super::PATIENCE), so
/// that silence about one leaves time to take the other's.
const FAMILY_PATIENCE: Duration = Duration::from_secs(4);

/// An answer: nothing there is no lookup, errors are words.
pub(super) type Told = Result<Option<Lookup>, String>;

/// A server at an address, over both transports.
pub(super) fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

/// Every question is asked anew, and soon given up.
pub(super) fn fresh(options: &mut ResolverOpts) {
    options.cache_size = 0;
    options.positive_max_ttl = Some(Duration::ZERO);
    options.negative_max_ttl = Some(Duration::ZERO);
    options.use_hosts_file = ResolveHosts::Never;
    options.preserve_intermediates = true;
    options.timeout = Duration::from_secs(2);
    options.attempts = 1;
}

/// Asks for one kind of records.
pub(super) async fn ask(resolver: &TokioResolver, name: &impl ToString, kind: RecordType) -> Told {
    let mut name = Name::from_ascii(name.to_string()).map_err(|error| format!("it is no DNS name: {error}"))?;
    // With the dot at its end no search domain is tried.
    name.set_fqdn(true);
    match resolver.lookup(name, kind).await {
        Ok(lookup) => Ok(Some(lookup)),
        Err(error) if error.is_no_records_found() => Ok(None),
        Err(error) => Err(words(&error)),
    }
}

/// Asks for the addresses of one family, and gives it up in time for the other's.
pub(super) async fn family(resolver: &TokioResolver, name: &impl ToString, kind: RecordType) -> Told {
    let late = |_| Err(format!("no name server answered within {} seconds", FAMILY_PATIENCE.as_secs()));
    tokio::time::timeout(FAMILY_PATIENCE, ask(resolver, name, kind)).await.unwrap_or_else(late)
}

fn words(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => {
            "the name servers answer with a failure (SERVFAIL): the zone is broken, for instance its DNSSEC signatures \
             do not fit, or its own servers are down; its owner must mend it"
                .into()
        }
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => {
            "the name servers refuse to answer for it (REFUSED): the zone is delegated to servers that do not have it, \
             or the configured resolver does not serve this machine"
                .into()
        }
        NetError::Timeout => "no name server answered in time; try again later".into(),
        other => format!("no name server could be asked ({other}); try again later"),
    }
}
