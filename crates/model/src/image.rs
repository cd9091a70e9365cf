//! References to container images.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An image reference: `[registry/]name[:tag][@digest]`. Without tag and digest, `latest` is meant.
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
            return Err(format!("{text:?} is no image reference: write it like registry/name:tag"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        for text in ["stoa/wordpress:1", "nginx", "r.example:5000/a/b@sha256:00ff"] {
            assert!(text.parse::<ImageRef>().is_ok(), "{text:?} was refused");
        }
        for text in ["", "-x", "a b", "a//b", "a:", "a\n", "$(x)"] {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn every_rule_counts_alone() {
        let long = |length: usize| "a".repeat(length);
        assert!(long(255).parse::<ImageRef>().is_ok());
        for text in [long(256).as_str(), ".a", "a//b", "a/", "a@", "a b", "é"] {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_reference_is_its_text_everywhere() {
        let image: ImageRef = "r.example/app:1".parse().expect("a reference");
        assert_eq!((image.as_str(), image.to_string().as_str()), ("r.example/app:1", "r.example/app:1"));
        assert_eq!(serde_json::to_string(&image).expect("a text"), "\"r.example/app:1\"");
        assert_eq!(serde_json::from_str::<ImageRef>("\"r.example/app:1\"").expect("a reference"), image);
        assert!(serde_json::from_str::<ImageRef>("\"a b\"").is_err());
    }
}
