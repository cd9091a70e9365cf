//! Text that must never be printed: passwords, tokens, keys.

pub use secrecy::{ExposeSecret, SecretString};

/// A secret after it was sealed with the platform's master key; safe to store, useless without it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sealed(pub String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_secrets_do_not_print() {
        let sealed = Sealed("c2VhbGVk".into());
        assert_eq!(format!("{sealed:?}"), "Sealed(…)");
    }
}
