//! The doctor's checks of the edge, certificates and DNS.

use crate::Domains;
use stoa_model::host::Hostname;
use stoa_provider::dns::{RecordName, RecordSet, RecordValues};

use crate::certificates::is_public;
use crate::routes::EdgeLag;
use std::time::Duration;
use stoa_core::{
    doctor::{good, wrong},
    view::{Finding, Verdict},
};
use tokio::{net::TcpStream, time::timeout};

impl Domains {
    /// Checks that the edge listens and applies changes.
    pub async fn doctor_edge(&self) -> Finding {
        let address = self.core.settings.edge_address;
        if !matches!(timeout(Duration::from_secs(2), TcpStream::connect(address)).await, Ok(Ok(_))) {
            let remedy = "Start `stoa serve`; if another program has the port, change `listen`.";
            return wrong("edge", Verdict::Bad, format!("nobody listens on {address}"), remedy);
        }
        match self.edge_lag().await {
            Ok(None) => good("edge", format!("listens on {address}")),
            Ok(Some(EdgeLag { since, why })) => {
                let found = format!("has taken over no new addresses and certificates since {since:.0}: {why}");
                let remedy = "Fix what it says; it is tried again every minute. Until then it serves what it had.";
                wrong("edge", Verdict::Bad, found, remedy)
            }
            Err(error) => wrong("edge", Verdict::Bad, error.for_operator(), "See that the database runs."),
        }
    }

    /// Checks that HTTPS is configured, and which names lack a certificate.
    pub async fn doctor_certificates(&self) -> Finding {
        let verdict = if self.core.settings.production { Verdict::Bad } else { Verdict::Warning };
        if self.core.settings.https_port.is_none() {
            let remedy = "Set `https_listen`, and `directory` in [acme], so that sites get certificates.";
            return wrong("certificates", verdict, "everything is served over plain HTTP", remedy);
        }
        let listing = async {
            self.reload_certificates().await?;
            self.list_certificates(&self.core.system_context("doctor")).await
        };
        let all = match listing.await {
            Ok(all) => all,
            Err(error) => {
                return wrong("certificates", Verdict::Bad, error.for_operator(), "See that the database runs.");
            }
        };
        let bad: Vec<_> = all
            .iter()
            .filter_map(|c| Some(format!("{}: {}", c.name, c.detail.as_ref().or(c.problem.as_ref())?)))
            .collect();
        match bad.first() {
            None => good("certificates", format!("{} names, none in trouble", all.len())),
            Some(first) => {
                let found = format!("{} of {} names are in trouble; {first}", bad.len(), all.len());
                wrong("certificates", Verdict::Warning, found, "Run `stoa certificates list`; each says what to do.")
            }
        }
    }

    /// Checks that the platform's own domain points to this machine. If not, the remedy lists the records to create.
    pub async fn doctor_names(&self) -> Finding {
        let base = &self.core.settings.base_domain;
        let ours = &self.core.settings.public_addresses;
        if !is_public(base) {
            return good("names", format!("{base} needs no DNS"));
        }
        if ours.is_empty() {
            let remedy = "Set `public_addresses`, so that customers can see where their domains must point.";
            return wrong("names", Verdict::Warning, "it is not known which addresses are this machine's", remedy);
        }
        let any = Hostname::parse(&format!("stoa-doctor.{base}")).unwrap_or_else(|_| base.clone());
        let names = [base.clone(), any];
        for name in names.iter().take(if self.has_dns_zone_for(base) { 1 } else { 2 }) {
            let target = self.dns_target(name).await;
            if let Some(found) = target.problem(name, ours) {
                let remedy = format!("Make these records where {base} is kept:\n{}", self.base_domain_records());
                return wrong("names", Verdict::Warning, found, &remedy);
            }
        }
        good("names", format!("{base} points to this machine"))
    }

    /// The records that the platform's own domain needs, in zone file format.
    fn base_domain_records(&self) -> String {
        let base = &self.core.settings.base_domain;
        let names = [RecordName::host(base), RecordName::wildcard(base)];
        let line = |name: &RecordName, address: &std::net::IpAddr| {
            let set = RecordSet { name: name.clone(), ttl: 300, values: RecordValues::Addresses(vec![*address]) };
            format!("{name}. {} {} {address}", set.ttl, set.kind().as_str())
        };
        let all = names.iter().flat_map(|name| self.core.settings.public_addresses.iter().map(move |a| line(name, a)));
        all.collect::<Vec<_>>().join("\n")
    }
}
