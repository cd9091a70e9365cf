//! Time-based one-time passwords (RFC 6238) with the parameters that every authenticator app supports: HMAC-SHA-1,
//! six digits, 30 seconds.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use stoa_core::random;
use stoa_model::secret::{ExposeSecret, SecretString};

/// Length of a secret (RFC 4226, section 4: 160 bits are recommended).
const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// Steps that a code may be early or late, because clocks differ.
const TOLERANCE: i64 = 1;

/// A new secret in Base32, as authenticator apps take it.
pub(crate) fn generate_secret() -> SecretString {
    let mut bytes = [0; SECRET_BYTES];
    random::fill(&mut bytes);
    SecretString::from(BASE32_NOPAD.encode(&bytes))
}

/// The link that a QR code for an authenticator app has.
pub(crate) fn key_uri(issuer: &str, account: &str, secret: &SecretString) -> SecretString {
    // A colon separates issuer and account.
    let (issuer, account) = (encode(&issuer.replace(':', " ")), encode(account));
    let secret = secret.expose_secret();
    SecretString::from(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    ))
}

/// The step whose code this is, if it is one of now; people may type blanks.
pub(crate) fn matching_step(secret: &SecretString, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != DIGITS || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (code, key) = (code.parse::<u32>().ok()?, BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).ok()?);
    let current = now.as_second().div_euclid(STEP_SECONDS);
    (current - TOLERANCE..=current + TOLERANCE).rev().find(|step| code_of(&key, *step) == code)
}

/// The code of a step, as a number (RFC 4226, section 5.3).
fn code_of(key: &[u8], step: i64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[hash.len() - 1] & 0xf);
    let bytes = [hash[offset], hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 10_u32.pow(DIGITS as u32)
}

/// Percent-encodes everything but letters, digits and a few marks.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238, appendix B, for SHA-1; its codes have eight digits, of which ours are the last six.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = SecretString::from(BASE32_NOPAD.encode(b"12345678901234567890"));
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(matching_step(&secret, code, at(second)), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_may_be_one_step_early_or_late() {
        let secret = generate_secret();
        let key = BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).unwrap();
        let code = format!("{:06}", code_of(&key, 100));
        for (second, accepted) in [(2969, false), (2970, true), (3000, true), (3059, true), (3060, false)] {
            assert_eq!(matching_step(&secret, &code, at(second)).is_some(), accepted, "{second}");
        }
        let spaced = format!(" {} {} ", &code[..3], &code[3..]);
        assert_eq!(matching_step(&secret, &spaced, at(3000)), Some(100));
        for wrong in ["", "12345", "1234567", "12345a", "+12345", "١٢٣٤٥٦"] {
            assert_eq!(matching_step(&secret, wrong, at(3000)), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_has_160_bits_and_its_link_is_escaped() {
        let secret = generate_secret();
        assert_eq!(secret.expose_secret().len(), 32);
        let uri = key_uri("Jane & Co: Hosting", "jane+x@example.com", &SecretString::from("ABC"));
        let expected = "otpauth://totp/Jane%20%26%20Co%20%20Hosting:jane%2Bx@example.com?secret=ABC\
            &issuer=Jane%20%26%20Co%20%20Hosting&algorithm=SHA1&digits=6&period=30";
        assert_eq!(uri.expose_secret(), expected);
    }
}
