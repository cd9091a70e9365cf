//! Who answers over plain HTTP.

use stoa_model::route::{Notice, Target};

use super::{
    Answer, Ask, Edge, Probe,
    tables::{MAX_BODY, Tables, apply, hostname},
};

/// Routes come, move and go.
pub(super) async fn routes(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let [one, two] = probe.upstreams();
    assert_eq!(edge.applied(), 0, "a new edge has applied nothing");
    assert_eq!(probe.ask("a.example.com").await, Answer::NotFound, "a new edge routes nothing");

    let first =
        tables.next(&[("a.example.com", Target::Upstream(one)), ("b.example.com", Target::Notice(Notice::Stopped))]);
    apply(edge, &first).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one), "a route leads to its upstream");
    assert_eq!(probe.ask("A.Example.COM").await, Answer::Upstream(one), "capitals in a host mean nothing");
    assert_eq!(probe.ask("b.example.com").await, Answer::Unavailable, "a notice is shown");
    assert_eq!(probe.ask("x.a.example.com").await, Answer::NotFound, "a route is for its own name only");
    assert_eq!(probe.ask("example.com").await, Answer::NotFound, "a route is not for its parent");

    apply(edge, &first).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one), "applying twice changes nothing");

    let mut older = Tables::default().next(&[("a.example.com", Target::Upstream(two))]);
    older.version = first.version - 1;
    apply(edge, &older).await;
    assert_eq!(edge.applied(), first.version, "an older table is ignored");
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one), "an older table is ignored");

    apply(edge, &tables.next(&[("a.example.com", Target::Upstream(two)), ("b.example.com", Target::Upstream(one))]))
        .await;
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(two), "a route moves at once");
    assert_eq!(probe.ask("b.example.com").await, Answer::Upstream(one), "a notice ends at once");

    let last = tables.next(&[]);
    apply(edge, &last).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::NotFound, "a removed route is gone");
    assert_eq!(edge.applied(), last.version);
}

/// A name that leads to another name of its site.
pub(super) async fn redirects(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let [one, _] = probe.upstreams();
    let table = tables.next(&[
        ("a.example.com", Target::Upstream(one)),
        ("www.a.example.com", Target::Redirect(hostname("a.example.com"))),
    ]);
    apply(edge, &table).await;
    let ask = Ask::get("www.a.example.com", "/cart/1?a=b&c=%20d");
    for answer in [probe.send(ask).await, probe.send(Ask { body: 10, ..ask }).await] {
        // The two names may change places at any time.
        assert!(matches!(answer, Answer::Temporary(_)), "browsers must not remember it: {answer:?}");
        leads_to(&answer, "http://a.example.com", ask.path);
    }
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one));
}

/// The answer is a redirect to this origin, which may have a port, with path and query.
pub(super) fn leads_to(answer: &Answer, origin: &str, path: &str) {
    let (Answer::Permanent(to) | Answer::Temporary(to)) = answer else {
        panic!("not redirected to {origin}{path} but {answer:?}")
    };
    let port = to.strip_prefix(origin).and_then(|rest| rest.strip_suffix(path));
    let Some(port) = port else { panic!("redirected to {to} instead of {origin}{path}") };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    assert!(
        port.is_empty() || port.strip_prefix(':').is_some_and(is_port),
        "redirected to {to} instead of {origin}{path}"
    );
}

/// Paths that the edge answers itself, whatever the host.
pub(super) async fn answers(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let [one, _] = probe.upstreams();
    let path = "/.well-known/acme-challenge/LoqXcYV8_q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX";
    let text = "LoqXcYV8_q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";
    let routes = [
        ("a.example.com", Target::Upstream(one)),
        ("b.example.com", Target::Notice(Notice::Suspended)),
        ("c.example.com", Target::Redirect(hostname("a.example.com"))),
    ];
    let mut table = tables.next(&routes);
    table.answers.insert(path.to_owned(), text.to_owned());
    apply(edge, &table).await;
    for host in ["a.example.com", "b.example.com", "c.example.com", "nobody.example.com"] {
        assert_eq!(probe.send(Ask::get(host, path)).await, Answer::Text(text.into()), "the answer on {host}");
    }
    let other = "/.well-known/acme-challenge/other";
    assert_eq!(probe.send(Ask::get("a.example.com", other)).await, Answer::Upstream(one), "other paths are the site's");
    assert_eq!(probe.send(Ask::get("nobody.example.com", other)).await, Answer::NotFound);

    apply(edge, &tables.next(&routes)).await;
    assert_eq!(probe.send(Ask::get("a.example.com", path)).await, Answer::Upstream(one), "an answer is gone at once");
}

/// The largest body.
pub(super) async fn bodies(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let [one, _] = probe.upstreams();
    apply(edge, &tables.next(&[("a.example.com", Target::Upstream(one))])).await;
    let most = usize::try_from(MAX_BODY).unwrap_or(usize::MAX);
    let ask = Ask { host: "a.example.com", path: "/", body: most };
    assert_eq!(probe.send(ask).await, Answer::Upstream(one), "a body may be as large as the limit");
    assert_eq!(probe.send(Ask { body: most + 1, ..ask }).await, Answer::TooLarge, "a body may not be larger");
}
