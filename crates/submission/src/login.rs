//! What a client logs in with (SASL PLAIN, RFC 4616, and the older LOGIN).

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use stoa_model::secret::SecretString;

/// A name and a password, not checked yet.
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// Reads the response of PLAIN: three texts separated by NUL. The first one names whom the client acts for, which
    /// can only be itself.
    pub(crate) fn from_plain(response: &str) -> Option<Self> {
        let text = decode(response)?;
        let mut parts = text.split('\0');
        let (acts_for, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        let is_itself = acts_for.is_empty() || acts_for == user;
        (is_itself && parts.next().is_none()).then(|| Self::new(user, password))?
    }

    /// Reads the two responses of LOGIN.
    pub(crate) fn from_responses(user: &str, password: &str) -> Option<Self> {
        Self::new(&decode(user)?, &decode(password)?)
    }

    fn new(user: &str, password: &str) -> Option<Self> {
        let is_complete = !user.is_empty() && !password.is_empty();
        is_complete.then(|| Self { user: user.to_owned(), password: password.to_owned().into() })
    }
}

/// `=` stands for an empty response (RFC 4954).
fn decode(response: &str) -> Option<String> {
    let response = if response == "=" { "" } else { response };
    String::from_utf8(BASE64_STANDARD.decode(response).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use stoa_model::secret::ExposeSecret;

    use super::*;

    fn plain(text: &str) -> Option<(String, String)> {
        let login = Login::from_plain(&BASE64_STANDARD.encode(text))?;
        Some((login.user, login.password.expose_secret().to_owned()))
    }

    #[test]
    fn plain_has_three_parts() {
        let found = Some(("site_1".to_owned(), "secret".to_owned()));
        assert_eq!(plain("\0site_1\0secret"), found);
        assert_eq!(plain("site_1\0site_1\0secret"), found);
        for bad in ["", "\0site_1", "\0\0secret", "\0site_1\0", "site_2\0site_1\0secret", "\0site_1\0a\0b"] {
            assert_eq!(plain(bad), None, "{bad:?}");
        }
        for bad in ["=", "*", "no base64", "AGEAYg", "/w=="] {
            assert!(Login::from_plain(bad).is_none(), "{bad:?}");
        }
    }
}
