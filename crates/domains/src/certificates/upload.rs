//! Certificates that customers upload. They are validated, stored sealed, and served instead of issued ones.

use crate::Domains;
use jiff::Timestamp;
use stoa_core::permissions::writable_site;
use stoa_db::{
    Tx,
    certificates::{self, StoredCertificate},
    history,
    route_changes::RouteChange,
    sites,
};
use stoa_integrations::x509;
use stoa_model::{
    certificate::CertName,
    host::Hostname,
    id::{CertificateId, SiteId},
};

use super::cache::key_context;
use crate::{
    command::UploadCertificate,
    view::{CertificateSource, CertificateView},
};
use stoa_core::{Error, RequestContext, Result, Wakeup, random};

impl Domains {
    /// Uploads a certificate for some or all of a site's custom domains. It replaces earlier uploads whose names it
    /// covers.
    ///
    /// # Errors
    /// All problems together: unreadable, a mismatched key, an incomplete chain, none of the site's names, expired or
    /// not valid yet.
    pub async fn upload_certificate(
        &self,
        cx: &RequestContext,
        id: SiteId,
        upload: UploadCertificate,
    ) -> Result<CertificateView> {
        let site = writable_site(&self.core.db, cx, id).await?;
        let names = self.hostnames_of(id).await?;
        let custom: Vec<Hostname> = names.into_iter().filter(|name| !self.is_platform_name(name)).collect();
        let names = covered_domains(&upload.chain, custom);
        let checked = x509::check_upload(&upload.chain, &upload.key, &names, cx.now).map_err(Error::Invalid)?;
        // Other names in the certificate are ignored: it is served only for this site's own domains.
        let names: Vec<CertName> = names.into_iter().map(CertName::host).collect();
        let certificate = CertificateId::from_uuid(random::uuid_at(cx.now));
        let stored = &StoredCertificate {
            id: certificate,
            names: names.clone(),
            chain: checked.chain.clone(),
            key: self.core.key.seal(&key_context(certificate), &checked.key),
            site: Some(id),
            issuer: checked.facts.issuer.clone(),
            serial: checked.facts.serial.clone(),
            not_before: checked.facts.not_before,
            not_after: checked.facts.not_after,
            created_at: cx.now,
            renew_at: checked.facts.not_after,
        };
        let names = &names;
        let event = &cx.audit("certificate.upload", id, serde_json::json!({ "serial": stored.serial }));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    // So that this and a concurrent removal of the domain are serialized.
                    sites::site_lock(&tx, id).await?.ok_or(Error::NotFound("site"))?;
                    let current = sites::hostnames_of(&*tx, id).await?;
                    if !names.iter().all(|name| current.contains(&name.host)) {
                        return Err(Error::Conflict("A domain of this site was removed meanwhile. Look again.".into()));
                    }
                    for old in certificates::certificates_uploaded(&*tx, id).await? {
                        if old.names.iter().all(|name| names.contains(name)) {
                            certificates::certificate_retire(&tx, old.id, cx.now).await?;
                        }
                    }
                    certificates::certificate_insert(&tx, stored).await?;
                    let text = format!("A certificate of {} was uploaded", stored.issuer);
                    history::site_event(&tx, site.id, cx.now, "certificate", &text).await?;
                    history::audit(&tx, event).await?;
                    Ok(self.route_changed(&tx, RouteChange::Certificates).await?)
                })
            })
            .await?;
        self.publish_certificates(version).await;
        self.core.bus.wake(Wakeup::Certificates);
        Ok(CertificateView {
            names: stored.names.iter().map(ToString::to_string).collect(),
            source: CertificateSource::Uploaded,
            issuer: stored.issuer.clone(),
            expires_at: stored.not_after,
            notes: checked.notes,
        })
    }

    /// Removes a site's uploaded certificates; they are replaced by issued ones.
    ///
    /// # Errors
    /// Not found, or the site has no uploaded certificate.
    pub async fn withdraw_certificate(&self, cx: &RequestContext, id: SiteId) -> Result<()> {
        writable_site(&self.core.db, cx, id).await?;
        let uploaded = &self.uploaded_certificates(id);
        if uploaded.is_empty() {
            return Err(Error::Conflict("No certificate of your own is served for this site.".into()));
        }
        let event = &cx.audit("certificate.withdraw", id, serde_json::json!({}));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    for old in uploaded {
                        certificates::certificate_retire(&tx, *old, cx.now).await?;
                    }
                    history::site_event(&tx, id, cx.now, "certificate", "The uploaded certificate was taken away")
                        .await?;
                    history::audit(&tx, event).await?;
                    self.route_changed(&tx, RouteChange::Certificates).await
                })
            })
            .await?;
        self.publish_certificates(version).await;
        self.core.bus.wake(Wakeup::Certificates);
        Ok(())
    }

    /// All hostnames of a site.
    pub async fn hostnames_of(&self, id: SiteId) -> Result<Vec<Hostname>> {
        Ok(sites::hostnames_of(&self.core.db, id).await?)
    }

    /// Removes a name from the certificates that were uploaded for a site: the domain may go to another customer.
    pub(crate) async fn remove_name_from_uploads(
        &self,
        tx: &Tx,
        id: SiteId,
        name: &CertName,
        now: Timestamp,
    ) -> Result<()> {
        for old in certificates::certificates_uploaded(tx, id).await? {
            if !old.names.contains(name) {
                continue;
            }
            certificates::certificate_retire(tx, old.id, now).await?;
            let key = self.core.key.open(&key_context(old.id), &old.key);
            let rest: Vec<_> = old.names.iter().filter(|other| *other != name).cloned().collect();
            // A certificate whose key can't be opened is not served anyway.
            if let (false, Ok(key)) = (rest.is_empty(), key) {
                let id = CertificateId::from_uuid(random::uuid_at(now));
                let key = self.core.key.seal(&key_context(id), &key);
                certificates::certificate_insert(tx, &StoredCertificate { id, names: rest, key, ..old }).await?;
            }
        }
        Ok(())
    }

    fn uploaded_certificates(&self, id: SiteId) -> Vec<CertificateId> {
        let all = self.certificate_cache.all();
        all.iter().filter(|loaded| loaded.site == Some(id)).map(|loaded| loaded.ready.id).collect()
    }

    /// Publishes certificates to all edges after this process has committed them with this version of the routes.
    pub(crate) async fn publish_certificates(&self, version: u64) {
        self.core.bus.wake(Wakeup::Routes);
        if let Err(error) = self.apply_certificates().await {
            self.routes.mark_lagging();
            tracing::warn!(error = error.for_operator(), "the edge did not apply the certificates yet");
        }
        self.await_edges_or_lag(version).await;
    }
}

/// The domains that the certificate covers. All of them if it covers none, so that validation reports that.
fn covered_domains(chain: &str, custom: Vec<Hostname>) -> Vec<Hostname> {
    let Ok(facts) = x509::inspect(chain) else { return custom };
    let covered = |name: &&Hostname| facts.names.iter().any(|n| n.covers(name));
    let found: Vec<Hostname> = custom.iter().filter(covered).cloned().collect();
    if found.is_empty() { custom } else { found }
}
