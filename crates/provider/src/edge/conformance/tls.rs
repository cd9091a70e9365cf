//! Names that must be visited over TLS, and which certificate a name shows.

use std::sync::Arc;

use stoa_model::{
    certificate::Certificate,
    id::CertificateId,
    route::{Notice, RoutingTable, Target},
};

use super::{
    Answer, Ask, Edge, Probe, Secured,
    routing::leads_to,
    tables::{Tables, apply, hostname, secure},
};

const PATH: &str = "/.well-known/acme-challenge/token";

/// Plain requests for a secure name are redirected to HTTPS, except for answers.
pub(super) async fn plain_is_redirected(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let [one, _] = probe.upstreams();
    let mut table = tables.next(&[
        ("a.example.com", Target::Upstream(one)),
        ("b.example.com", Target::Upstream(one)),
        ("c.example.com", Target::Notice(Notice::Stopped)),
        ("d.example.com", Target::Redirect(hostname("a.example.com"))),
    ]);
    let names = ["a.example.com", "c.example.com", "d.example.com"];
    names.iter().for_each(|name| secure(&mut table, name));
    table.certificates = Arc::new(probe.certificate(&["*.example.com"]).map(Arc::new).into_iter().collect());
    table.answers.insert(PATH.into(), "proof".into());
    apply(edge, &table).await;
    for host in names {
        let answer = probe.send(Ask::get(host, "/x?y=z")).await;
        leads_to(&answer, &format!("https://{host}"), "/x?y=z");
        assert_eq!(probe.send(Ask::get(host, PATH)).await, Answer::Text("proof".into()), "an answer needs no TLS");
    }
    assert_eq!(probe.ask("b.example.com").await, Answer::Upstream(one), "the other names stay plain");
}

/// Which certificate a name shows, and that the same routes are behind it.
pub(super) async fn certificates(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let made = ["*.example.com", "a.example.com", "a.example.com"].map(|name| probe.certificate(&[name]).map(Arc::new));
    let [Some(wildcard), Some(exact), Some(renewed)] = made else { return };
    let [one, two] = probe.upstreams();
    let mut next = |certificates: &[&Arc<Certificate>]| -> RoutingTable {
        let mut table = tables.next(&[
            ("a.example.com", Target::Upstream(one)),
            ("b.example.com", Target::Upstream(two)),
            ("a.b.example.com", Target::Upstream(two)),
        ]);
        secure(&mut table, "a.example.com");
        table.certificates = Arc::new(certificates.iter().copied().cloned().collect());
        table.answers.insert(PATH.into(), "proof".into());
        table
    };
    let (a, b) = ("a.example.com", "b.example.com");

    apply(edge, &next(&[&wildcard])).await;
    assert_eq!(shows(probe, a, one).await, wildcard.id, "a wildcard is for the names below it");
    assert_eq!(shows(probe, b, two).await, wildcard.id, "a name that need not be secure may be");
    shows_no_certificate(probe, "a.b.example.com", "a wildcard is for one label").await;
    shows_no_certificate(probe, "example.com", "a wildcard is not for its parent").await;
    let answer = probe.send_tls(Ask::get(a, PATH)).await;
    assert_eq!(answer, Secured::Answered(Some(wildcard.id), Answer::Text("proof".into())), "answers, over TLS too");
    if let Secured::Answered(_, answer) = probe.send_tls(Ask::get("nobody.example.com", "/")).await {
        assert_eq!(answer, Answer::NotFound, "TLS opens no door");
    }

    apply(edge, &next(&[&exact, &wildcard])).await;
    assert_eq!(shows(probe, a, one).await, exact.id, "an exact name wins over a wildcard");
    assert_eq!(shows(probe, b, two).await, wildcard.id);

    apply(edge, &next(&[&exact, &renewed, &wildcard])).await;
    assert_eq!(shows(probe, a, one).await, renewed.id, "the later of two wins");

    apply(edge, &next(&[&renewed])).await;
    assert_eq!(shows(probe, a, one).await, renewed.id);
    shows_no_certificate(probe, b, "a certificate that is gone is no longer shown").await;
    assert_eq!(probe.ask(b).await, Answer::Upstream(two), "without a certificate there is plain HTTP");
}

/// The certificate that `host` shows; `upstream` must have answered behind it.
async fn shows(probe: &dyn Probe, host: &str, upstream: std::net::SocketAddr) -> CertificateId {
    match probe.send_tls(Ask::get(host, "/")).await {
        Secured::Answered(Some(id), answer) => {
            assert_eq!(answer, Answer::Upstream(upstream), "{host} over TLS");
            id
        }
        other => panic!("{host} shows no certificate of the table but {other:?}"),
    }
}

/// `host` must not show a certificate of the table, because none covers it.
async fn shows_no_certificate(probe: &dyn Probe, host: &str, why: &str) {
    let answer = probe.send_tls(Ask::get(host, "/")).await;
    assert!(matches!(answer, Secured::Refused | Secured::Answered(None, _)), "{why}: {host} shows {answer:?}");
}
