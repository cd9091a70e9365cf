//! The secret of an API token: `stoa_pat_`, 30 random letters and digits (178 bits), and 6 of their CRC-32.
//!
//! The prefix lets people and secret scanners recognize a token. The checksum is no protection: it lets a scanner tell
//! real tokens from look-alikes, and a mistyped token is refused without asking the database.

use stoa_core::random;
use stoa_model::secret::{ExposeSecret, SecretString};

/// Prefix of all tokens.
const PREFIX: &str = "stoa_pat_";
/// Prefix of tokens that releases before migration 8 issued: 43 letters of URL-safe Base64 follow.
const OLD_PREFIX: &str = "stoa_";
const OLD_RANDOM_CHARS: usize = 43;
const RANDOM_CHARS: usize = 30;
const CHECKSUM_CHARS: usize = 6;
/// How much of a token its list shows.
const SHOWN_CHARS: usize = PREFIX.len() + 4;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new secret.
pub(crate) fn generate() -> SecretString {
    let mut body = String::with_capacity(RANDOM_CHARS);
    while body.len() < RANDOM_CHARS {
        let mut bytes = [0; RANDOM_CHARS];
        random::fill(&mut bytes);
        // Bytes from 248 on would make the first letters of the alphabet more frequent.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        body.extend(letters.take(RANDOM_CHARS - body.len()));
    }
    SecretString::from(format!("{PREFIX}{body}{}", checksum(&body)))
}

/// The start of a secret, which may be shown.
pub(crate) fn shown_prefix(secret: &SecretString) -> String {
    secret.expose_secret().chars().take(SHOWN_CHARS).collect()
}

/// Whether a text can be a token at all.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        let old = text.strip_prefix(OLD_PREFIX).unwrap_or_default();
        return old.len() == OLD_RANDOM_CHARS
            && old.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    };
    if rest.len() != RANDOM_CHARS + CHECKSUM_CHARS || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let (body, sum) = rest.split_at(RANDOM_CHARS);
    checksum(body) == sum
}

/// The CRC-32 of a text in base 62, six digits.
fn checksum(body: &str) -> String {
    let mut number = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[number % ALPHABET.len()];
        number /= ALPHABET.len();
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_well_formed_and_one_wrong_letter_is_noticed() {
        let secret = generate();
        let text = secret.expose_secret();
        assert_eq!((text.len(), &text[..9]), (45, "stoa_pat_"));
        assert!(is_well_formed(text));
        assert_ne!(generate().expose_secret(), text);
        for at in 9..text.len() {
            let mut wrong = text.to_owned();
            wrong.replace_range(at..=at, if &text[at..=at] == "a" { "b" } else { "a" });
            assert!(!is_well_formed(&wrong), "{wrong}");
        }
        assert!(text.starts_with(&shown_prefix(&secret)) && shown_prefix(&secret).len() == 13);
    }

    #[test]
    fn the_checksum_is_the_crc_32_of_the_random_part() {
        // CRC-32 (ISO-HDLC) of "123456789" is 0xcbf43926 = 3421780262, in base 62 "3jZRME".
        assert_eq!(checksum("123456789"), "3jZRME");
        assert_eq!(checksum(""), "000000");
    }

    #[test]
    fn tokens_of_earlier_releases_are_still_accepted_and_nonsense_is_not() {
        assert!(is_well_formed(&format!("stoa_{}", "aZ09-_".repeat(8).chars().take(43).collect::<String>())));
        let long = format!("stoa_pat_{}", "a".repeat(37));
        for wrong in ["", "stoa_", "stoa_guess", "stoa_pat_", "stoa_pat_é", long.as_str()] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }
}
