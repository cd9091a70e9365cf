//! `stoa domains`: customers' own domains. Records are printed as lines of a zone file, so that they can be
//! pasted into one.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;
use stoa_control::Control;
use stoa_core::RequestContext;
use stoa_domains::{
    command::AddDomain,
    view::{CertificateState, DnsInstruction, DomainView},
};
use stoa_model::{domain::DomainState, id::DomainId};
use stoa_sites::view::SiteView;

use super::sites;
use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table},
};

#[derive(Subcommand)]
pub enum Domains {
    /// List the domains of all sites, or of one.
    #[command(visible_alias = "ls")]
    List {
        /// Subdomain, hostname or id of a site.
        site: Option<String>,
    },
    /// Add a domain and print the DNS records to create.
    Add {
        /// Subdomain, hostname or id of the site.
        site: String,
        /// The domain, such as shop.example.com.
        name: String,
        /// Also add the same domain with `www.` in front.
        #[arg(long)]
        www: bool,
        /// Make it the main address once it works.
        #[arg(long)]
        main: bool,
    },
    /// Check now whether a domain is verified and points to this machine; exits with 1 if it is not verified.
    Check {
        /// The domain, or its id, `dom_…`.
        name: String,
    },
    /// Remove a domain from its site.
    #[command(visible_alias = "rm")]
    Remove {
        /// The domain, or its id, `dom_…`.
        name: String,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Make one of a site's names its main address.
    Main {
        /// Subdomain, hostname or id of the site.
        site: String,
        /// One of its verified domains, or the platform's own name for it.
        name: String,
        /// Don't wait for the job to end.
        #[arg(long)]
        no_wait: bool,
    },
}

pub async fn run(verb: &Domains, config: &Config, out: &Output) -> Result<ExitCode> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("domains");
    if let Domains::Check { name } = verb {
        let domain = control.domains.check_domain(&cx, find(&control, &cx, name).await?).await?;
        out.show(&domain, page)?;
        let is_verified = domain.state == DomainState::Verified;
        return Ok(if is_verified { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    change(verb, &control, &cx, out).await.map(|()| ExitCode::SUCCESS)
}

async fn change(verb: &Domains, control: &Control, cx: &RequestContext, out: &Output) -> Result<()> {
    match verb {
        Domains::Check { .. } => Ok(()),
        Domains::List { site } => {
            let (sites, domains) = list(control, cx, site.as_deref()).await?;
            out.show(&domains, |domains| overview(&sites, domains))
        }
        Domains::Add { site, name, www, main } => {
            let command = AddDomain { name: name.clone(), with_www: *www, main: *main };
            let site = control.sites.find(cx, site).await?.id;
            let added = control.domains.add_domain(cx, site, command).await?;
            out.show(&added, |added| added.iter().map(page).collect::<Vec<_>>().join("\n\n"))
        }
        Domains::Remove { name, confirm } => {
            let id = find(control, cx, name).await?;
            confirm.ask(&format!("Remove {name} from its site? Visitors no longer reach the site there."))?;
            control.domains.remove_domain(cx, id).await?;
            out.show(&serde_json::json!({ "removed": true }), |_| format!("{name} was removed from its site."))
        }
        Domains::Main { site, name, no_wait } => {
            let site = control.sites.find(cx, site).await?.id;
            let job = control.sites.set_main_address(cx, site, name).await?;
            sites::wait(control, job, *no_wait, out).await
        }
    }
}

/// The domains of a site, or of all, with their sites.
async fn list(control: &Control, cx: &RequestContext, site: Option<&str>) -> Result<(Vec<SiteView>, Vec<DomainView>)> {
    let sites = match site {
        Some(name) => vec![control.sites.find(cx, name).await?],
        None => sites::all(control).await?,
    };
    let mut domains = Vec::new();
    for site in &sites {
        domains.extend(control.domains.list_domains(cx, site.id).await?.domains);
    }
    Ok((sites, domains))
}

/// Finds a domain by name or id; an error if several sites claim the name.
async fn find(control: &Control, cx: &RequestContext, name: &str) -> Result<DomainId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let found = control.domains.find_domains(cx, name).await?;
    match found.as_slice() {
        [] => bail!("no site has the domain {name}; `stoa domains list` shows all domains"),
        [one] => Ok(one.id),
        several => {
            let ids: Vec<_> = several.iter().map(|d| format!("{} of {}", d.id, d.site)).collect();
            bail!("several sites claim {name}; give the id instead: {}", ids.join(", "))
        }
    }
}

fn overview(sites: &[SiteView], domains: &[DomainView]) -> String {
    if domains.is_empty() {
        return "No domains have been added.".into();
    }
    let site =
        |d: &DomainView| sites.iter().find(|s| s.id == d.site).map_or_else(|| d.site.to_string(), |s| s.title.clone());
    let row = |d: &DomainView| {
        let main = if d.is_main {
            "yes"
        } else if d.main_wanted {
            "wanted"
        } else {
            ""
        };
        let problem = d.problem.clone().or_else(|| d.certificate.as_ref().and_then(|c| c.problem.clone()));
        [
            d.display.clone(),
            d.state.to_string(),
            main.to_owned(),
            https(d).to_owned(),
            problem.unwrap_or_default(),
            site(d),
        ]
    };
    table(["Domain", "State", "Main", "HTTPS", "Problem", "Site"], domains.iter().map(row))
}

fn https(domain: &DomainView) -> &'static str {
    match domain.certificate.as_ref().map(|certificate| certificate.state) {
        None => "",
        Some(CertificateState::Good) => "on",
        Some(CertificateState::Waiting) => "waiting",
        Some(CertificateState::Failing) => "failing",
        Some(CertificateState::Off) => "off",
    }
}

/// A domain and the records that it needs; all of it can be pasted into a zone file.
fn page(domain: &DomainView) -> String {
    let main = if domain.is_main { ", the main address" } else { "" };
    let mut text = vec![format!("; {}: {}{main}", domain.display, domain.state)];
    text.extend(domain.problem.iter().map(|problem| format!("; {problem}")));
    if domain.state == DomainState::Claimed || domain.problem.is_some() {
        text.push(String::new());
        text.extend(domain.records.iter().map(zone_line));
    }
    if domain.state == DomainState::Claimed {
        let (url, content) = &domain.file;
        text.push(String::new());
        text.push(format!("; Instead of the TXT record, you can serve a file at {url} with the content {content}."));
        text.extend(domain.expires_at.map(|at| {
            format!("; Verify it by {at:.0}, or the claim expires. `stoa domains check {}` checks now.", domain.name)
        }));
    }
    text.extend(domain.certificate.as_ref().map(|c| {
        let served = c.certificate.as_ref().map(|s| format!(", issued by {}, expires {:.0}", s.issuer, s.expires_at));
        format!("; HTTPS {}{}", https(domain), served.unwrap_or_default())
    }));
    text.join("\n")
}

/// A record as a line of a zone file (RFC 1035 5.1).
fn zone_line(record: &DnsInstruction) -> String {
    let value = match record.kind {
        "TXT" => format!("\"{}\"", record.value),
        // A name without a final dot would be below the zone.
        "CNAME" => format!("{}.", record.value),
        _ => record.value.clone(),
    };
    format!("{}.  3600  IN  {}  {value}", record.name, record.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_can_be_pasted_into_a_zone_file() {
        let record = |kind, value: &str| DnsInstruction {
            kind,
            name: "shop.example.com".into(),
            relative_name: "shop".into(),
            value: value.into(),
            purpose: "",
            seen: None,
        };
        assert_eq!(
            zone_line(&record("TXT", "stoa-verification=x")),
            "shop.example.com.  3600  IN  TXT  \"stoa-verification=x\""
        );
        assert_eq!(zone_line(&record("AAAA", "2001:db8::1")), "shop.example.com.  3600  IN  AAAA  2001:db8::1");
        assert_eq!(zone_line(&record("CNAME", "a.stoa.test")), "shop.example.com.  3600  IN  CNAME  a.stoa.test.");
    }
}
