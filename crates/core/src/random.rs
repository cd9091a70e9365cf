//! Random bytes from the operating system, and the ids, names and tokens built from them.

use jiff::Timestamp;
use stoa_model::secret::SecretString;
use uuid::Uuid;

/// Fills `buffer` with random bytes.
///
/// # Panics
/// If the operating system provides no random bytes: nothing can be done safely then.
pub fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

/// A new version 7 UUID with this timestamp.
pub fn uuid_at(now: Timestamp) -> Uuid {
    let mut bytes = [0; 10];
    fill(&mut bytes);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

/// A token of 256 random bits, in the URL-safe alphabet.
pub fn token() -> SecretString {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let mut bytes = [0; 32];
    fill(&mut bytes);
    SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The SHA-256 hash of a token, which is what we store. Tokens have 256 random bits, so they need no slow hash.
pub fn token_hash(token: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(token.as_bytes()).into()
}

/// 160 bits of the SHA-256 hash of a text, in hexadecimal: a name for it where names are short.
pub fn short_hash(text: &str) -> String {
    hex::encode(&token_hash(text)[..20])
}

/// A name for what this process does from `now` on, unique among all processes: the holder of leases.
pub fn holder_name(now: Timestamp) -> String {
    format!("{}-{}", std::process::id(), uuid_at(now).simple())
}
