//! Is everything there that Stoa needs? Each finding says how to repair it.

use stoa_core::{RequestContext, Result, view::Finding};
use stoa_model::account::Role;

use crate::Control;

impl Control {
    /// Checks everything; for staff. What is broken is a finding, not an error.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn doctor(&self, cx: &RequestContext) -> Result<Vec<Finding>> {
        cx.require(Role::Support)?;
        let mut findings = vec![self.core.check_database().await, self.core.check_key()];
        findings.push(self.domains.doctor_edge().await);
        findings.extend(self.sites.doctor().await);
        findings.push(self.domains.doctor_names().await);
        findings.push(self.domains.doctor_certificates().await);
        findings.push(self.core.check_jobs().await);
        findings.push(self.core.check_tasks().await);
        findings.push(self.core.check_reconcilers().await);
        Ok(findings)
    }

    /// Whether this process can serve: the database answers.
    pub async fn ready(&self) -> bool {
        self.core.db.ping().await.is_ok()
    }
}
