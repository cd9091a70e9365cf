//! Uploaded certificates: used instead of an issued one until withdrawn. The private key is never shown again, not
//! even if it is invalid.

use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_domains::{command::UploadCertificate, view::DomainsView};
use stoa_model::domain::DomainState;

use super::{
    certificate_status::ServedCertificate,
    show::{FormInput, PageContext, domains_path, page},
};
use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{self, field::Problems, form_errors::FormErrors, frame::Frame, inputs::TextArea},
};

/// The uploaded certificate, and the form for one.
pub struct CertificateUpload {
    /// The uploaded certificate, if one is in use.
    pub served: Option<ServedCertificate>,
    /// Remarks about it.
    pub notes: Vec<String>,
    /// Whether there is a domain that a certificate could be for.
    pub possible: bool,
    /// Whether the form is open.
    pub open: bool,
    /// Field for the certificate and its chain.
    pub certificate: TextArea,
    /// Field for the private key.
    pub key: TextArea,
}

impl CertificateUpload {
    /// The fields, with the previous input.
    pub fn new(view: &DomainsView, chain: &str, context: PageContext, problems: &Problems) -> Self {
        let certificate = TextArea::new("certificate", "Certificate and chain", chain)
            .hint("Paste the text of the file (.pem or .crt): your certificate first, then the ones between it and its root.")
            .with(problems);
        let key = TextArea::new("key", "Private key", "")
            .hint("Paste the text of the file (.key or .pem), without a passphrase. It is stored encrypted and never shown again.")
            .with(problems);
        let has_errors = ["certificate", "key"].iter().any(|name| problems.of(name).is_some());
        Self {
            served: view.uploaded.as_ref().map(|view| ServedCertificate::new(view, context)),
            notes: view.uploaded.iter().flat_map(|view| view.notes.clone()).collect(),
            possible: view.domains.iter().any(|domain| domain.state == DomainState::Verified),
            open: has_errors || !chain.is_empty(),
            certificate,
            key,
        }
    }
}

/// Input of the form.
#[derive(Deserialize)]
pub struct UploadForm {
    #[serde(default)]
    certificate: String,
    #[serde(default)]
    key: SecretString,
}

/// `POST /sites/{id}/certificate`
pub async fn upload(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(UploadForm { certificate, key }): Form<UploadForm>,
) -> Result<Response, HttpError> {
    let command = UploadCertificate { chain: certificate.clone(), key };
    let form_errors = match app.control.domains.upload_certificate(&access.cx, access.site.id, command).await {
        Ok(_) => return Ok(ui::see_other(&format!("{}#own-certificate", domains_path(access.site.id)))),
        Err(error) => FormErrors::try_from(error)?,
    };
    // A key pasted into the wrong field is not shown again either.
    let chain = if certificate.contains("PRIVATE KEY") { String::new() } else { certificate };
    page(&app, access, frame, FormInput { chain, ..FormInput::default() }, form_errors).await
}

/// `POST /sites/{id}/certificate/withdraw`
pub async fn withdraw(State(app): State<App>, access: AccessibleSite) -> Result<Response, HttpError> {
    app.control.domains.withdraw_certificate(&access.cx, access.site.id).await?;
    Ok(ui::see_other(&format!("{}#own-certificate", domains_path(access.site.id))))
}
