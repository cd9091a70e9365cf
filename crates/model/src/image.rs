//! Container images: by reference, which can move, and by content id, which cannot.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An image reference: `[registry/]name[:tag][@digest]`. Without tag and digest it means `latest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef(String);

impl ImageRef {
    /// The reference as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !begins
            || text.len() > 255
            || !text.bytes().all(allowed)
            || text.contains("//")
            || text.ends_with(['/', ':', '@'])
        {
            return Err(format!("{text:?} is not an image reference: write it like registry/name:tag"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ImageRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.0
    }
}

/// The id of an image's content: `sha256:` and 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId(String);

impl ImageId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as Docker's own lists show ids.
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

impl FromStr for ImageId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hex = |digits: &str| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !text.strip_prefix("sha256:").is_some_and(hex) {
            return Err(format!("{text:?} is not an image id: expected sha256: and 64 hexadecimal digits"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ImageId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ids() {
        let good = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(good.parse::<ImageId>().map(|id| id.short().to_owned()), Ok("0123456789ab".into()));
        for text in ["", "sha256:", &good[1..], &good[..70], &good.to_uppercase(), &format!("{good}0"), "stoa/web:1"] {
            assert!(text.parse::<ImageId>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn references() {
        for text in ["stoa/wordpress:1", "nginx", "r.example:5000/a/b@sha256:00ff"] {
            assert!(text.parse::<ImageRef>().is_ok(), "{text:?} was refused");
        }
        for text in ["", "-x", "a b", "a//b", "a:", "a\n", "$(x)"] {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?} was accepted");
        }
    }
}
