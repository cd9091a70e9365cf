//! The labels of a container for Traefik's Docker provider.
//!
//! With these, Traefik routes to a site without our document. Labels can't express notices or our
//! certificates, and a change needs a new container.

use std::collections::BTreeMap;

use stoa_model::{host::Hostname, id::SiteId};

use super::names;

/// How a labelled site is reached over HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Https<'a> {
    /// Not at all.
    Never,
    /// With a certificate that Traefik already has; plain HTTP is redirected.
    Present,
    /// With a certificate that this resolver of Traefik's orders; plain HTTP is redirected.
    Resolver(&'a str),
}

/// The labels of the service that answers for a site: its names, the port in its container, and the Docker
/// network on which Traefik reaches it.
pub fn labels(
    site: SiteId,
    hosts: &[Hostname],
    port: u16,
    network: &str,
    https: Https<'_>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("traefik.enable".to_owned(), "true".to_owned()),
        ("traefik.docker.network".to_owned(), network.to_owned()),
        (format!("traefik.http.services.{site}.loadbalancer.server.port"), port.to_string()),
    ]);
    let rule = names::host_rule(hosts);
    let mut router = |name: String, fields: &[(&str, String)]| {
        for (field, value) in fields {
            labels.insert(format!("traefik.http.routers.{name}.{field}"), value.clone());
        }
    };
    let (plain, to_https) = (format!("{site}-http"), format!("{site}-https"));
    let common =
        |entry: &str| vec![("rule", rule.clone()), ("entrypoints", entry.to_owned()), ("service", site.to_string())];
    if https == Https::Never {
        router(plain, &common(names::WEB_ENTRY_POINT));
        return labels;
    }
    let mut secure = [common(names::WEBSECURE_ENTRY_POINT), vec![("tls", "true".to_owned())]].concat();
    if let Https::Resolver(resolver) = https {
        secure.push(("tls.certresolver", resolver.to_owned()));
    }
    router(site.to_string(), &secure);
    router(plain, &[common(names::WEB_ENTRY_POINT), vec![("middlewares", to_https.clone())]].concat());
    let middleware = format!("traefik.http.middlewares.{to_https}.redirectscheme");
    labels.insert(format!("{middleware}.scheme"), "https".to_owned());
    labels.insert(format!("{middleware}.permanent"), "true".to_owned());
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(https: Https<'_>) -> Vec<String> {
        let site = SiteId::from_uuid(uuid::Uuid::from_u128(7));
        let hosts = ["a.example.com", "www.a.example.com"].map(|name| Hostname::parse(name).expect("a hostname"));
        let all = labels(site, &hosts, 8080, "stoa-edge", https);
        all.into_iter().map(|(key, value)| format!("{key}={value}").replace(&site.to_string(), "ID")).collect()
    }

    #[test]
    fn plain() {
        assert_eq!(
            made(Https::Never),
            [
                "traefik.docker.network=stoa-edge",
                "traefik.enable=true",
                "traefik.http.routers.ID-http.entrypoints=web",
                "traefik.http.routers.ID-http.rule=Host(`a.example.com`) || Host(`www.a.example.com`)",
                "traefik.http.routers.ID-http.service=ID",
                "traefik.http.services.ID.loadbalancer.server.port=8080",
            ]
        );
    }

    #[test]
    fn secure() {
        let all = made(Https::Resolver("letsencrypt"));
        for label in [
            "traefik.http.routers.ID.entrypoints=websecure",
            "traefik.http.routers.ID.rule=Host(`a.example.com`) || Host(`www.a.example.com`)",
            "traefik.http.routers.ID.tls=true",
            "traefik.http.routers.ID.tls.certresolver=letsencrypt",
            "traefik.http.routers.ID-http.middlewares=ID-https",
            "traefik.http.middlewares.ID-https.redirectscheme.scheme=https",
            "traefik.http.middlewares.ID-https.redirectscheme.permanent=true",
        ] {
            assert!(all.iter().any(|made| made == label), "{label} is missing in {all:#?}");
        }
        assert!(!made(Https::Present).iter().any(|label| label.contains("certresolver")));
    }
}
