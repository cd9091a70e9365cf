//! All names that have or need a certificate, the most urgent first.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::{SignedDuration, Timestamp};
use stoa_core::Settings;
use stoa_domains::view::{CertificateSource, CertificateState, NameCertificate};

use crate::{
    app::App,
    extract::permissions::StaffMember,
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// Longest list; the names beyond it are the least urgent.
const MAX_NAMES: usize = 300;
/// How long before its expiry an uploaded certificate, which is not renewed automatically, is reported.
pub const EXPIRY_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// `/staff/certificates`
#[derive(Template)]
#[template(path = "domains/staff_certificates.html")]
pub struct CertificatesPage {
    /// Layout of the page.
    pub frame: Frame,
    /// What is not configured, and how to configure it.
    pub missing: Option<&'static str>,
    /// Number of names that need attention.
    pub bad: usize,
    /// Number of all names.
    pub total: usize,
    /// The names, the most urgent first.
    pub lines: Vec<CertificateLine>,
}

/// A name's certificate, as shown.
pub struct CertificateLine {
    /// The name, or the names of an uploaded certificate.
    pub name: String,
    /// State.
    pub badge: Badge,
    /// Issuer of the certificate in use, and whether it was uploaded.
    pub issuer: Option<(String, bool)>,
    /// Expiry: day, and time until then.
    pub until: Option<(String, Moment)>,
    /// Error messages.
    pub problem: Option<String>,
    /// Technical cause.
    pub detail: Option<String>,
    /// When the next attempt is due.
    pub next_try: Option<Moment>,
}

/// Urgency of a name, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// HTTPS does not work.
    NotServed,
    /// HTTPS will stop working without intervention.
    Expiring,
    /// The first certificate is pending.
    Waiting,
    /// Nothing to do.
    Healthy,
}

fn urgency(name: &NameCertificate, now: Timestamp) -> Urgency {
    let served = name.certificate.as_ref();
    let expires_soon =
        |source, at: Timestamp| source == CertificateSource::Uploaded && at.duration_since(now) < EXPIRY_WARNING;
    match name.state {
        CertificateState::Failing => Urgency::NotServed,
        CertificateState::Good if name.problem.is_some() => Urgency::Expiring,
        CertificateState::Good if served.is_some_and(|c| expires_soon(c.source, c.expires_at)) => Urgency::Expiring,
        CertificateState::Waiting => Urgency::Waiting,
        CertificateState::Good | CertificateState::Off => Urgency::Healthy,
    }
}

/// Number of names that need attention.
pub fn count_needing_attention(all: &[NameCertificate], now: Timestamp) -> usize {
    all.iter().filter(|name| urgency(name, now) <= Urgency::Expiring).count()
}

impl CertificateLine {
    fn new(name: NameCertificate, now: Timestamp) -> Self {
        let badge = match urgency(&name, now) {
            Urgency::Expiring => status::EXPIRING,
            _ => status::certificate(name.state),
        };
        let (served, failing) = (name.certificate, name.problem.is_some());
        let uploaded = served.as_ref().is_some_and(|c| c.source == CertificateSource::Uploaded);
        let notice = (badge == status::EXPIRING && uploaded)
            .then(|| "It was uploaded and doesn't renew automatically: its owner has to upload a new one.".to_owned());
        Self {
            badge,
            until: served.as_ref().map(|c| (time::day(c.expires_at), time::moment(c.expires_at, now))),
            issuer: served.map(|c| (c.issuer, c.source == CertificateSource::Uploaded)),
            next_try: name.next_try.filter(|_| failing).map(|at| time::moment(at, now)),
            detail: name.detail.filter(|_| failing),
            problem: name.problem.or(notice),
            name: name.name,
        }
    }
}

impl CertificatesPage {
    /// Builds the page.
    pub fn new(frame: Frame, mut all: Vec<NameCertificate>, missing: Option<&'static str>, now: Timestamp) -> Self {
        let ends = |name: &NameCertificate| name.certificate.as_ref().map(|c| c.expires_at);
        all.sort_by_key(|name| (urgency(name, now), ends(name), name.name.clone()));
        let (bad, total) = (count_needing_attention(&all, now), all.len());
        let lines = all.into_iter().take(MAX_NAMES).map(|name| CertificateLine::new(name, now)).collect();
        Self { frame, missing, bad, total, lines }
    }
}

/// What is not configured, if anything.
fn missing(settings: &Settings) -> Option<&'static str> {
    match (settings.https_port, &settings.acme) {
        (None, _) => Some("This platform doesn't serve HTTPS. Set https_listen, and a directory in [acme]."),
        (Some(_), None) => Some(
            "No certificate authority is configured. Set a directory in [acme]; until then only uploaded certificates are used.",
        ),
        _ => None,
    }
}

/// `GET /staff/certificates`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember, frame: Frame) -> Result<Response, HttpError> {
    let all = app.control.domains.list_certificates(&cx).await?;
    Ok(ui::ok(&CertificatesPage::new(frame, all, missing(app.control.settings()), cx.now)))
}

#[cfg(test)]
mod tests {
    use stoa_domains::view::CertificateView;

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
    fn the_most_urgent_comes_first() {
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
