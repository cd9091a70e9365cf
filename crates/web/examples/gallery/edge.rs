//! Sample data: domains in every state, certificates, traffic.

use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use stoa_domains::view::{
    CertificateSource, CertificateState, CertificateView, DnsInstruction, DomainView, DomainsView, NameCertificate,
};
use stoa_model::{domain::DomainState, field::Invalid, id::DomainId, route::RouteLimits, traffic::Traffic};
use stoa_sites::view::TrafficHour;
use stoa_web::{
    pages::{
        domains::{
            add::AddForm,
            limits::LimitsForm,
            remove::RemovePage,
            show::{DomainsPage, FormInput, PageContext},
            staff_certificates::CertificatesPage,
        },
        sites::{
            show::SiteHead,
            traffic::{TrafficPage, range::Range},
        },
    },
    ui::{self, field::Problems, form_errors::FormErrors, frame::Frame},
};
use uuid::Uuid;

use crate::sample::{ago, now, some_sites};

pub const PAGES: &[&str] = &[
    "domains-none",
    "domains-claimed",
    "domains-failing",
    "domains-good",
    "domains-uploaded",
    "domains-refused",
    "domains-support",
    "domains-admin",
    "domains-off",
    "remove-domain",
    "remove-main",
    "traffic-24h",
    "traffic-7d",
    "traffic-30d",
    "traffic-empty",
    "staff-certificates",
    "staff-certificates-well",
];

const OWN: &str = "harbour-street-roasters.shops.example.com";

fn served(names: &[&str], days: i64, source: CertificateSource) -> CertificateView {
    let issuer = if source == CertificateSource::Issued { "Let’s Encrypt" } else { "DigiCert Inc" };
    CertificateView {
        names: names.iter().map(|&n| n.to_owned()).collect(),
        source,
        issuer: issuer.into(),
        expires_at: ago(-days * 86_400),
        notes: Vec::new(),
    }
}

fn good(name: &str, days: i64) -> NameCertificate {
    NameCertificate {
        name: name.into(),
        state: CertificateState::Good,
        certificate: Some(served(&[name], days, CertificateSource::Issued)),
        problem: None,
        detail: None,
        next_try: None,
    }
}

fn waiting(name: &str) -> NameCertificate {
    NameCertificate { certificate: None, state: CertificateState::Waiting, ..good(name, 0) }
}

fn failing(name: &str, staff: bool) -> NameCertificate {
    let detail = "urn:ietf:params:acme:error:caa: CAA record for bücher.example prevents issuance (authz 41207731)";
    NameCertificate {
        state: CertificateState::Failing,
        problem: Some(format!(
            "The domain {name} forbids our certificate authority (its CAA record names another one). Add letsencrypt.org to that record, or remove it."
        )),
        detail: staff.then(|| detail.to_owned()),
        next_try: Some(ago(-3_600)),
        ..waiting(name)
    }
}

fn domain(n: u128, name: &str, display: &str, state: DomainState) -> DomainView {
    let claimed = state == DomainState::Claimed;
    let record = |kind, name: String, value: &str, purpose, seen| DnsInstruction {
        kind,
        relative_name: if kind == "TXT" { "_stoa".into() } else { "@".into() },
        name,
        value: value.into(),
        purpose,
        seen,
    };
    let mut records = Vec::new();
    if claimed {
        let text = "stoa-verification=dJLrTKmVfsX_7G1C36njC3GLHxhZTVqh";
        records.push(record("TXT", format!("_stoa.{name}"), text, "Proves that the domain is yours", Some(false)));
    }
    for (kind, value) in [("A", "198.51.100.1"), ("AAAA", "2001:db8:4:17::1")] {
        records.push(record(kind, name.into(), value, "Leads visitors to your site", Some(!claimed)));
    }
    DomainView {
        id: DomainId::from_uuid(Uuid::from_u128(0x0193_4fd2_7c00_7000_8000_0000_0000_0100 + n)),
        site: some_sites()[0].id,
        name: name.into(),
        display: display.into(),
        state,
        is_main: false,
        main_wanted: false,
        problem: None,
        records,
        file: (
            format!("http://{name}/.well-known/stoa-verification/dJLrTKmVfsX_7G1C36njC3GLHxhZTVqh"),
            "dJLrTKmVfsX_7G1C36njC3GLHxhZTVqh".into(),
        ),
        expires_at: claimed.then(|| ago(-6 * 86_400)),
        checked_at: Some(ago(80)),
        certificate: (!claimed).then(|| good(name, 61)),
    }
}

fn addresses(domains: Vec<DomainView>, may_change: bool) -> DomainsView {
    let main = domains.iter().find(|d| d.is_main).map(|d| d.name.clone());
    DomainsView {
        url: format!("https://{}", main.as_deref().unwrap_or(OWN)),
        own_is_main: main.is_none(),
        own: good(OWN, 44),
        domains,
        addresses: vec!["198.51.100.1".parse().unwrap()],
        uploaded: None,
        limits: RouteLimits {
            rate: 200,
            burst: 400,
            in_flight: 500,
            response_seconds: 600,
            ..RouteLimits::body(100 << 20)
        },
        may_change,
    }
}

fn claimed() -> Vec<DomainView> {
    let mut first = domain(1, "harbour-street.example", "harbour-street.example", DomainState::Claimed);
    first.main_wanted = true;
    first.problem = Some("It is not proven yet that this domain is yours: the TXT record was not found. harbour-street.example still points to 203.0.113.9, not to this server (198.51.100.1, 2001:db8:4:17::1). Change its address records; it can take a while until the change is seen.".into());
    let mut second = domain(2, "xn--bcher-kva.example", "bücher.example", DomainState::Claimed);
    second.checked_at = None;
    second.records.iter_mut().for_each(|r| r.seen = None);
    vec![first, second]
}

fn failed(staff: bool) -> Vec<DomainView> {
    let mut first = domain(1, "harbour-street.example", "harbour-street.example", DomainState::Verified);
    first.main_wanted = true;
    first.problem = Some(
        "harbour-street.example leads to this server, but also to 203.0.113.9. Remove the records that lead elsewhere."
            .into(),
    );
    first.records.iter_mut().for_each(|r| r.seen = Some(false));
    first.certificate = Some(waiting("harbour-street.example"));
    let mut second = domain(2, "xn--bcher-kva.example", "bücher.example", DomainState::Verified);
    second.certificate = Some(failing("bücher.example", staff));
    let mut third = domain(3, "old.example", "old.example", DomainState::Verified);
    let renewal = "The certificate authority could not be reached. It is tried again by itself.";
    third.certificate =
        Some(NameCertificate { problem: Some(renewal.into()), next_try: Some(ago(-900)), ..good("old.example", 9) });
    vec![first, second, third]
}

fn proven() -> Vec<DomainView> {
    let mut first = domain(1, "harbour-street.example", "harbour-street.example", DomainState::Verified);
    first.is_main = true;
    vec![first, domain(2, "www.harbour-street.example", "www.harbour-street.example", DomainState::Verified)]
}

fn refused() -> (FormInput, FormErrors) {
    let input = FormInput {
        add: AddForm { name: "<script>alert(1)</script>".into(), www: Some("yes".into()), main: None },
        chain: "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUAJ\n-----END CERTIFICATE-----\n".into(),
        limits: None,
    };
    let wrong = vec![
        Invalid::new("name", "A domain can't contain '<'. Enter it like shop.example.com."),
        Invalid::new("certificate", "The certificate expired on 3 March 2026. Please upload a newer one."),
        Invalid::new("certificate", "The certificate is not for harbour-street.example; it is for other.example."),
        Invalid::new(
            "key",
            "The key is not the one of this certificate. Please choose the key file that was made together with it.",
        ),
    ];
    (input, FormErrors::try_from(stoa_core::Error::Invalid(wrong)).unwrap_or_default())
}

pub fn page(name: &str, themed: &dyn Fn(Option<bool>, &str) -> Frame) -> Option<Response> {
    Some(match name.split('-').next()? {
        "domains" => domains(name, themed),
        "remove" => {
            let mut domain = domain(1, "harbour-street.example", "harbour-street.example", DomainState::Verified);
            domain.is_main = name == "remove-main";
            ui::ok(&RemovePage::new(themed(Some(false), "/domains/x/remove"), &domain, Problems::default()))
        }
        "traffic" => traffic(name, themed(Some(false), "/sites/x/traffic")),
        _ => {
            let frame = themed(Some(true), "/staff/certificates");
            ui::ok(&CertificatesPage::new(frame, all_names(name), None, now()))
        }
    })
}

fn domains(name: &str, themed: &dyn Fn(Option<bool>, &str) -> Frame) -> Response {
    let staff = matches!(name, "domains-support" | "domains-admin");
    let mut site = some_sites().remove(0);
    let mut view = match name {
        "domains-claimed" => addresses(claimed(), true),
        "domains-failing" => addresses(failed(false), true),
        "domains-admin" => addresses(failed(true), true),
        "domains-none" | "domains-off" => addresses(vec![], true),
        _ => addresses(proven(), name != "domains-support"),
    };
    if name == "domains-uploaded" {
        let names = ["harbour-street.example", "www.harbour-street.example"];
        view.uploaded = Some(served(&names, 203, CertificateSource::Uploaded));
        view.domains.iter_mut().flat_map(|d| &mut d.certificate).for_each(|c| c.certificate = view.uploaded.clone());
    }
    if name == "domains-off" {
        view.url = format!("http://{OWN}:8080");
        view.own = NameCertificate { state: CertificateState::Off, ..waiting(OWN) };
    }
    site.hostname = view.url.trim_start_matches("https://").trim_start_matches("http://").into();
    site.url = view.url.clone();
    let (input, form_errors) = if name == "domains-refused" { refused() } else { Default::default() };
    let input = if name == "domains-admin" {
        FormInput { limits: Some(LimitsForm::from(view.limits)), ..input }
    } else {
        input
    };
    let context = PageContext { issues: true, may_change_limits: name == "domains-admin", now: now() };
    let frame = themed(Some(staff), "/sites/x/domains");
    ui::ok(&DomainsPage::new(frame, SiteHead::new(&site), view, context, input, form_errors))
}

fn traffic(name: &str, frame: Frame) -> Response {
    let range = Range::parse(name.strip_prefix("traffic-").unwrap_or_default());
    let hours = if name == "traffic-empty" { quiet(24) } else { busy(range.hours(now())) };
    ui::ok(&TrafficPage::new(frame, SiteHead::new(&some_sites()[0]), range, &hours))
}

fn hour(back: u32) -> Timestamp {
    let this = Timestamp::from_second(now().as_second() / 3600 * 3600).unwrap();
    this - SignedDuration::from_hours(i64::from(back))
}

fn quiet(hours: u32) -> Vec<TrafficHour> {
    (0..hours).rev().map(|back| TrafficHour { from: hour(back), traffic: Traffic::default() }).collect()
}

/// A store's traffic: quiet nights, busy evenings, a slow half day in which visitors disconnect.
pub fn busy(hours: u32) -> Vec<TrafficHour> {
    let one = |back: u32| {
        let from = hour(back);
        let of_day = u64::try_from(from.as_second() / 3600 % 24).unwrap();
        let wave = [2, 1, 0, 0, 0, 1, 4, 9, 14, 18, 22, 25, 24, 21, 19, 20, 24, 31, 42, 51, 47, 30, 14, 6]
            [usize::try_from(of_day).unwrap()];
        let n = wave * (17 + u64::from(back) * 7919 % 13);
        let slow = (3..7).contains(&(back % 60));
        let mut traffic = Traffic::default();
        for i in 0..n {
            let status = match i % 100 {
                0..71 => 200,
                71..84 => 304,
                84..95 if !slow => 404,
                84..93 => 503,
                93..97 if slow => 499,
                _ => 200,
            };
            let slowness = if slow { 40 } else { 1 };
            traffic.count(
                status,
                180,
                21_000 + i % 7 * 9_000,
                (3_000 + i % 20 * 2_400 + i % 97 / 90 * 400_000) * slowness,
            );
        }
        TrafficHour { from, traffic }
    };
    (0..hours).rev().map(one).collect()
}

fn all_names(name: &str) -> Vec<NameCertificate> {
    let wild = good("*.shops.example.com", 44);
    let uploaded = served(&["cakes.example", "www.cakes.example"], 6, CertificateSource::Uploaded);
    let own = NameCertificate { certificate: Some(uploaded), ..good("cakes.example, www.cakes.example", 6) };
    if name == "staff-certificates-well" {
        return vec![wild, good("harbour-street.example", 61)];
    }
    let renewal = NameCertificate {
        problem: Some("The certificate authority could not be reached. It is tried again by itself.".into()),
        detail: Some("GET https://acme-v02.api.letsencrypt.org/directory: connection refused (os error 111)".into()),
        next_try: Some(ago(-900)),
        ..good("old.example", 9)
    };
    vec![
        wild,
        good("harbour-street.example", 61),
        own,
        waiting("new.example"),
        renewal,
        failing("bücher.example", true),
    ]
}
