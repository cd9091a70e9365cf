//! A certificate of one's own: brought along, served instead of an issued one, and taken back. The
//! private key goes one way only: it is never shown again, not even with a mistake in it.

use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_control::{command::UploadCertificate, view::DomainsView};
use stoa_model::domain::DomainState;

use super::{
    certificate_status::Served,
    show::{Surroundings, Typed, page, path_of},
};
use crate::{
    app::App,
    extract::{body::Form, rights::OwnSite},
    fault::Fault,
    ui::{self, area::Area, field::Problems, frame::Frame, refusal::Refusal},
};

/// What is brought along, and the form for it.
pub struct Brought {
    /// What is served, if anything was brought along.
    pub served: Option<Served>,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
    /// Whether there is a domain that it could be for.
    pub possible: bool,
    /// Whether the form is open.
    pub open: bool,
    /// The chain.
    pub certificate: Area,
    /// The key.
    pub key: Area,
}

impl Brought {
    /// With what was typed before.
    pub fn new(view: &DomainsView, chain: &str, around: Surroundings, problems: &Problems) -> Self {
        let certificate = Area::new("certificate", "Certificate and chain", chain)
            .hint("Paste the text of the file (.pem or .crt): your certificate first, then the ones between it and its root.")
            .with(problems);
        let key = Area::new("key", "Private key", "")
            .hint("Paste the text of the file (.key or .pem), without a passphrase. It is stored encrypted and never shown again.")
            .with(problems);
        let wrong = ["certificate", "key"].iter().any(|name| problems.of(name).is_some());
        Self {
            served: view.uploaded.as_ref().map(|view| Served::new(view, around)),
            notes: view.uploaded.iter().flat_map(|view| view.notes.clone()).collect(),
            possible: view.domains.iter().any(|domain| domain.state == DomainState::Verified),
            open: wrong || !chain.is_empty(),
            certificate,
            key,
        }
    }
}

/// What was typed.
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
    own: OwnSite,
    frame: Frame,
    Form(UploadForm { certificate, key }): Form<UploadForm>,
) -> Result<Response, Fault> {
    let command = UploadCertificate { chain: certificate.clone(), key };
    let refusal = match app.control.certificate_upload(&own.cx, own.site.id, command).await {
        Ok(_) => return Ok(ui::see_other(&format!("{}#own-certificate", path_of(own.site.id)))),
        Err(error) => Refusal::of(error)?,
    };
    // A key that was put into the wrong box is not shown again either.
    let chain = if certificate.contains("PRIVATE KEY") { String::new() } else { certificate };
    page(&app, own, frame, Typed { chain, ..Typed::default() }, refusal).await
}

/// `POST /sites/{id}/certificate/withdraw`
pub async fn withdraw(State(app): State<App>, own: OwnSite) -> Result<Response, Fault> {
    app.control.certificate_withdraw(&own.cx, own.site.id).await?;
    Ok(ui::see_other(&format!("{}#own-certificate", path_of(own.site.id))))
}
