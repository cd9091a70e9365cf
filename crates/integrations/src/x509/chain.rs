//! Brings certificates into the order of TLS (RFC 8446 4.4.2): the leaf, then each one's issuer,
//! without the root, which visitors have or don't trust.

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;

use super::{InvalidCertificate, is_self_signed, key::Key, parse};

/// Certificates in order.
pub(super) struct Chain {
    /// The leaf, then the intermediate certificates.
    pub(super) links: Vec<CertificateDer<'static>>,
    /// Certificates that are not part of the chain.
    pub(super) left_out: Vec<CertificateDer<'static>>,
    /// Whether the leaf's issuer was there too, or it needs none.
    pub(super) complete: bool,
}

/// Arranges certificates given in any order. The leaf is the one for the key; without a key or a
/// matching certificate, the one that issued no other.
pub(super) fn arrange(mut all: Vec<CertificateDer<'static>>, key: Option<&Key>) -> Result<Chain, InvalidCertificate> {
    let mut seen = std::collections::HashSet::new();
    all.retain(|certificate| seen.insert(certificate.clone()));
    let parsed = all.iter().map(|certificate| parse(certificate)).collect::<Result<Vec<_>, _>>()?;
    let leaf = leaf(&parsed, key);
    let mut path = vec![leaf];
    let mut complete = is_self_signed(&parsed[leaf]);
    let mut root = None;
    let mut last = leaf;
    while let Some(next) = signer(&parsed, last, &path) {
        complete = true;
        if is_self_signed(&parsed[next]) {
            root = Some(next);
            break;
        }
        path.push(next);
        last = next;
    }
    let left_out = (0..all.len())
        .filter(|index| !path.contains(index) && Some(*index) != root)
        .map(|index| all[index].clone())
        .collect();
    Ok(Chain { links: path.iter().map(|index| all[*index].clone()).collect(), left_out, complete })
}

fn leaf(all: &[X509Certificate<'_>], key: Option<&Key>) -> usize {
    let indices = 0..all.len();
    // Several can match the key: a renewed certificate beside the old one.
    let of_key = indices.clone().filter(|index| key.is_some_and(|key| key.is_of(&all[*index])));
    let signs_another = |index: &usize| {
        all.iter()
            .enumerate()
            .any(|(other, certificate)| other != *index && certificate.issuer() == all[*index].subject())
    };
    of_key
        .max_by_key(|index| all[*index].validity().not_after.timestamp())
        .or_else(|| indices.clone().find(|index| !signs_another(index)))
        .unwrap_or_default()
}

/// The issuer of the certificate at `index` among those that are not on the path, by name and by
/// signature, because an authority's name is not unique.
fn signer(all: &[X509Certificate<'_>], index: usize, path: &[usize]) -> Option<usize> {
    let signed = &all[index];
    if is_self_signed(signed) {
        return None;
    }
    (0..all.len()).filter(|candidate| !path.contains(candidate)).find(|candidate| {
        let signer = &all[*candidate];
        signer.subject().as_raw() == signed.issuer().as_raw()
            && signer.is_ca()
            && signed.verify_signature(Some(signer.public_key())).is_ok()
    })
}
