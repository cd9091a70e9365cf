//! Checks a certificate that a customer bought elsewhere and uploads with its key.
//!
//! All errors are reported at once, for somebody who runs a shop. What affects only some visitors is a
//! note: the decision is the customer's.

use jiff::{Timestamp, tz::TimeZone};
use rustls_pki_types::CertificateDer;
use stoa_model::{field::Invalid, host::Hostname, secret::SecretString};
use x509_parser::certificate::X509Certificate;

use super::{
    CertificateInfo, InvalidCertificate, chain,
    chain::Chain,
    display, facts,
    key::{self, Key},
    parse, pem,
};

/// Name of the form field and JSON member of the chain.
const CERTIFICATE: &str = "certificate";
/// Name of the form field and JSON member of the key.
const KEY: &str = "key";

/// An uploaded certificate that can be served.
#[derive(Debug, Clone)]
pub struct CheckedUpload {
    /// Its contents.
    pub facts: CertificateInfo,
    /// PEM: the leaf first, then each one's issuer, without the root.
    pub chain: String,
    /// PEM: the leaf's key.
    pub key: SecretString,
    /// What the customer should know: whole sentences.
    pub notes: Vec<String>,
}

/// Checks the PEM texts of a chain and its key for a site with the hostnames `wanted`.
///
/// # Errors
/// Everything that is wrong, for the fields `certificate` and `key`.
pub fn check_upload(
    chain: &str,
    key: &SecretString,
    wanted: &[Hostname],
    now: Timestamp,
) -> Result<CheckedUpload, Vec<Invalid>> {
    let mut wrong = Vec::new();
    let key = key::read(key).map_err(|message| wrong.push(Invalid::new(KEY, message))).ok();
    let arranged = pem::certificates(chain).and_then(|all| chain::arrange(all, key.as_ref()));
    let checked = arranged.and_then(|chain| {
        let (facts, leaf) = (facts(&chain.links[0])?, parse(&chain.links[0])?);
        let mut found = leaf_problems(&facts, &leaf, wanted, now);
        found.extend(chain.links[1..].iter().filter_map(|link| link_problem(link).transpose()).collect::<Result<Vec<_>, _>>()?);
        wrong.extend(found.into_iter().map(|message| Invalid::new(CERTIFICATE, message)));
        if key.as_ref().is_some_and(|key| !key.is_of(&leaf)) {
            wrong.push(Invalid::new(
                KEY,
                "The key is not the one of this certificate. Please choose the key file that was made together with it.",
            ));
        }
        let notes = notes(&chain, &facts, now)?;
        Ok((facts, pem::write_chain(&chain.links), notes))
    });
    match (checked, key) {
        (Ok((facts, chain, notes)), Some(key)) if wrong.is_empty() => {
            Ok(CheckedUpload { facts, chain, key: Key::to_pem(&key), notes })
        }
        (Err(bad), _) => {
            wrong.insert(0, Invalid::new(CERTIFICATE, bad.0));
            Err(wrong)
        }
        _ => Err(wrong),
    }
}

/// Why the site can't use the leaf.
fn leaf_problems(
    facts: &CertificateInfo,
    leaf: &X509Certificate<'_>,
    wanted: &[Hostname],
    now: Timestamp,
) -> Vec<String> {
    let mut found = Vec::new();
    if now > facts.not_after {
        found.push(format!("The certificate expired on {}. Please upload a newer one.", day(facts.not_after)));
    }
    if now < facts.not_before {
        found.push(format!("The certificate is not valid before {}. Please upload it then.", day(facts.not_before)));
    }
    let uncovered = |host: &&Hostname| !facts.names.iter().any(|name| name.covers(host));
    let missing: Vec<_> = wanted.iter().filter(uncovered).map(Hostname::as_str).collect();
    if !missing.is_empty() {
        let has: Vec<_> = facts.names.iter().map(ToString::to_string).collect();
        let has = if has.is_empty() { "no address at all".into() } else { has.join(", ") };
        found.push(format!("The certificate is not for {}; it is for {has}.", missing.join(", ")));
    }
    found.extend(key::check_strength(leaf).err());
    if has_weak_signature(leaf) {
        found.push("The certificate is signed in an old way (SHA-1 or MD5) that browsers refuse.".into());
    }
    if leaf.extended_key_usage().ok().flatten().is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
        found.push("The certificate is not meant for websites, but for another use, such as e-mail.".into());
    }
    found
}

/// Why the chain can't be used with this link: servers refuse a chain that browsers would reject.
fn link_problem(link: &CertificateDer<'_>) -> Result<Option<String>, InvalidCertificate> {
    let link = parse(link)?;
    Ok(has_weak_signature(&link).then(|| {
        format!(
            "The certificate of {} in the chain is signed in an old way (SHA-1 or MD5) that browsers refuse. Please \
             upload the chain that its issuer offers today.",
            display(link.subject())
        )
    }))
}

fn has_weak_signature(certificate: &X509Certificate<'_>) -> bool {
    // RSA with MD5, RSA with SHA-1 under both its names (RFC 3279 2.2.1), ECDSA with SHA-1 (2.2.3).
    let weak = ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.3.14.3.2.29", "1.2.840.10045.4.1"];
    weak.contains(&certificate.signature_algorithm.algorithm.to_id_string().as_str())
}

/// What may affect some visitors.
fn notes(chain: &Chain, leaf: &CertificateInfo, now: Timestamp) -> Result<Vec<String>, InvalidCertificate> {
    let mut notes = Vec::new();
    if leaf.self_signed {
        notes.push("The certificate is self-signed: browsers will warn visitors of the site.".into());
    }
    if !chain.complete {
        notes.push(format!(
            "The certificate of {}, who issued yours, is missing: some browsers and apps will refuse the site. \
             Please upload the whole chain (often called fullchain or CA bundle).",
            leaf.issuer
        ));
    }
    for link in &chain.links[1..] {
        // Only a note: browsers that know another path to a root, such as a cross-signed one, accept it.
        let (expires, link) = (facts(link)?.not_after, parse(link)?);
        if now > expires {
            let name = display(link.subject());
            notes.push(format!("The certificate of {name} in the chain expired on {}.", day(expires)));
        }
    }
    if !chain.left_out.is_empty() {
        let names = chain.left_out.iter().map(|other| Ok(display(parse(other)?.subject())));
        let names = names.collect::<Result<Vec<_>, InvalidCertificate>>()?.join(", ");
        notes.push(format!("Left out, because it is not part of this certificate's chain: {names}."));
    }
    Ok(notes)
}

/// A day for people, such as `3 May 2026`.
fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}
