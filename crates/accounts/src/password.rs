//! Passwords of people: argon2id, off the request threads, few at a time.
//!
//! Hashing costs tens of milliseconds and 19 MiB by design. One hash runs at a time, on a thread that
//! gives way to all others; a few dozen may wait, and more are turned away: a flood of logins leaves
//! the pages fast.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, mpsc},
    thread,
    time::Duration,
};
use stoa_model::{
    field::Invalid,
    secret::{ExposeSecret, SecretString},
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::sleep,
};

use stoa_core::{Error, Result};

/// Fewest characters of a password.
const MIN: usize = 10;
/// Most bytes of a password.
const MAX: usize = 256;
/// How many hashes may wait for their turn.
const QUEUE: usize = 32;
/// Who finds the queue full waits so long for the refusal: whoever asks again at once slows himself down.
const REFUSAL: Duration = Duration::from_secs(1);
/// How much the hashing thread gives way (see nice(2)).
const NICENESS: i32 = 10;

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

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Hasher {
    queue: Arc<Semaphore>,
    thread: mpsc::Sender<Work>,
}

impl Default for Hasher {
    /// Starts the thread; it ends with the last clone.
    fn default() -> Self {
        let (thread, work) = mpsc::channel::<Work>();
        // Without a thread every login is refused, and says why.
        if let Err(error) = thread::Builder::new().name("passwords".into()).spawn(move || hash_all(&work)) {
            tracing::error!(%error, "the thread for password hashing could not be started");
        }
        Self { queue: Arc::new(Semaphore::new(QUEUE)), thread }
    }
}

fn hash_all(work: &mpsc::Receiver<Work>) {
    // On Linux this is the thread's own.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "password hashing runs with full priority");
    }
    for work in work {
        // Who waits for a hash that panicked hears of it; the thread lives on.
        let _ = catch_unwind(AssertUnwindSafe(work));
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
        let Ok(_place) = self.queue.try_acquire() else {
            sleep(REFUSAL).await;
            return Err(busy("the queue for password hashing is full"));
        };
        let (done, result) = oneshot::channel();
        let work = Box::new(move || drop(done.send(work())));
        self.thread.send(work).map_err(|_| busy("password hashing has ended"))?;
        result.await.map_err(Error::internal)
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
    async fn a_flood_is_turned_away() {
        let hasher = Hasher::default();
        let (go, wait) = mpsc::channel::<()>();
        let hold = move || {
            let _ = wait.recv();
        };
        hasher.thread.send(Box::new(hold)).unwrap();
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
        drop(go);
    }

    #[tokio::test]
    async fn a_panic_is_one_callers_only() {
        let hasher = Hasher::default();
        assert!(matches!(hasher.run(|| panic!("on purpose")).await, Err::<(), _>(Error::Internal(_))));
        hasher.hash(secret("correct horse")).await.unwrap();
    }

    #[test]
    fn weak_passwords_are_refused() {
        for text in ["", "short", "Password123", "aaaaaaaaaaaa", &"x1".repeat(200)] {
            assert!(check(&secret(text)).is_err(), "{text:?} was accepted");
        }
        check(&secret("correct horse")).unwrap();
    }
}
