//! The signature of a webhook (<https://docs.stripe.com/webhooks/signature>): HMAC-SHA256 of the time and the raw body.

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use stoa_model::secret::{ExposeSecret, SecretString};

/// The header that has it.
pub const HEADER: &str = "stripe-signature";
/// How far its time may be from ours, in both directions.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// Why a webhook is not Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is missing or can't be read.
    #[error("The header Stripe-Signature is missing or malformed.")]
    Malformed,
    /// It was made with another secret, or for another body.
    #[error("The signature doesn't match. Compare stripe.webhook_secrets with the secret of this endpoint at Stripe.")]
    Mismatch,
    /// It is too old, or from the future: a repeated message, or a clock that is wrong.
    #[error("The signature's time is more than five minutes from ours. Check the clock of this server.")]
    Time,
}

/// Checks the header against the raw body: one of its `v1` signatures must be of one of the secrets. While a secret is
/// rolled, Stripe sends a signature for each.
///
/// # Errors
/// If it is not Stripe's.
pub fn verify(header: &str, body: &[u8], secrets: &[SecretString], now: Timestamp) -> Result<(), SignatureError> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(SignatureError::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let at = Timestamp::from_second(seconds).map_err(|_| SignatureError::Malformed)?;
    let signatures: Vec<_> =
        parts().filter(|(name, _)| *name == "v1").filter_map(|(_, value)| hex::decode(value).ok()).collect();
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let matches = |secret: &SecretString| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    };
    if !secrets.iter().any(matches) {
        return Err(SignatureError::Mismatch);
    }
    if now.duration_since(at).abs() > TOLERANCE { Err(SignatureError::Time) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn sign(secret: &str, time: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    /// Computed by Stripe's own library for Python, 16.1.0.
    #[test]
    fn a_signature_of_stripes_own_library_is_accepted() {
        let header = "t=1700000000,v1=a0c091828640f0b68061abc7c03981ad1100ff7160c5dba6b656239494a2b537";
        let secrets = [SecretString::from("whsec_test".to_owned())];
        assert_eq!(verify(header, br#"{"id": "evt_1"}"#, &secrets, at(1_700_000_000)), Ok(()));
    }

    #[test]
    fn any_signature_of_any_secret_counts_and_the_time_must_be_near() {
        let body = b"{}";
        let secrets = ["new", "old"].map(|secret| SecretString::from(secret.to_owned()));
        let (good, bad) = (sign("old", "1000", body), sign("foreign", "1000", body));
        let check = |header: &str, now: i64| verify(header, body, &secrets, at(now));
        assert_eq!(check(&format!("t=1000,v1={bad},v1={good},v0=x"), 1300), Ok(()));
        assert_eq!(check(&format!("t=1000,v1={good}"), 700), Ok(()));
        assert_eq!(check(&format!("t=1000,v1={good}"), 1301), Err(SignatureError::Time));
        assert_eq!(check(&format!("t=1000,v1={good}"), 699), Err(SignatureError::Time));
        assert_eq!(check(&format!("t=1000,v1={bad}"), 1000), Err(SignatureError::Mismatch));
        assert_eq!(check(&format!("t=1001,v1={good}"), 1000), Err(SignatureError::Mismatch));
        for header in ["", "t=1000", "v1=00", "t=x,v1=00", "t=1000,v1=zz", "t=1000,v0=00"] {
            assert_eq!(check(header, 1000), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(verify(&format!("t=1000,v1={good}"), b"{ }", &secrets, at(1000)), Err(SignatureError::Mismatch));
        assert_eq!(verify(&format!("t=1000,v1={good}"), body, &[], at(1000)), Err(SignatureError::Mismatch));
    }
}
