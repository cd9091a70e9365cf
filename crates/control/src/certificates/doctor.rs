//! What the doctor says about names and certificates.

use stoa_model::host::Hostname;
use stoa_provider::dns::{RecordName, RecordSet, RecordValues};

use super::wanted::is_public;
use crate::{
    Control,
    doctor::{good, wrong},
    domains::Leads,
    view::{Finding, Verdict},
};

impl Control {
    /// Whether sites can be served over HTTPS, and which names can't.
    pub(crate) async fn check_certificates(&self) -> Finding {
        let verdict = if self.settings.production { Verdict::Bad } else { Verdict::Warning };
        if self.settings.https_port.is_none() {
            let remedy = "Set `https_listen`, and `directory` in [acme], so that sites get certificates.";
            return wrong("certificates", verdict, "everything is served over plain HTTP", remedy);
        }
        let looked = async {
            self.shelf_reload().await?;
            self.certificates(&self.system_context("doctor")).await
        };
        let all = match looked.await {
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

    /// Whether the platform's own domain leads here. Without a name server of our own, the records
    /// to make are said.
    pub(crate) async fn check_names(&self) -> Finding {
        let base = &self.settings.base_domain;
        let ours = &self.settings.public_addresses;
        if !is_public(base) {
            return good("names", format!("{base} needs no DNS"));
        }
        if ours.is_empty() {
            let remedy = "Set `public_addresses`, so that customers can be told where their domains must lead.";
            return wrong("names", Verdict::Warning, "it is not known which addresses are this machine's", remedy);
        }
        let any = Hostname::parse(&format!("stoa-doctor.{base}")).unwrap_or_else(|_| base.clone());
        let names = [base.clone(), any];
        for name in names.iter().take(if self.dns_has(base) { 1 } else { 2 }) {
            let leads = self.leads(name).await;
            if !matches!(leads, Leads::Here | Leads::Unasked) {
                let found = leads.problem(name, ours).unwrap_or_default();
                let remedy = format!("Make these records where {base} is kept:\n{}", self.records_of_base());
                return wrong("names", Verdict::Warning, found, &remedy);
            }
        }
        good("names", format!("{base} leads here"))
    }

    /// The records that the platform's own domain needs, as a zone file has them.
    fn records_of_base(&self) -> String {
        let base = &self.settings.base_domain;
        let names = [RecordName::host(base), RecordName::wildcard(base)];
        let line = |name: &RecordName, address: &std::net::IpAddr| {
            let set = RecordSet { name: name.clone(), ttl: 300, values: RecordValues::Addresses(vec![*address]) };
            format!("{name}. {} {} {address}", set.ttl, set.kind().as_str())
        };
        let all = names.iter().flat_map(|name| self.settings.public_addresses.iter().map(move |a| line(name, a)));
        all.collect::<Vec<_>>().join("\n")
    }
}
