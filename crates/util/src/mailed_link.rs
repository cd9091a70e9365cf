//! Paths of the portal that end in a secret, because they are links that were mailed.

/// Pages whose paths continue with a secret.
const PAGES: [&str; 4] = ["/reset/", "/verify/", "/invitations/", "/account/email/"];

/// A path of the portal without the secret of a mailed link: whoever reads a log must not be able to open an account.
pub fn path_for_log(path: &str) -> &str {
    PAGES.into_iter().find(|page| path.starts_with(page)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_mailed_link_is_not_logged() {
        for page in PAGES {
            assert_eq!(path_for_log(&format!("{page}secret")), page);
        }
        assert_eq!(path_for_log("/account/email/restore/secret"), "/account/email/");
        assert_eq!(path_for_log("/account"), "/account");
    }
}
