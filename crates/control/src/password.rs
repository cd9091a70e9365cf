//! Passwords of people: argon2id, off the request threads, few at a time.
//!
//! Hashing costs tens of milliseconds and 19 MiB by design. One hash runs at a time, a few dozen
//! may wait, and more are turned away at once: a flood of logins leaves the pages fast.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::sync::{Arc, LazyLock};
use stoa_model::{
    field::Invalid,
    secret::{ExposeSecret, SecretString},
};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Fewest characters of a password.
const MIN: usize = 10;
/// Most bytes of a password.
const MAX: usize = 256;
/// How many hashes may wait for their turn.
const QUEUE: usize = 32;

/// Passwords that every attacker tries first; longer than [`MIN`], so that the length alone
/// doesn't refuse them.
const COMMON: &[&str] = &[
    "1234567890",
    "password123",
    "password1234",
    "qwertyuiop",
    "0123456789",
    "passwordpassword",
    "administrator",
    "1111111111",
];

/// Checks a new password.
///
/// # Errors
/// If it is too short, too long or among the most common ones.
pub fn check(password: &SecretString) -> std::result::Result<(), Invalid> {
    let text = password.expose_secret();
    let bad = |message: String| Err(Invalid::new("password", message));
    if text.chars().count() < MIN {
        return bad(format!("Use at least {MIN} characters."));
    }
    if text.len() > MAX {
        return bad(format!("Use at most {MAX} bytes."));
    }
    let first = text.chars().next();
    if COMMON.contains(&text.to_lowercase().as_str()) || text.chars().all(|c| Some(c) == first) {
        return bad("This password is among the first that attackers try. Please choose another one.".into());
    }
    Ok(())
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Hasher {
    turn: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), queue: Arc::new(Semaphore::new(QUEUE)) }
    }
}

impl Hasher {
    /// Hashes a new password into PHC form.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move || {
            Argon2::default()
                .hash_password(password.expose_secret().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::internal(error.to_string()))
        })
        .await?
    }

    /// Whether `password` matches `hash`. Without a hash (no such account) the same work is done,
    /// so that the time tells nobody who has an account.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool> {
        static NOBODY: LazyLock<String> = LazyLock::new(|| {
            Argon2::default().hash_password(b"nobody has this password").map(|h| h.to_string()).unwrap_or_default()
        });
        self.run(move || {
            let text = hash.as_ref().unwrap_or(&NOBODY);
            let right = PasswordHash::new(text).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
            });
            right && hash.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = |source: &str| Error::Unavailable {
            message: "Too many people are logging in at this moment. Please try again in a few seconds.".into(),
            source: source.into(),
        };
        let _place = self.queue.try_acquire().map_err(|_| busy("the queue for password hashing is full"))?;
        let turn = self.turn.clone().acquire_owned().await.map_err(|_| busy("password hashing has ended"))?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_only() {
        let hasher = Hasher::default();
        let hash = hasher.hash(secret("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify(secret("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(secret("battery staple"), Some(hash)).await.unwrap());
        assert!(!hasher.verify(secret("nobody has this password"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_turned_away_at_once() {
        let hasher = Hasher::default();
        let _turn = hasher.turn.clone().acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.verify(secret("x"), None).await })
            })
            .collect();
        while hasher.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.verify(secret("x"), None).await, Err(Error::Unavailable { .. })));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[test]
    fn weak_passwords_are_refused() {
        for text in ["", "short", "Password123", "aaaaaaaaaaaa", &"x1".repeat(200)] {
            assert!(check(&secret(text)).is_err(), "{text:?} was accepted");
        }
        check(&secret("correct horse")).unwrap();
    }
}
