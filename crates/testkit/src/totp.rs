//! An authenticator app.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

/// The code that an app with this key (in Base32, blanks don't matter) shows at this time.
///
/// # Panics
/// If the key is not in Base32.
pub fn totp_code(key: &str, now: Timestamp) -> String {
    let key = BASE32_NOPAD.decode(key.replace(' ', "").as_bytes()).expect("a key in Base32");
    let step = u64::try_from(now.as_second() / 30).expect("after 1970");
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("a key of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
