//! Updates to a name server (RFC 2136), signed with a shared key (RFC 8945).
//!
//! A set is replaced by *one* message: "delete the RRset", followed by the new records. The server
//! applies all of it or nothing (RFC 2136 3.7), so nobody sees the name without records. Responses
//! count only if the same key signed them; errors about the key itself can't be signed
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

use super::{Backend, Change, Transport, TsigAlgorithm, error::Failure, wire};

/// How far the clocks of both sides may differ (RFC 8945 10).
const FUDGE_SECONDS: u16 = 300;

/// A name server that accepts updates.
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
    ) -> Result<Self, Failure> {
        let secret = STANDARD.decode(secret.expose_secret().trim()).map_err(|_| {
            Failure::permanent("the secret of the TSIG key is not base64; copy it as keymgr or tsig-keygen printed it")
        })?;
        let algorithm = match algorithm {
            TsigAlgorithm::HmacSha256 => Algorithm::HmacSha256,
            TsigAlgorithm::HmacSha384 => Algorithm::HmacSha384,
            TsigAlgorithm::HmacSha512 => Algorithm::HmacSha512,
        };
        let key = name(key).map_err(|_| Failure::permanent(format!("{key:?} is not a valid name of a TSIG key")))?;
        let signer = TSigner::new(secret, algorithm, key, FUDGE_SECONDS)
            .map_err(|error| Failure::permanent(format!("the TSIG key can't be used: {error}")))?;
        Ok(Self { zone: name(zone.as_str())?, server, transport, signer })
    }

    /// The update, not yet signed.
    fn message(&self, change: &Change<'_>) -> Result<Message, Failure> {
        let owner = name(change.name.as_str())?;
        let record_type = record_type(change.kind);
        let mut zone = Query::new();
        zone.set_name(self.zone.clone()).set_query_class(DNSClass::IN).set_query_type(RecordType::SOA);
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        message.metadata.recursion_desired = false;
        message.add_zone(zone);
        // "Delete an RRset": class ANY, no time, no data (RFC 2136 2.5.2).
        let mut delete_set = Record::update0(owner.clone(), 0, record_type);
        delete_set.dns_class = DNSClass::ANY;
        message.add_update(delete_set);
        if !change.contents.is_empty() {
            // A server silently ignores records next to a CNAME (RFC 2136 3.4.2.2), so the update
            // requires that there is none (2.4.3).
            let mut no_cname = Record::update0(owner.clone(), 0, RecordType::CNAME);
            no_cname.dns_class = DNSClass::NONE;
            message.add_pre_requisite(no_cname);
        }
        for content in &change.contents {
            message.add_update(Record::from_rdata(owner.clone(), change.ttl, record_data(change.kind, content)?));
        }
        Ok(message)
    }

    /// Checks the response to a signed update.
    fn check_response(&self, answer: &[u8], mut verifier: TSigVerifier) -> Result<(), Failure> {
        let Ok(message) = Message::from_vec(answer) else {
            return Err(Failure::transient(format!(
                "{} answered with something that is not a DNS message",
                self.server
            )));
        };
        if message.metadata.message_type != MessageType::Response || message.metadata.op_code != OpCode::Update {
            return Err(Failure::transient(format!(
                "{} answered with something that is not a response to it",
                self.server
            )));
        }
        if let Some(error) = message.signature().and_then(|tsig| tsig.data.error.as_ref()) {
            return Err(self.signature_error(error));
        }
        let code = message.metadata.response_code;
        if message.signature().is_none() && code != ResponseCode::NoError {
            return Err(self.response_error(code));
        }
        if let Err(error) = verifier.verify(answer) {
            let server = self.server;
            return Err(Failure::transient(format!(
                "the response of {server} is not signed with the same key ({error}), so anybody may have sent it"
            )));
        }
        if code == ResponseCode::NoError { Ok(()) } else { Err(self.response_error(code)) }
    }

    /// The server rejected the signature (RFC 8945 5.2).
    fn signature_error(&self, error: &TsigError) -> Failure {
        let (server, key) = (self.server, self.signer.signer_name());
        match error {
            TsigError::BadKey => Failure::permanent(format!(
                "{server} does not know the TSIG key {key} with this algorithm, or lets it change nothing (BADKEY); \
                 give both sides the same name and algorithm, and the key its rights"
            )),
            TsigError::BadSig => Failure::permanent(format!(
                "{server} has another secret for the TSIG key {key} (BADSIG); give both sides the same secret"
            )),
            TsigError::BadTime => Failure::transient(format!(
                "the clocks of this machine and {server} differ by more than {FUDGE_SECONDS} seconds (BADTIME); synchronize them"
            )),
            other => Failure::permanent(format!("{server} refused the signature of the TSIG key {key} ({other:?})")),
        }
    }

    /// The server understood the update and refused it (RFC 2136 2.2).
    fn response_error(&self, code: ResponseCode) -> Failure {
        let (server, zone, key) = (self.server, &self.zone, self.signer.signer_name());
        match code {
            ResponseCode::Refused => Failure::permanent(format!(
                "{server} does not let the TSIG key {key} change the zone {zone} (REFUSED); allow it there, see docs/dns.md"
            )),
            ResponseCode::NotAuth => Failure::permanent(format!(
                "{server} is not the primary server of the zone {zone} (NOTAUTH); ask the one that is"
            )),
            ResponseCode::NotZone => Failure::permanent(format!(
                "on {server} that name is not in the zone {zone} (NOTZONE); set dns.zone to the zone that holds it"
            )),
            ResponseCode::YXRRSet => Failure::permanent(
                "that name has a CNAME record, which allows no other records beside it; remove it first",
            ),
            ResponseCode::ServFail => {
                Failure::transient(format!("{server} failed (SERVFAIL); if this lasts, check its log"))
            }
            other => Failure::permanent(format!("{server} answered {other}")),
        }
    }
}

#[async_trait]
impl Backend for Rfc2136 {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Failure> {
        let mut message = self.message(change)?;
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let unsigned = |error: String| Failure::permanent(format!("the update can't be signed: {error}"));
        let verifier = message.finalize(&self.signer, now).map_err(|error| unsigned(error.to_string()))?;
        let verifier = verifier.ok_or_else(|| unsigned("no signature was made".into()))?;
        let bytes =
            message.to_vec().map_err(|error| Failure::permanent(format!("the update can't be built: {error}")))?;
        let answer = wire::exchange(self.server, self.transport, &bytes).await?;
        self.check_response(&answer, verifier)
    }
}

fn name(text: &str) -> Result<Name, Failure> {
    let mut name =
        Name::from_ascii(text).map_err(|error| Failure::permanent(format!("{text} is not a DNS name: {error}")))?;
    name.set_fqdn(true);
    Ok(name)
}

const fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Txt => RecordType::TXT,
    }
}

fn record_data(kind: RecordKind, content: &str) -> Result<RData, Failure> {
    let address = || content.parse().map_err(|_| Failure::permanent(format!("{content} is not an address")));
    Ok(match kind {
        RecordKind::Txt => RData::TXT(TXT::new(vec![content.to_owned()])),
        RecordKind::A | RecordKind::Aaaa => match address()? {
            IpAddr::V4(ip) => RData::A(ip.into()),
            IpAddr::V6(ip) => RData::AAAA(ip.into()),
        },
    })
}
