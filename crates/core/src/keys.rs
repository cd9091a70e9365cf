//! The master key, and the encryption (sealing) of secrets at rest with XChaCha20-Poly1305.
//!
//! The key is in a file outside the database, so that a copy of either alone reveals nothing. Each sealed value is
//! bound to its context (owner and purpose), so that it can't be opened from another row.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use stoa_model::secret::{ExposeSecret, Sealed, SecretString};
use zeroize::Zeroizing;

use crate::random;

/// Seals and opens secrets.
pub struct MasterKey {
    cipher: XChaCha20Poly1305,
    /// What keys for other purposes are derived from.
    derivation: Zeroizing<[u8; 32]>,
    id: String,
}

/// Why the master key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or written.
    #[error("reading the master key {path}: {source}")]
    File {
        /// The key file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file exists, but does not contain a key.
    #[error(
        "the master key {path} is not 32 bytes in Base64: restore the file from its backup; secrets can't be opened with another key"
    )]
    Malformed {
        /// The key file.
        path: PathBuf,
    },
    /// The file is accessible to users other than its owner.
    #[error("the master key {path} can be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// A sealed value that can't be opened: wrong key, wrong context, or corrupt.
#[derive(Debug, thiserror::Error)]
#[error("the sealed value for {context} does not open with this master key")]
pub struct SealBroken {
    context: String,
}

impl MasterKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    /// If the file is missing, accessible to other users, or does not contain a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File { path: path.into(), source };
        let mode = fs::metadata(path).map_err(file)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.into(), mode });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(file)?);
        let malformed = || KeyError::Malformed { path: path.into() };
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| malformed())?);
        let key: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed())?;
        if key.iter().all(|byte| *byte == key[0]) {
            return Err(malformed());
        }
        Ok(Self::from_bytes(key))
    }

    /// Creates a key file that only its owner can read. Never overwrites a file.
    ///
    /// # Errors
    /// If the file exists or can't be written.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; 32]);
        random::fill(key.as_mut());
        let text = Zeroizing::new(format!("{}\n", BASE64_STANDARD.encode(key.as_ref())));
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(|source| KeyError::File { path: path.into(), source })?;
        Ok(Self::from_bytes(&key))
    }

    fn from_bytes(key: &[u8; 32]) -> Self {
        let id = hex::encode(&random::token_hash(&BASE64_STANDARD.encode(key))[..4]);
        let derivation = hmac(b"stoa derived keys", key);
        Self { cipher: XChaCha20Poly1305::new(key.into()), derivation, id }
    }

    /// A key for another purpose than sealing, always the same one (HKDF with SHA-256, RFC 5869). It reveals neither the
    /// master key nor the key of another purpose.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        hmac(self.derivation.as_ref(), &[purpose.as_bytes(), &[1]].concat())
    }

    /// A fingerprint of the key, safe to show.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals `secret` for `context`.
    ///
    /// # Panics
    /// Never: sealing fails only for messages of many gigabytes.
    pub fn seal(&self, context: &str, secret: &SecretString) -> Sealed {
        let mut nonce = [0; 24];
        random::fill(&mut nonce);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: context.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret is short");
        Sealed(format!("1.{}.{}", self.id, BASE64_STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens a value that was sealed for `context`.
    ///
    /// # Errors
    /// If it was sealed with another key or for another context, or is corrupt.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretString, SealBroken> {
        let opened = || {
            let bytes = BASE64_STANDARD.decode(sealed.0.strip_prefix("1.")?.split_once('.')?.1).ok()?;
            let (nonce, message) = bytes.split_first_chunk::<24>()?;
            let payload = Payload { msg: message, aad: context.as_bytes() };
            let text = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
            String::from_utf8(text).ok().map(SecretString::from)
        };
        opened().ok_or_else(|| SealBroken { context: context.into() })
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_in_its_context_and_with_its_key() {
        let key = MasterKey::from_bytes(&[7; 32]);
        let sealed = key.seal("site_1/DB_PASSWORD", &SecretString::from("hunter2".to_owned()));
        assert!(!sealed.0.contains("hunter2"));
        assert_eq!(key.open("site_1/DB_PASSWORD", &sealed).unwrap().expose_secret(), "hunter2");
        assert!(key.open("site_2/DB_PASSWORD", &sealed).is_err());
        assert!(MasterKey::from_bytes(&[8; 32]).open("site_1/DB_PASSWORD", &sealed).is_err());
        let mut damaged = sealed.0.clone();
        damaged.replace_range(20..21, if &damaged[20..21] == "A" { "B" } else { "A" });
        assert!(key.open("site_1/DB_PASSWORD", &Sealed(damaged)).is_err());
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_by_master_key() {
        let (one, other) = (MasterKey::from_bytes(&[7; 32]), MasterKey::from_bytes(&[8; 32]));
        assert_eq!(one.derive("a"), one.derive("a"));
        assert!(one.derive("a") != one.derive("b") && one.derive("a") != other.derive("a"));
        assert!(one.derive("a").as_ref() != [7; 32]);
    }

    #[test]
    fn a_key_file_is_private_never_overwritten_and_must_be_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let made = MasterKey::create(&path).unwrap();
        assert_eq!(MasterKey::load(&path).unwrap().id(), made.id());
        assert!(matches!(MasterKey::create(&path), Err(KeyError::File { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(MasterKey::load(&path), Err(KeyError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "AAAA").unwrap();
        assert!(matches!(MasterKey::load(&path), Err(KeyError::Malformed { .. })));
    }
}
