//! A site's addresses: the main one and its lock, the platform's own name, and the domains that
//! its owner brought along.
//!
//! One page holds all of it; each form on it has a file here. A form that is refused shows the
//! whole page again, with what was typed and the service layer's words at the right field.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_control::{Settings, view::DomainsView};
use stoa_model::{account::Role, id::SiteId};

use super::{
    add::{AddFields, AddForm},
    card::DomainCard,
    certificate_status::{Lock, MainAddress},
    certificate_upload::Brought,
    limits::{LimitsForm, SiteLimits},
};
use crate::{
    app::App,
    extract::rights::OwnSite,
    fault::Fault,
    pages::sites::show::SiteHead,
    ui::{frame::Frame, refusal::Refusal},
};

/// `/sites/{id}/domains`
#[derive(Template)]
#[template(path = "domains/show.html")]
pub struct DomainsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The site's head.
    pub head: SiteHead,
    /// What is wrong with what was sent.
    pub refusal: Refusal,
    /// The main address.
    pub main: MainAddress,
    /// The platform's own name.
    pub own: Lock,
    /// The domains that were brought along.
    pub domains: Vec<DomainCard>,
    /// Whether something may change by itself soon.
    pub moving: bool,
    /// The form for another one.
    pub add: AddFields,
    /// The certificate that was brought along.
    pub brought: Brought,
    /// What visitors may use.
    pub limits: SiteLimits,
    /// Whether who looks may change anything.
    pub may_change: bool,
}

/// What was typed into which form.
#[derive(Default)]
pub struct Typed {
    /// A domain.
    pub add: AddForm,
    /// A certificate, without its key.
    pub chain: String,
    /// Limits.
    pub limits: Option<LimitsForm>,
}

/// What the page must know of the platform, beside the site's addresses.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// Whether an authority issues certificates here.
    pub issues: bool,
    /// Whether who looks may change limits.
    pub limits: bool,
    /// Now.
    pub now: Timestamp,
}

impl Surroundings {
    fn new(settings: &Settings, limits: bool, now: Timestamp) -> Self {
        Self { issues: settings.acme.is_some(), limits, now }
    }
}

impl DomainsPage {
    /// The page.
    pub fn new(
        frame: Frame,
        head: SiteHead,
        view: DomainsView,
        around: Surroundings,
        typed: Typed,
        refusal: Refusal,
    ) -> Self {
        let problems = &refusal.problems;
        let cards = view.domains.iter().enumerate();
        let domains: Vec<DomainCard> = cards.map(|(n, domain)| DomainCard::new(n, domain, around)).collect();
        let main = MainAddress::new(&view, around);
        let moving = main.lock.moving || domains.iter().any(DomainCard::is_moving);
        Self {
            add: AddFields::new(&typed.add, problems),
            brought: Brought::new(&view, &typed.chain, around, problems),
            limits: SiteLimits::new(view.limits, typed.limits, around, problems),
            own: Lock::new(&view.own, around),
            may_change: view.may_change,
            frame,
            head,
            refusal,
            main,
            domains,
            moving,
        }
    }
}

/// `GET /sites/{id}/domains`
pub async fn show(State(app): State<App>, own: OwnSite, frame: Frame) -> Result<Response, Fault> {
    page(&app, own, frame, Typed::default(), Refusal::default()).await
}

/// The page, with what was typed and why it was refused.
pub(super) async fn page(
    app: &App,
    OwnSite { cx, site }: OwnSite,
    frame: Frame,
    typed: Typed,
    refusal: Refusal,
) -> Result<Response, Fault> {
    let view = app.control.site_domains(&cx, site.id).await?;
    let around = Surroundings::new(app.control.settings(), cx.actor.has_role(Role::Admin), cx.now);
    let reply = refusal.reply();
    Ok(reply.page(&DomainsPage::new(frame, SiteHead::new(&site), view, around, typed, refusal)))
}

/// Where a site's addresses are shown.
pub(super) fn path_of(site: SiteId) -> String {
    format!("/sites/{site}/domains")
}
