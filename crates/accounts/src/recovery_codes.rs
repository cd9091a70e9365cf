//! Recovery codes: what lets someone in who has lost their authenticator app.
//!
//! A code has 120 random bits, so its SHA-256 hash is enough (OWASP ASVS 5.0, 6.5.2: a password hash is for secrets of
//! less than 112 bits). The hash includes the account, so that a code opens no other one.

use stoa_core::random;
use stoa_db::accounts::Subject;
use stoa_model::secret::{ExposeSecret, SecretString};

/// How many codes an account gets.
pub(crate) const COUNT: usize = 10;
const GROUPS: usize = 4;
const GROUP_CHARS: usize = 6;
/// Crockford's Base32: no letters that are taken for digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// New codes.
pub(crate) fn generate() -> Vec<SecretString> {
    (0..COUNT).map(|_| code()).collect()
}

fn code() -> SecretString {
    let mut bytes = [0; GROUPS * GROUP_CHARS];
    random::fill(&mut bytes);
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(GROUP_CHARS).map(|group| group.iter().collect()).collect();
    SecretString::from(groups.join("-"))
}

/// The hash of a code as typed: case, blanks and hyphens don't matter, nor does `o` for `0` or `l` for `1`.
pub(crate) fn hash(subject: &Subject, code: &str) -> [u8; 32] {
    let typed = code.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    });
    random::token_hash(&format!("recovery code of {subject}: {}", typed.collect::<String>()))
}

/// The hashes of these codes.
pub(crate) fn hashes(subject: &Subject, codes: &[SecretString]) -> Vec<[u8; 32]> {
    codes.iter().map(|code| hash(subject, code.expose_secret())).collect()
}

#[cfg(test)]
mod tests {
    use stoa_model::{account::Actor, id::CustomerId};

    use super::*;

    #[test]
    fn codes_are_long_distinct_and_typed_as_people_type() {
        let subject = |n| Subject::of(Actor::Customer(CustomerId::from_uuid(random::uuid_at(n)))).unwrap();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let (own, other, codes) = (subject(now), subject(now), generate());
        let distinct: std::collections::BTreeSet<_> = hashes(&own, &codes).into_iter().collect();
        assert_eq!((distinct.len(), codes.len()), (COUNT, COUNT));
        let code = codes[0].expose_secret();
        assert_eq!(code.len(), GROUPS * GROUP_CHARS + GROUPS - 1);
        let typed = format!(" {} ", code.replace('-', " ").to_uppercase().replace('0', "O").replace('1', "l"));
        assert_eq!(hash(&own, &typed), hash(&own, code));
        assert_ne!(hash(&other, code), hash(&own, code), "it opens no other account");
    }
}
