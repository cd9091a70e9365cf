//! Every name that has or needs a certificate; what needs somebody comes first.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::{SignedDuration, Timestamp};
use stoa_control::{
    Settings,
    view::{CertificateSource, CertificateState, NameCertificate},
};

use crate::{
    app::App,
    extract::rights::StaffMember,
    fault::Fault,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// Names on the page; those that are left out are well.
const MOST: usize = 300;
/// One that nobody renews is spoken of this long before its end.
pub const WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// `/staff/certificates`
#[derive(Template)]
#[template(path = "domains/staff_certificates.html")]
pub struct CertificatesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What is not set up, and how to.
    pub missing: Option<&'static str>,
    /// Names that need somebody.
    pub bad: usize,
    /// All names.
    pub total: usize,
    /// The names, the soonest trouble first.
    pub lines: Vec<CertificateLine>,
}

/// A name's certificate in the list.
pub struct CertificateLine {
    /// The name, or the names of one that was brought along.
    pub name: String,
    /// How it stands.
    pub badge: Badge,
    /// Who issued what is served, and whether it was brought along.
    pub issuer: Option<(String, bool)>,
    /// When that runs out: the day, and how far off.
    pub until: Option<(String, Moment)>,
    /// What is wrong.
    pub problem: Option<String>,
    /// Its cause.
    pub detail: Option<String>,
    /// When it is tried again.
    pub next_try: Option<Moment>,
}

/// How much a name needs somebody, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// Visitors are not served over HTTPS.
    NotServed,
    /// They will not be, unless something happens.
    RunsOut,
    /// There was no time yet.
    Waiting,
    /// None.
    Well,
}

fn trouble(name: &NameCertificate, now: Timestamp) -> Trouble {
    let served = name.certificate.as_ref();
    let unattended = |source, at: Timestamp| source == CertificateSource::Uploaded && at.duration_since(now) < WARNING;
    match name.state {
        CertificateState::Failing => Trouble::NotServed,
        CertificateState::Good if name.problem.is_some() => Trouble::RunsOut,
        CertificateState::Good if served.is_some_and(|c| unattended(c.source, c.expires_at)) => Trouble::RunsOut,
        CertificateState::Waiting => Trouble::Waiting,
        CertificateState::Good | CertificateState::Off => Trouble::Well,
    }
}

/// How many names need somebody.
pub fn bad(all: &[NameCertificate], now: Timestamp) -> usize {
    all.iter().filter(|name| trouble(name, now) <= Trouble::RunsOut).count()
}

impl CertificateLine {
    fn new(name: NameCertificate, now: Timestamp) -> Self {
        let badge = match trouble(&name, now) {
            Trouble::RunsOut => status::RUNS_OUT,
            _ => status::certificate(name.state),
        };
        let (served, failing) = (name.certificate, name.problem.is_some());
        let brought = served.as_ref().is_some_and(|c| c.source == CertificateSource::Uploaded);
        let unattended = (badge == status::RUNS_OUT && brought)
            .then(|| "It was brought along and is not renewed by itself: its owner uploads the next one.".to_owned());
        Self {
            badge,
            until: served.as_ref().map(|c| (time::day(c.expires_at), time::moment(c.expires_at, now))),
            issuer: served.map(|c| (c.issuer, c.source == CertificateSource::Uploaded)),
            next_try: name.next_try.filter(|_| failing).map(|at| time::moment(at, now)),
            detail: name.detail.filter(|_| failing),
            problem: name.problem.or(unattended),
            name: name.name,
        }
    }
}

impl CertificatesPage {
    /// The page.
    pub fn new(frame: Frame, mut all: Vec<NameCertificate>, missing: Option<&'static str>, now: Timestamp) -> Self {
        let ends = |name: &NameCertificate| name.certificate.as_ref().map(|c| c.expires_at);
        all.sort_by_key(|name| (trouble(name, now), ends(name), name.name.clone()));
        let (bad, total) = (bad(&all, now), all.len());
        let lines = all.into_iter().take(MOST).map(|name| CertificateLine::new(name, now)).collect();
        Self { frame, missing, bad, total, lines }
    }
}

/// What the operator has not set up, if anything.
fn missing(settings: &Settings) -> Option<&'static str> {
    match (settings.https_port, &settings.acme) {
        (None, _) => Some("This platform serves no HTTPS. Set https_listen, and a directory in [acme]."),
        (Some(_), None) => Some(
            "Nobody issues certificates here. Set a directory in [acme]; until then only certificates that customers bring along are served.",
        ),
        _ => None,
    }
}

/// `GET /staff/certificates`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember, frame: Frame) -> Result<Response, Fault> {
    let all = app.control.certificates(&cx).await?;
    Ok(ui::ok(&CertificatesPage::new(frame, all, missing(app.control.settings()), cx.now)))
}

#[cfg(test)]
mod tests {
    use stoa_control::view::CertificateView;

    use super::*;

    fn name(text: &str, state: CertificateState, days: Option<i64>, problem: bool) -> NameCertificate {
        let source = if text.starts_with("own") { CertificateSource::Uploaded } else { CertificateSource::Issued };
        let certificate = days.map(|days| CertificateView {
            names: vec![text.into()],
            source,
            issuer: "Test".into(),
            expires_at: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days),
            notes: Vec::new(),
        });
        let problem = problem.then(|| "It fails.".to_owned());
        NameCertificate { name: text.into(), state, certificate, detail: None, next_try: None, problem }
    }

    #[test]
    fn the_soonest_trouble_comes_first() {
        use CertificateState::{Failing, Good, Waiting};
        let all = vec![
            name("good.example", Good, Some(3), false),
            name("waiting.example", Waiting, None, false),
            name("own-far.example", Good, Some(90), false),
            name("own-near.example", Good, Some(5), false),
            name("renewal.example", Good, Some(2), true),
            name("failing.example", Failing, None, true),
        ];
        let page = CertificatesPage::new(Frame::default(), all, None, Timestamp::UNIX_EPOCH);
        let order: Vec<_> = page.lines.iter().map(|line| line.name.split('.').next().unwrap_or_default()).collect();
        assert_eq!(order, ["failing", "renewal", "own-near", "waiting", "good", "own-far"]);
        assert_eq!((page.bad, page.total), (3, 6));
    }
}
