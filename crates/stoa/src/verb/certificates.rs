//! `stoa certificates`: the state of all certificates, and uploaded certificates of sites.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use stoa_domains::{
    command::UploadCertificate,
    view::{CertificateState, CertificateView, NameCertificate},
};
use stoa_model::secret::SecretString;

use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table},
};

/// Shown when names need certificates that nothing issues.
const NO_AUTHORITY_HINT: &str =
    "No certificate authority is configured: set `https_listen`, and `directory` in [acme] (docs/https.md).";

#[derive(Subcommand)]
pub enum Certificates {
    /// List every name that has or needs a certificate, with its state.
    #[command(visible_alias = "ls")]
    List,
    /// Upload a certificate for a site's domains.
    Upload {
        /// Subdomain, hostname or id of the site.
        site: String,
        /// PEM file: the certificate, followed by its intermediate certificates.
        #[arg(long)]
        chain: PathBuf,
        /// PEM file: the private key, without a passphrase.
        #[arg(long)]
        key: PathBuf,
    },
    /// Stop using a site's uploaded certificate and request a new one from the certificate authority.
    Withdraw {
        /// Subdomain, hostname or id of the site.
        site: String,
        #[command(flatten)]
        confirm: Confirm,
    },
}

pub async fn run(verb: &Certificates, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("certificates");
    match verb {
        Certificates::List => {
            let has_authority = control.settings().acme.is_some();
            out.show(&control.domains.list_certificates(&cx).await?, |all| list(all, has_authority))
        }
        Certificates::Upload { site, chain, key } => {
            let read =
                |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
            let upload = UploadCertificate { chain: read(chain)?, key: SecretString::from(read(key)?) };
            let site = control.sites.find(&cx, site).await?.id;
            out.show(&control.domains.upload_certificate(&cx, site, upload).await?, summary)
        }
        Certificates::Withdraw { site: name, confirm } => {
            let site = control.sites.find(&cx, name).await?.id;
            confirm.ask(&format!("Stop using the certificate that was uploaded for {name}?"))?;
            control.domains.withdraw_certificate(&cx, site).await?;
            out.show(&serde_json::json!({ "withdrawn": true }), |_| {
                "The certificate is no longer used. `stoa certificates list` shows the state of its replacement.".into()
            })
        }
    }
}

fn list(all: &[NameCertificate], has_authority: bool) -> String {
    if all.is_empty() {
        return "No name needs a certificate.".into();
    }
    let row = |c: &NameCertificate| {
        let served = c.certificate.as_ref();
        let problem = c.detail.clone().or_else(|| c.problem.clone()).filter(|_| c.problem.is_some());
        [
            c.name.clone(),
            state_label(c.state).to_owned(),
            served.map(|s| format!("{:.0}", s.expires_at)).unwrap_or_default(),
            served.map(|s| s.issuer.clone()).unwrap_or_default(),
            problem.unwrap_or_default(),
        ]
    };
    let table = table(["Name", "State", "Expires", "Issuer", "Problem"], all.iter().map(row));
    if has_authority { table } else { format!("{table}\n{NO_AUTHORITY_HINT}") }
}

const fn state_label(state: CertificateState) -> &'static str {
    match state {
        CertificateState::Good => "good",
        CertificateState::Waiting => "waiting",
        CertificateState::Failing => "FAILING",
        CertificateState::Off => "off",
    }
}

fn summary(served: &CertificateView) -> String {
    let names = served.names.join(", ");
    let mut text = vec![format!("Now serving {names}: issued by {}, expires {:.0}.", served.issuer, served.expires_at)];
    text.extend(served.notes.iter().cloned());
    text.join("\n")
}
