//! Updates to a name server (RFC 2136), signed with a shared key (RFC 8945).
//!
//! A set is replaced in *one* message: "no records of this name and kind" followed by the new ones.
//! The server does all of it or nothing (RFC 2136 3.7), in this order, so nobody ever sees the gap.
//! Answers count only with a signature of the same key; errors about the key itself can't have one
//! (RFC 8945 5.3.2).

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode, UpdateMessage as _},
    rr::{
        DNSClass, Name, RData, Record, RecordType, TSigVerifier, TSigner,
        rdata::{
            TXT,
            tsig::{TsigAlgorithm as Algorithm, TsigError},
        },
    },
};
use jiff::Timestamp;
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
};
use stoa_provider::dns::RecordKind;

use super::{Change, Transport, TsigAlgorithm, Vendor, error::Fault, wire};

/// How far the clocks of both sides may differ, in seconds (RFC 8945 10).
const FUDGE: u16 = 300;

/// A name server that takes updates.
pub(super) struct Rfc2136 {
    zone: Name,
    server: SocketAddr,
    transport: Transport,
    signer: TSigner,
}

impl Rfc2136 {
    pub fn new(
        zone: &Hostname,
        server: SocketAddr,
        transport: Transport,
        key: &str,
        algorithm: TsigAlgorithm,
        secret: &SecretString,
    ) -> Result<Self, Fault> {
        let secret = STANDARD.decode(secret.expose_secret().trim()).map_err(|_| {
            Fault::permanent("the secret of the TSIG key is no base64; copy it as keymgr or tsig-keygen printed it")
        })?;
        let algorithm = match algorithm {
            TsigAlgorithm::HmacSha256 => Algorithm::HmacSha256,
            TsigAlgorithm::HmacSha384 => Algorithm::HmacSha384,
            TsigAlgorithm::HmacSha512 => Algorithm::HmacSha512,
        };
        let key = name(key).map_err(|_| Fault::permanent(format!("{key:?} is no name of a TSIG key")))?;
        let signer = TSigner::new(secret, algorithm, key, FUDGE)
            .map_err(|error| Fault::permanent(format!("the TSIG key can't be used: {error}")))?;
        Ok(Self { zone: name(zone.as_str())?, server, transport, signer })
    }

    /// The update as a message, not yet signed.
    fn message(&self, change: &Change<'_>) -> Result<Message, Fault> {
        let owner = name(change.name.as_str())?;
        let kind = kind(change.kind);
        let mut zone = Query::new();
        zone.set_name(self.zone.clone()).set_query_class(DNSClass::IN).set_query_type(RecordType::SOA);
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        message.metadata.recursion_desired = false;
        message.add_zone(zone);
        // "Delete an RRset": class ANY, no time, no data (RFC 2136 2.5.2).
        let mut none = Record::update0(owner.clone(), 0, kind);
        none.dns_class = DNSClass::ANY;
        message.add_update(none);
        if !change.contents.is_empty() {
            // Next to an alias nothing else can be, and a server would leave it out without a word
            // (RFC 2136 3.4.2.2): "there is no CNAME" is asked for first (2.4.3).
            let mut no_alias = Record::update0(owner.clone(), 0, RecordType::CNAME);
            no_alias.dns_class = DNSClass::NONE;
            message.add_pre_requisite(no_alias);
        }
        for content in &change.contents {
            message.add_update(Record::from_rdata(owner.clone(), change.ttl, data(change.kind, content)?));
        }
        Ok(message)
    }

    /// Reads the answer to a signed update.
    fn judge(&self, answer: &[u8], mut verifier: TSigVerifier) -> Result<(), Fault> {
        let Ok(message) = Message::from_vec(answer) else {
            return Err(Fault::transient(format!("{} answered with something that is no DNS message", self.server)));
        };
        if message.metadata.message_type != MessageType::Response || message.metadata.op_code != OpCode::Update {
            return Err(Fault::transient(format!("{} answered with something that is no answer to it", self.server)));
        }
        if let Some(error) = message.signature().and_then(|tsig| tsig.data.error.as_ref()) {
            return Err(self.bad_signature(error));
        }
        let code = message.metadata.response_code;
        if message.signature().is_none() && code != ResponseCode::NoError {
            return Err(self.refusal(code));
        }
        if let Err(error) = verifier.verify(answer) {
            let server = self.server;
            return Err(Fault::transient(format!(
                "the answer of {server} is not signed with the same key ({error}), so it may be of somebody else"
            )));
        }
        if code == ResponseCode::NoError { Ok(()) } else { Err(self.refusal(code)) }
    }

    /// The server could not accept the signature (RFC 8945 5.2).
    fn bad_signature(&self, error: &TsigError) -> Fault {
        let (server, key) = (self.server, self.signer.signer_name());
        match error {
            TsigError::BadKey => Fault::permanent(format!(
                "{server} does not know the TSIG key {key} with this algorithm, or lets it change nothing (BADKEY); \
                 give both sides the same name and algorithm, and the key its rights"
            )),
            TsigError::BadSig => Fault::permanent(format!(
                "{server} has another secret for the TSIG key {key} (BADSIG); give both sides the same secret"
            )),
            TsigError::BadTime => Fault::transient(format!(
                "the clocks of this machine and {server} differ by more than {FUDGE} seconds (BADTIME); set them right"
            )),
            other => Fault::permanent(format!("{server} refused the signature of the TSIG key {key} ({other:?})")),
        }
    }

    /// The server understood and did nothing (RFC 2136 2.2).
    fn refusal(&self, code: ResponseCode) -> Fault {
        let (server, zone, key) = (self.server, &self.zone, self.signer.signer_name());
        match code {
            ResponseCode::Refused => Fault::permanent(format!(
                "{server} does not let the TSIG key {key} change the zone {zone} (REFUSED); allow it there, see docs/dns.md"
            )),
            ResponseCode::NotAuth => Fault::permanent(format!(
                "{server} is not the primary server of the zone {zone} (NOTAUTH); ask the one that is"
            )),
            ResponseCode::NotZone => {
                Fault::permanent(format!("{server} keeps that name in another zone than {zone} (NOTZONE)"))
            }
            ResponseCode::YXRRSet => {
                Fault::permanent("that name has a CNAME record, next to which nothing else can be; remove it first")
            }
            ResponseCode::ServFail => {
                Fault::transient(format!("{server} failed (SERVFAIL); if it goes on doing so, its log says why"))
            }
            other => Fault::permanent(format!("{server} answered {other}")),
        }
    }
}

#[async_trait]
impl Vendor for Rfc2136 {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Fault> {
        let mut message = self.message(change)?;
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let unsigned = |error: String| Fault::permanent(format!("the update can't be signed: {error}"));
        let verifier = message.finalize(&self.signer, now).map_err(|error| unsigned(error.to_string()))?;
        let verifier = verifier.ok_or_else(|| unsigned("no signature came out".into()))?;
        let bytes =
            message.to_vec().map_err(|error| Fault::permanent(format!("the update can't be built: {error}")))?;
        let answer = wire::exchange(self.server, self.transport, &bytes).await?;
        self.judge(&answer, verifier)
    }
}

fn name(text: &str) -> Result<Name, Fault> {
    let mut name =
        Name::from_ascii(text).map_err(|error| Fault::permanent(format!("{text} is no DNS name: {error}")))?;
    name.set_fqdn(true);
    Ok(name)
}

const fn kind(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Txt => RecordType::TXT,
    }
}

fn data(kind: RecordKind, content: &str) -> Result<RData, Fault> {
    let address = || content.parse().map_err(|_| Fault::permanent(format!("{content} is no address")));
    Ok(match kind {
        RecordKind::Txt => RData::TXT(TXT::new(vec![content.to_owned()])),
        RecordKind::A | RecordKind::Aaaa => match address()? {
            IpAddr::V4(ip) => RData::A(ip.into()),
            IpAddr::V6(ip) => RData::AAAA(ip.into()),
        },
    })
}
