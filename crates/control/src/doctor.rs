//! Is everything there that Stoa needs? Each finding says how to repair it.

use stoa_core::{
    RequestContext, Result,
    doctor::{good, wrong},
    view::{Finding, Verdict},
};
use stoa_firewall::Condition;
use stoa_model::account::Role;

use crate::Control;

impl Control {
    /// Checks everything; for staff. What is broken is a finding, not an error.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn doctor(&self, cx: &RequestContext) -> Result<Vec<Finding>> {
        cx.require(Role::Support)?;
        let mut findings = vec![self.core.check_database().await, self.core.check_key(), self.core.check_files().await];
        findings.push(self.domains.doctor_edge().await);
        findings.extend(self.sites.doctor().await);
        findings.push(self.check_firewall());
        findings.push(self.domains.doctor_names().await);
        findings.push(self.domains.doctor_certificates().await);
        findings.push(self.core.check_jobs().await);
        findings.push(self.core.check_tasks().await);
        findings.push(self.check_mail().await);
        findings.push(self.core.check_reconcilers().await);
        findings.push(self.core.check_audit().await);
        Ok(findings)
    }

    /// Whether sites' containers are kept apart by rules of our own.
    fn check_firewall(&self) -> Finding {
        let check = "firewall";
        let Some(condition) = self.firewall() else {
            let remedy = "Set `firewall.enabled = true`, unless another program keeps sites from each other, from this machine \
                          and from its neighbors.";
            return wrong(check, Verdict::Warning, "switched off: sites are separated by Docker's rules only", remedy);
        };
        let remedy = match &condition {
            Condition::InForce(status) => {
                let restored = status.restored().map(|restored| format!("; {restored}"));
                return good(check, condition.sentence() + &restored.unwrap_or_default());
            }
            Condition::Broken(_) => "Fix what it says; it is tried again every 10 seconds.",
            Condition::Stale(_) | Condition::Unknown => {
                "Start the service stoa-firewall (deploy/systemd), or `stoa serve` with the capability CAP_NET_ADMIN."
            }
        };
        wrong(check, Verdict::Bad, condition.sentence(), remedy)
    }

    /// Whether the tenant firewall is in force; `None` if it is switched off.
    pub fn firewall(&self) -> Option<Condition> {
        let directory = self.core.settings.firewall.as_deref()?;
        Some(Condition::read(directory, jiff::Timestamp::now()))
    }

    /// Whether this process can serve: the database answers.
    pub async fn ready(&self) -> bool {
        self.core.db.ping().await.is_ok()
    }
}
