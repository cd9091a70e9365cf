//! The subject as people read it: encoded words (RFC 2047) of UTF-8 are decoded, others are left as they are.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Longest text in characters.
const MAX_CHARS: usize = 200;

/// The text of a field; control characters become spaces.
pub(super) fn decode(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let (mut out, mut was_encoded) = (Vec::new(), false);
    for word in text.split_ascii_whitespace() {
        let decoded = encoded_word(word);
        // Space between two encoded words is not part of the text.
        let is_joined = out.is_empty() || was_encoded && decoded.is_some();
        if !is_joined {
            out.push(b' ');
        }
        was_encoded = decoded.is_some();
        out.extend(decoded.unwrap_or_else(|| word.as_bytes().to_vec()));
    }
    let text = String::from_utf8_lossy(&out);
    text.chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `=?charset?encoding?text?=`
fn encoded_word(word: &str) -> Option<Vec<u8>> {
    let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !["utf-8", "us-ascii"].contains(&charset.to_ascii_lowercase().as_str()) {
        return None;
    }
    match encoding {
        "b" | "B" => BASE64_STANDARD.decode(text).ok(),
        "q" | "Q" => quoted(text.as_bytes()),
        _ => None,
    }
}

fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.iter();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digits = [*bytes.next()?, *bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => *other,
        });
    }
    Some(out)
}
