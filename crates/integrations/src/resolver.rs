//! What the rest of the world sees under a name: its addresses, the aliases on the way, its texts.
//!
//! Nothing is remembered: whoever asks has just changed something, or told a customer to. Every
//! question ends within [`PATIENCE`], and answers are cut to a sane size.

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
use self::query::{Told, ask, family, fresh, server};

/// The longest that a question may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How many addresses or texts of one name are looked at; honest names have far less.
const MOST: usize = 64;

/// Asks name servers. Cheap to clone.
#[derive(Clone)]
pub struct Resolver {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Servers(Box<TokioResolver>),
    Fixed(FixedAnswers),
}

/// Where a name leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Its addresses, sorted; none if the name or its addresses do not exist.
    pub list: Vec<IpAddr>,
    /// The aliases (CNAME) on the way, first to last: not the name itself, but the last one's target.
    /// Names that could be no host's, such as ones with underscores, are left out.
    pub via: Vec<Hostname>,
}

/// Why it is not known where a name leads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Its aliases lead back to themselves, so it leads nowhere until its owner changes them.
    #[error("looking up {name}: its CNAME records go round in a circle ({})", list(.via))]
    Loop {
        /// Which name.
        name: String,
        /// The circle, as far as it was followed.
        via: Vec<Hostname>,
    },
    /// No server could tell; it may be able to later.
    #[error("looking up {name}: {reason}")]
    Unavailable {
        /// Which name.
        name: String,
        /// What happened and what to do.
        reason: String,
    },
}

fn list(via: &[Hostname]) -> String {
    via.iter().map(Hostname::as_str).collect::<Vec<_>>().join(" → ")
}

impl Resolver {
    /// Asks the servers that this machine asks (`/etc/resolv.conf`), but neither its hosts file nor
    /// its search domains.
    ///
    /// # Errors
    /// If the system's configuration can't be read, in words.
    pub fn system() -> Result<Self, String> {
        let (config, _) = system_conf::read_system_conf()
            .map_err(|error| format!("reading which name servers this machine asks (/etc/resolv.conf): {error}"))?;
        Self::build(config.name_servers().to_vec())
    }

    /// Asks these servers, over UDP and, where an answer does not fit, TCP.
    ///
    /// # Errors
    /// If there are none.
    pub fn with_servers(servers: Vec<SocketAddr>) -> Result<Self, String> {
        Self::build(servers.into_iter().map(server).collect())
    }

    /// Answers from a map that can be changed while this is in use: for tests of what is above.
    pub fn fixed(answers: FixedAnswers) -> Self {
        Self { source: Source::Fixed(answers) }
    }

    fn build(servers: Vec<NameServerConfig>) -> Result<Self, String> {
        if servers.is_empty() {
            return Err("no name server to ask; name one in the configuration or in /etc/resolv.conf".into());
        }
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        fresh(builder.options_mut());
        let resolver = builder.build().map_err(|error| format!("preparing to ask name servers: {error}"))?;
        Ok(Self { source: Source::Servers(Box::new(resolver)) })
    }

    /// Where a name leads: both families of addresses, aliases followed. Where only one family can be
    /// told, its addresses are the answer: authorities come by them too, and many a broken server fails
    /// at the family that it has no records of.
    ///
    /// # Errors
    /// If it leads in a circle, or no server could tell. That there is nothing is no error.
    pub async fn addresses(&self, host: &Hostname) -> Result<Addresses, ResolveError> {
        let resolver = match &self.source {
            Source::Fixed(answers) => return answers.addresses(host).await,
            Source::Servers(resolver) => resolver,
        };
        in_time(host.as_str(), async {
            let (v4, v6) = tokio::join!(family(resolver, host, RecordType::A), family(resolver, host, RecordType::AAAA));
            let (lookups, failure) = told(v4, v6);
            let answered = lookups.iter().flatten().find(|lookup| addresses_in(lookup).next().is_some());
            match failure {
                Some(reason) if answered.is_some() => {
                    tracing::info!(%host, reason, "only one family of a name's addresses could be looked up; it is taken");
                }
                // A circle looks like any failure to who asks for addresses; step by step it shows.
                Some(reason) => {
                    return Err(match aliases::follow(resolver, host).await {
                        Err(circle @ ResolveError::Loop { .. }) => circle,
                        _ => ResolveError::Unavailable { name: host.to_string(), reason },
                    });
                }
                None => {}
            }
            let mut list = lookups.iter().flatten().flat_map(addresses_in).collect::<Vec<_>>();
            list.sort_unstable();
            list.dedup();
            list.truncate(MOST);
            let via = match answered {
                Some(lookup) => aliases::within(lookup, host),
                None => aliases::follow(resolver, host).await?,
            };
            Ok(Addresses { list, via })
        })
        .await
    }

    /// The texts of a name, aliases followed; the strings of one record are put together. At most 64.
    ///
    /// # Errors
    /// If no server could tell. That there are none is no error.
    pub async fn texts(&self, name: &RecordName) -> Result<Vec<String>, ResolveError> {
        let resolver = match &self.source {
            Source::Fixed(answers) => return answers.texts(name),
            Source::Servers(resolver) => resolver,
        };
        in_time(name.as_str(), async {
            let unavailable = |reason| ResolveError::Unavailable { name: name.to_string(), reason };
            let lookup = ask(resolver, name, RecordType::TXT).await.map_err(unavailable)?;
            let records = lookup.iter().flat_map(|lookup| lookup.answers());
            let texts = records.filter_map(|record| match &record.data {
                RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
                _ => None,
            });
            Ok(texts.take(MOST).collect())
        })
        .await
    }
}

/// What was told of both families, and why it was not all.
fn told(v4: Told, v6: Told) -> ([Option<Lookup>; 2], Option<String>) {
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => ([v4, v6], None),
        (Ok(told), Err(reason)) | (Err(reason), Ok(told)) => ([told, None], Some(reason)),
        (Err(reason), Err(_)) => ([None, None], Some(reason)),
    }
}

async fn in_time<T>(name: &str, work: impl Future<Output = Result<T, ResolveError>>) -> Result<T, ResolveError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let reason = format!("no name server answered within {} seconds", PATIENCE.as_secs());
        Err(ResolveError::Unavailable { name: name.to_owned(), reason })
    })
}

fn addresses_in(lookup: &Lookup) -> impl Iterator<Item = IpAddr> + '_ {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr())
}
