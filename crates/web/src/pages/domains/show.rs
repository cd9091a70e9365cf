//! A site's addresses: the main one, the name given by the platform, and the custom domains, with certificates.
//!
//! Each form on this page has its own file. A form with errors shows the whole page again, with the input and the
//! service layer's messages at the fields.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_core::Settings;
use stoa_domains::view::DomainsView;
use stoa_model::id::SiteId;

use super::{
    add::{AddFields, AddForm},
    card::DomainCard,
    certificate_status::{CertificateStatus, MainAddress},
    certificate_upload::CertificateUpload,
};
use crate::{
    app::App,
    extract::permissions::AccessibleSite,
    http_error::HttpError,
    pages::sites::show::SiteHead,
    ui::{form_errors::FormErrors, frame::Frame},
};

/// `/sites/{id}/domains`
#[derive(Template)]
#[template(path = "domains/show.html")]
pub struct DomainsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// Errors of the submitted form.
    pub form_errors: FormErrors,
    /// The main address.
    pub main: MainAddress,
    /// The name given by the platform.
    pub own: CertificateStatus,
    /// The custom domains.
    pub domains: Vec<DomainCard>,
    /// Whether something may change soon without user action.
    pub pending: bool,
    /// The form for adding a domain.
    pub add: AddFields,
    /// The uploaded certificate.
    pub upload: CertificateUpload,
    /// Whether the viewer may change anything.
    pub may_change: bool,
}

/// Input of the page's forms.
#[derive(Default)]
pub struct FormInput {
    /// Form for adding a domain.
    pub add: AddForm,
    /// Certificate chain, without the key.
    pub chain: String,
}

/// What the page needs to know about the platform and the viewer.
#[derive(Debug, Clone, Copy)]
pub struct PageContext {
    /// Whether certificates are issued automatically.
    pub issues: bool,
    /// Now.
    pub now: Timestamp,
}

impl PageContext {
    fn new(settings: &Settings, now: Timestamp) -> Self {
        Self { issues: settings.acme.is_some(), now }
    }
}

impl DomainsPage {
    /// Builds the page.
    pub fn new(
        frame: Frame,
        head: SiteHead,
        view: DomainsView,
        context: PageContext,
        input: FormInput,
        form_errors: FormErrors,
    ) -> Self {
        let problems = &form_errors.problems;
        let cards = view.domains.iter().enumerate();
        let domains: Vec<DomainCard> = cards.map(|(n, domain)| DomainCard::new(n, domain, context)).collect();
        let main = MainAddress::new(&view, context);
        let pending = main.certificate.is_pending || domains.iter().any(DomainCard::is_pending);
        Self {
            add: AddFields::new(&input.add, problems),
            upload: CertificateUpload::new(&view, &input.chain, context, problems),
            own: CertificateStatus::new(&view.own, context),
            may_change: view.may_change,
            frame,
            head,
            form_errors,
            main,
            domains,
            pending,
        }
    }
}

/// `GET /sites/{id}/domains`
pub async fn show(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Result<Response, HttpError> {
    page(&app, access, frame, FormInput::default(), FormErrors::default()).await
}

/// The page, with the input and errors of a form.
pub(super) async fn page(
    app: &App,
    AccessibleSite { cx, site }: AccessibleSite,
    frame: Frame,
    input: FormInput,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    let view = app.control.domains.list_domains(&cx, site.id).await?;
    let context = PageContext::new(app.control.settings(), cx.now);
    let response = form_errors.response();
    Ok(response.page(&DomainsPage::new(frame, SiteHead::new(&site), view, context, input, form_errors)))
}

/// Path of a site's page of addresses.
pub(super) fn domains_path(site: SiteId) -> String {
    format!("/sites/{site}/domains")
}
