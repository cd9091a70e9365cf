//! No customer can keep a site as it is by something that nginx refuses.

use std::{fs, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use stoa_model::{
    certificate::Certificate,
    id::CertificateId,
    route::{Notice, RoutingTable, Target},
};
use stoa_provider::edge::Edge;
use uuid::Uuid;

use crate::{
    nginx_faults::{mute, partly_applied, shows},
    nginx_support::{TestNginx, file, needs_nginx, site, table},
    support::{mirror, status},
    tls_support::{Authority, connect_to},
};

const NAME: &str = "a.example.com";

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A good certificate in a chain whose intermediate claims to be signed with RSA and SHA-1. No library signs like that
/// any more, and no server checks the signature.
fn signed_with_sha1(id: u128, name: &str) -> Arc<Certificate> {
    let root = Issuer::new(authority(), KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap());
    let (key, middle_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut middle = authority().signed_by(&middle_key, &root).unwrap().der().to_vec();
    let (sha256, sha1) = ([0xF7, 0x0D, 1, 1, 0x0B], [0xF7, 0x0D, 1, 1, 0x05]);
    let places: Vec<_> = (0..middle.len() - 5).filter(|at| middle[*at..at + 5] == sha256).collect();
    assert_eq!(places.len(), 2, "within the signature and beside it");
    for at in places {
        middle[at..at + 5].copy_from_slice(&sha1);
    }
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(authority(), middle_key)).unwrap().pem();
    let middle = BASE64_STANDARD.encode(middle);
    let chain = format!("{leaf}-----BEGIN CERTIFICATE-----\n{middle}\n-----END CERTIFICATE-----\n");
    let id = CertificateId::from_uuid(Uuid::from_u128(id));
    Arc::new(Certificate { id, names: vec![name.parse().unwrap()], chain, key: key.serialize_pem().into() })
}

fn with(version: u64, target: Target, certificates: &[Arc<Certificate>]) -> RoutingTable {
    let mut table = table(version, &[(NAME, target)]);
    table.routes.get_mut(NAME).unwrap().secure = true;
    RoutingTable { certificates: certificates.to_vec().into(), ..table }
}

async fn shows_over_tls(nginx: &TestNginx, authority: &Authority, words: &str) {
    let mut raw = connect_to(nginx.https, authority.client(&["http/1.1"]), NAME).await.unwrap();
    raw.write(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n")).await;
    let answer = raw.rest().await;
    assert!(answer.contains(words), "{answer}");
}

#[tokio::test]
async fn a_bad_certificate_does_not_prevent_a_suspension() {
    needs_nginx!();
    let (nginx, authority) = (TestNginx::start().await, Authority::new());
    let [good, bad] = [authority.certificate(1, &[NAME]), signed_with_sha1(2, NAME)];
    nginx.edge.apply(with(1, Target::Upstream(mirror().await), &[good])).await.unwrap();

    let suspended = |version| with(version, Target::Notice(Notice::Suspended), std::slice::from_ref(&bad));
    let (text, refused) = partly_applied(nginx.edge.apply(suspended(2)).await);
    assert!(text.contains("md too weak") && text.contains(NAME), "{text}");
    assert_eq!((refused, nginx.edge.applied()), (Some(vec![]), 2));
    shows_over_tls(&nginx, &authority, "not available").await;
    // Another process, which remembers nothing, finds the former certificate too.
    let restarted = nginx.another();
    partly_applied(restarted.apply(with(3, Target::Notice(Notice::Maintenance), std::slice::from_ref(&bad))).await);
    shows_over_tls(&nginx, &authority, "Back in a moment").await;
}

#[tokio::test]
async fn a_site_without_a_former_certificate_is_served_without_tls() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let bad = signed_with_sha1(2, NAME);
    partly_applied(nginx.edge.apply(with(1, Target::Notice(Notice::Stopped), &[bad])).await);
    // It must be visited over HTTPS; as long as that can't be, it is better visited without.
    shows(&nginx, NAME, "is temporarily offline").await;
    let left: Vec<_> =
        fs::read_dir(&nginx.config.certificates).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"], "a refused certificate does not stay");
}

#[tokio::test]
async fn a_refused_site_stays_as_it_was_only_while_that_holds() {
    needs_nginx!();
    let nginx = TestNginx::start().await;
    let stopped = || Target::Notice(Notice::Stopped);
    let mut routes = ["a.example.com", "b.example.com", "c.example.com"].map(|name| (name, stopped()));
    nginx.route(1, &routes).await;
    let former = fs::read_to_string(nginx.available(&file(0))).unwrap();

    // All three get a name that is refused; the second also gets another notice, and the third one's name has moved to a
    // newer site.
    routes[1].1 = Target::Notice(Notice::Suspended);
    let mut next = table(2, &routes);
    for (number, bad) in ["bad-a.example.com", "bad-b.example.com", "bad-c.example.com"].into_iter().enumerate() {
        let mut more = table(0, &[(bad, stopped())]).routes[bad].clone();
        more.site = site(number);
        next.routes.insert(crate::nginx_support::host(bad), more);
    }
    next.routes.get_mut("c.example.com").unwrap().site = site(9);
    next.routes.get_mut("c.example.com").unwrap().target = Target::Notice(Notice::Maintenance);
    let refusing = mute(&nginx, "bad-");
    for version in [2, 3] {
        next.version = version;
        let (text, refused) = partly_applied(refusing.apply(next.clone()).await);
        assert_eq!(refused, Some(vec![site(0), site(1), site(2)]), "{text}");
        shows(&nginx, "a.example.com", "is temporarily offline").await;
        assert_eq!(fs::read_to_string(nginx.available(&file(0))).unwrap(), former, "all of it still holds");
        assert_eq!(status(&nginx.get("b.example.com", "").await), 404, "it is not as it was");
        shows(&nginx, "c.example.com", "Back in a moment").await;
    }
    assert!(nginx.enabled(&file(0)).exists() && !nginx.enabled(&file(1)).exists());
    nginx.edge.apply(RoutingTable { version: 4, ..next }).await.unwrap();
    shows(&nginx, "b.example.com", "not available").await;
}
