//! Password hashing with Argon2id, on a thread of its own.
//!
//! A hash takes tens of milliseconds and 19 MiB by design. One hash runs at a time, on a low-priority thread, so that a
//! flood of logins does not slow down other requests; the queue before it is fair and bounded.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};
use stoa_model::{
    field::Invalid,
    secret::{ExposeSecret, SecretString},
};
use tokio::{sync::oneshot, time::sleep};

use crate::password_queue::PasswordQueue;
pub use crate::password_queue::Priority;
use stoa_core::{Error, Result};

/// Minimum length of a password, in characters.
const MIN_PASSWORD_CHARS: usize = 10;
/// Maximum length of a password, in bytes.
const MAX_PASSWORD_BYTES: usize = 256;
/// Delay before a request is rejected because the queue is full. It slows down clients that retry immediately.
const REJECTION_DELAY: Duration = Duration::from_secs(1);
/// Niceness of the hashing thread (see nice(2)).
const THREAD_NICENESS: i32 = 10;

/// Common passwords that are at least [`MIN_PASSWORD_CHARS`] long.
const COMMON_PASSWORDS: &[&str] = &[
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
    if text.chars().count() < MIN_PASSWORD_CHARS {
        return bad(format!("Use at least {MIN_PASSWORD_CHARS} characters."));
    }
    if text.len() > MAX_PASSWORD_BYTES {
        return bad(format!("Use at most {MAX_PASSWORD_BYTES} bytes."));
    }
    let first = text.chars().next();
    if COMMON_PASSWORDS.contains(&text.to_lowercase().as_str()) || text.chars().all(|c| Some(c) == first) {
        return bad("This password is among the first that attackers try. Please choose another one.".into());
    }
    Ok(())
}

type Job = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Hasher(Arc<Handle>);

/// Ends the thread when the last clone of the hasher is dropped.
struct Handle(Arc<PasswordQueue<Job>>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Default for Hasher {
    /// Starts the thread.
    fn default() -> Self {
        let queue = Arc::new(PasswordQueue::default());
        let jobs = queue.clone();
        if let Err(error) = thread::Builder::new().name("passwords".into()).spawn(move || run_jobs(&jobs)) {
            // Every login fails then, with an error that says why.
            tracing::error!(%error, "cannot start the password hashing thread");
            queue.close();
        }
        Self(Arc::new(Handle(queue)))
    }
}

fn run_jobs(jobs: &PasswordQueue<Job>) {
    // On Linux, niceness is per thread.
    if let Err(error) = rustix::process::nice(THREAD_NICENESS) {
        tracing::warn!(%error, "cannot lower the priority of password hashing");
    }
    while let Some(job) = jobs.next() {
        // A panic drops the job's channel, so that its caller gets an error, and the thread continues.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

impl Hasher {
    /// Hashes a new password into PHC form.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the queue is full.
    pub async fn hash(&self, password: SecretString, priority: Priority) -> Result<String> {
        self.run(priority, move || {
            Argon2::default()
                .hash_password(password.expose_secret().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::internal(error.to_string()))
        })
        .await?
    }

    /// Whether `password` matches `hash`. Without a hash (no such account), takes the same time, so that timing does
    /// not reveal which accounts exist.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the queue is full.
    pub async fn verify(&self, password: SecretString, hash: Option<String>, priority: Priority) -> Result<bool> {
        static DUMMY_HASH: LazyLock<String> = LazyLock::new(|| {
            Argon2::default().hash_password(b"nobody has this password").map(|h| h.to_string()).unwrap_or_default()
        });
        self.run(priority, move || {
            let text = hash.as_ref().unwrap_or(&DUMMY_HASH);
            let matches = PasswordHash::new(text).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
            });
            matches && hash.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, priority: Priority, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            // Nobody waits for the answer of a request that was given up.
            if !done.is_closed() {
                drop(done.send(work()));
            }
        });
        if !self.0.0.push(priority, job) {
            sleep(REJECTION_DELAY).await;
            return Err(Error::Unavailable {
                message: "Too many people are logging in right now. Please try again in a few seconds.".into(),
                source: "the queue for password hashing is full".into(),
            });
        }
        result.await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::password_queue::MAX_PER_CLIENT;

    const LOCAL: Priority = Priority::Client(None);

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_only() {
        let hasher = Hasher::default();
        let hash = hasher.hash(secret("correct horse"), LOCAL).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify(secret("correct horse"), Some(hash.clone()), LOCAL).await.unwrap());
        assert!(!hasher.verify(secret("battery staple"), Some(hash), LOCAL).await.unwrap());
        assert!(!hasher.verify(secret("nobody has this password"), None, LOCAL).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_from_one_client_is_rejected_and_known_browsers_are_not() {
        let hasher = Hasher::default();
        let (release, blocked) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel::<()>();
        let block: Job = Box::new(move || {
            let _ = started.send(());
            let _ = blocked.recv();
        });
        assert!(hasher.0.0.push(LOCAL, block));
        running.recv().unwrap();
        for _ in 0..MAX_PER_CLIENT {
            assert!(hasher.0.0.push(LOCAL, Box::new(|| ())));
        }
        assert!(matches!(hasher.verify(secret("x"), None, LOCAL).await, Err(Error::Unavailable { .. })));
        let known = hasher.verify(secret("x"), None, Priority::Known);
        drop(release);
        assert!(!known.await.unwrap());
    }

    #[tokio::test]
    async fn a_panic_fails_only_its_own_call() {
        let hasher = Hasher::default();
        assert!(matches!(hasher.run(LOCAL, || panic!("on purpose")).await, Err::<(), _>(Error::Internal(_))));
        hasher.hash(secret("correct horse"), LOCAL).await.unwrap();
    }

    #[test]
    fn weak_passwords_are_refused() {
        for text in ["", "short", "Password123", "aaaaaaaaaaaa", &"x1".repeat(200)] {
            assert!(check(&secret(text)).is_err(), "{text:?} was accepted");
        }
        check(&secret("correct horse")).unwrap();
    }
}
