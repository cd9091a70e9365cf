//! Redirects within one name, which certificate authorities follow too.

use std::{net::IpAddr, time::Duration};

use http::Uri;
use tokio::time::timeout;

use super::{Fetched, Place, Probe};

/// Let's Encrypt follows ten; a proxy that moves a name to HTTPS needs one.
const MAX_REDIRECTS: usize = 3;

impl Fetched {
    /// Where it redirects to: whether over TLS, and the path. `None` if it is no redirect, or one to another name or an
    /// unusual port.
    pub fn redirect(&self, host: &str) -> Option<(bool, String)> {
        let location = self.location.as_ref().filter(|_| (300..400).contains(&self.status))?;
        let uri: Uri = location.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let is_same_name = uri.host()?.eq_ignore_ascii_case(host);
        let is_usual = uri.port_u16().is_none_or(|port| port == usual_port(secure));
        (is_same_name && is_usual).then(|| (secure, uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()))
    }
}

/// Gets a small text from the web server of `host` at this address, first over plain HTTP. Redirects within the same
/// name are followed, always to the same address: a name can't make us connect anywhere else (SSRF). `None` if there is
/// no answer within `patience`.
pub async fn fetch_following(
    probe: &dyn Probe,
    address: IpAddr,
    host: &str,
    path: &str,
    patience: Duration,
) -> Option<Fetched> {
    let follow = async {
        let (mut secure, mut path) = (false, path.to_owned());
        for _ in 0..MAX_REDIRECTS {
            let place = Place { address: (address, usual_port(secure)).into(), secure, host };
            let fetched = probe.fetch(place, &path, patience).await.ok()?;
            match fetched.redirect(host) {
                Some(next) => (secure, path) = next,
                None => return Some(fetched),
            }
        }
        None
    };
    timeout(patience, follow).await.ok().flatten()
}

const fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(status: u16, location: &str) -> Option<(bool, String)> {
        let location = Some(location.to_owned());
        Fetched { status, body: String::new(), location, server: None }.redirect("shop.example")
    }

    #[test]
    fn only_redirects_within_the_name_are_followed() {
        assert_eq!(redirect(301, "https://shop.example/a?b"), Some((true, "/a?b".into())));
        assert_eq!(redirect(308, "http://Shop.Example:80"), Some((false, "/".into())));
        assert_eq!(redirect(302, "https://shop.example:443/"), Some((true, "/".into())));
        for location in [
            "https://other.example/a",
            "https://10.0.0.1/a",
            "http://shop.example:8080/a",
            "https://shop.example:22/",
            "http://shop.example@10.0.0.1/",
            "ftp://shop.example:21/",
            "gopher://shop.example/",
            "//shop.example/",
            "/a",
            "",
        ] {
            let found = redirect(302, location);
            assert!(found.is_none(), "{location}: {found:?}");
        }
        assert_eq!(redirect(200, "https://shop.example/"), None);
    }
}
