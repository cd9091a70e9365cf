//! `stoa certificates`: how all of them stand, and one's own for a site.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use stoa_control::{
    command::UploadCertificate,
    view::{CertificateState, CertificateView, NameCertificate},
};
use stoa_model::secret::SecretString;

use crate::{
    config::Config,
    output::{Output, table},
    bootstrap,
};

/// Said where names wait in vain.
const NOBODY: &str = "Nobody issues certificates here: set `https_listen`, and `directory` in [acme] (docs/https.md).";

#[derive(Subcommand)]
pub enum Certificates {
    /// Every name that has or needs a certificate, and how it stands.
    List,
    /// Serve a certificate of one's own for a site's domains.
    Upload {
        /// Subdomain, hostname or id of the site.
        site: String,
        /// PEM file: the certificate and what leads to its root.
        #[arg(long)]
        chain: PathBuf,
        /// PEM file: its private key, without a passphrase.
        #[arg(long)]
        key: PathBuf,
    },
    /// Serve a site's own certificate no more; the authority is asked for one again.
    Withdraw {
        /// Subdomain, hostname or id of the site.
        site: String,
    },
}

pub async fn run(verb: &Certificates, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.system_context("certificates");
    match verb {
        Certificates::List => {
            let nobody = control.settings().acme.is_none();
            out.show(&control.certificates(&cx).await?, |all| list(all, nobody))
        }
        Certificates::Upload { site, chain, key } => {
            let read =
                |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
            let upload = UploadCertificate { chain: read(chain)?, key: SecretString::from(read(key)?) };
            let site = control.site_by_name(&cx, site).await?.id;
            out.show(&control.certificate_upload(&cx, site, upload).await?, taken)
        }
        Certificates::Withdraw { site } => {
            let site = control.site_by_name(&cx, site).await?.id;
            control.certificate_withdraw(&cx, site).await?;
            out.show(&serde_json::json!({ "withdrawn": true }), |_| {
                "It is served no more; `stoa certificates list` tells how the next one comes.".into()
            })
        }
    }
}

fn list(all: &[NameCertificate], nobody: bool) -> String {
    if all.is_empty() {
        return "No name needs a certificate.".into();
    }
    let row = |c: &NameCertificate| {
        let served = c.certificate.as_ref();
        let problem = c.detail.clone().or_else(|| c.problem.clone()).filter(|_| c.problem.is_some());
        [
            c.name.clone(),
            word(c.state).to_owned(),
            served.map(|s| format!("{:.0}", s.expires_at)).unwrap_or_default(),
            served.map(|s| s.issuer.clone()).unwrap_or_default(),
            problem.unwrap_or_default(),
        ]
    };
    let table = table(["Name", "State", "Good until", "Issuer", "Problem"], all.iter().map(row));
    if nobody { format!("{table}\n{NOBODY}") } else { table }
}

const fn word(state: CertificateState) -> &'static str {
    match state {
        CertificateState::Good => "good",
        CertificateState::Waiting => "waiting",
        CertificateState::Failing => "FAILING",
        CertificateState::Off => "off",
    }
}

fn taken(served: &CertificateView) -> String {
    let names = served.names.join(", ");
    let mut text =
        vec![format!("Served for {names}, issued by {}, good until {:.0}.", served.issuer, served.expires_at)];
    text.extend(served.notes.iter().cloned());
    text.join("\n")
}
