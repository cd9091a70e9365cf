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

/// Guesses that a password must withstand, as a power of ten (zxcvbn's score 3, "safely unguessable" with rate limits).
const MIN_GUESSES_LOG10: f64 = 8.0;
/// Characters that the strength is estimated of: the estimate takes time that grows faster than the length.
const MAX_ESTIMATED_CHARS: usize = 72;

/// Checks a new password. `related` is what a guesser knows about the account, such as its address.
///
/// # Errors
/// If it is too short, too long or easy to guess.
pub fn check(password: &SecretString, related: &[&str]) -> std::result::Result<(), Invalid> {
    let text = password.expose_secret();
    let bad = |message: String| Err(Invalid::new("password", message));
    if text.chars().count() < MIN_PASSWORD_CHARS {
        return bad(format!("Use at least {MIN_PASSWORD_CHARS} characters."));
    }
    if text.len() > MAX_PASSWORD_BYTES {
        return bad(format!("Use at most {MAX_PASSWORD_BYTES} bytes."));
    }
    let known: Vec<&str> = related.iter().flat_map(|text| parts(text)).collect();
    let estimated: String = text.chars().take(MAX_ESTIMATED_CHARS).collect();
    let estimate = zxcvbn::zxcvbn(&estimated, &known);
    if estimate.guesses_log10() >= MIN_GUESSES_LOG10 {
        return Ok(());
    }
    let warning = estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning);
    let reason = warning.map(|warning| format!(" {warning}")).unwrap_or_default();
    bad(format!(
        "This password is easy to guess.{reason} Use four or more random words, or a longer mix of characters."
    ))
}

/// A text and the words in it.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2);
    std::iter::once(text).chain(words)
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
        let related = ["jane.doe@harbour-street.example", "Harbour & Co", "Stoa"];
        for text in [
            "",
            "short",
            "Password123",
            "qwerty12345",
            "aaaaaaaaaaaa",
            "1234567890",
            "jane.doe@harbour-street.example",
            "Harbour & Co",
            "harbourjane1",
            "stoastoastoa",
            &"x1".repeat(200),
        ] {
            assert!(check(&secret(text), &related).is_err(), "{text:?} was accepted");
        }
        let error = check(&secret("qwerty12345"), &[]).unwrap_err().message;
        assert!(error.starts_with("This password is easy to guess. ") && error.contains("four or more"), "{error}");
    }

    #[test]
    fn passphrases_and_random_characters_are_accepted() {
        for text in [
            "correct horse battery",
            "lamp river onion desk",
            "operator password",
            "mug tree sock boat",
            "k8#fQz2!vL",
            "grüne Lampe über Wasser",
        ] {
            assert!(check(&secret(text), &["jane@example.com", "Stoa"]).is_ok(), "{text:?} was refused");
        }
    }
}
