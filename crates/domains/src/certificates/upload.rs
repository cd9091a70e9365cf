//! A certificate that a customer brings along: checked, sealed, and served from then on instead of
//! an issued one.

use crate::Domains;
use jiff::Timestamp;
use stoa_core::site_access::writable_site;
use stoa_db::{
    Tx,
    certificates::{self, StoredCertificate},
    history, meta, sites,
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
use stoa_core::{Error, RequestContext, Result, random};

impl Domains {
    /// Takes a certificate for some or all of the domains that a site's owner brought along; it takes
    /// the place of earlier ones for no others.
    ///
    /// # Errors
    /// All that is wrong with it at once: unreadable, a key of another certificate, a broken chain,
    /// none of the site's names, outside its dates.
    pub async fn upload_certificate(
        &self,
        cx: &RequestContext,
        id: SiteId,
        upload: UploadCertificate,
    ) -> Result<CertificateView> {
        let site = writable_site(&self.core.db, cx, id).await?;
        let names = self.hostnames_of(id).await?;
        let custom: Vec<Hostname> = names.into_iter().filter(|name| !self.is_platform_name(name)).collect();
        let wanted = wanted(&upload.chain, custom);
        let checked = x509::check_upload(&upload.chain, &upload.key, &wanted, cx.now).map_err(Error::Invalid)?;
        // Whatever else it is for: it is served for this site's own domains, and for nobody else's.
        let names: Vec<CertName> = wanted.into_iter().map(CertName::host).collect();
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
                    // InitialIssuance, so that of this and a removal of the domain one sees the other.
                    let version = meta::routes_version_bump(&tx).await?;
                    let now_its = sites::hostnames_of(&*tx, id).await?;
                    if !names.iter().all(|name| now_its.contains(&name.host)) {
                        return Err(Error::Conflict("A domain of this site was removed meanwhile. Look again.".into()));
                    }
                    for old in certificates::certificates_uploaded(&*tx, id).await? {
                        if old.names.iter().all(|name| names.contains(name)) {
                            certificates::certificate_retire(&tx, old.id, cx.now).await?;
                        }
                    }
                    certificates::certificate_insert(&tx, stored).await?;
                    let words = format!("A certificate of {} was uploaded", stored.issuer);
                    history::site_event(&tx, site.id, cx.now, "certificate", &words).await?;
                    history::audit(&tx, event).await?;
                    Ok(version)
                })
            })
            .await?;
        self.publish_certificates(version).await;
        self.core.wakeups.certificates.notify_one();
        Ok(CertificateView {
            names: stored.names.iter().map(ToString::to_string).collect(),
            source: CertificateSource::Uploaded,
            issuer: stored.issuer.clone(),
            expires_at: stored.not_after,
            notes: checked.notes,
        })
    }

    /// Takes an uploaded certificate away; the authority is asked for one again.
    ///
    /// # Errors
    /// Not found, or the site has none.
    pub async fn withdraw_certificate(&self, cx: &RequestContext, id: SiteId) -> Result<()> {
        writable_site(&self.core.db, cx, id).await?;
        let former = &self.uploaded_certificates(id);
        if former.is_empty() {
            return Err(Error::Conflict("No certificate of your own is served for this site.".into()));
        }
        let event = &cx.audit("certificate.withdraw", id, serde_json::json!({}));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    for old in former {
                        certificates::certificate_retire(&tx, *old, cx.now).await?;
                    }
                    history::site_event(&tx, id, cx.now, "certificate", "The uploaded certificate was taken away")
                        .await?;
                    history::audit(&tx, event).await?;
                    meta::routes_version_bump(&tx).await
                })
            })
            .await?;
        self.publish_certificates(version).await;
        self.core.wakeups.certificates.notify_one();
        Ok(())
    }

    /// All names that lead to a site.
    pub async fn hostnames_of(&self, id: SiteId) -> Result<Vec<Hostname>> {
        Ok(sites::hostnames_of(&self.core.db, id).await?)
    }

    /// Takes a name that is no longer the site's from the certificates that were uploaded for it: it may
    /// be somebody else's next.
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
            // One that can't be opened is served to nobody.
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
        all.iter().filter(|held| held.site == Some(id)).map(|held| held.ready.id).collect()
    }

    /// After this process has committed certificates with this version of the routes.
    pub(crate) async fn publish_certificates(&self, version: u64) {
        self.routes.mark_own(version);
        if let Err(error) = self.apply_certificates().await {
            self.routes.mark_lagging();
            tracing::warn!(error = error.for_operator(), "the edge did not take the certificates over yet");
        }
    }
}

/// The domains that the certificate is for; all of them if it is for none, so that the check says so.
fn wanted(chain: &str, custom: Vec<Hostname>) -> Vec<Hostname> {
    let Ok(facts) = x509::inspect(chain) else { return custom };
    let covered = |name: &&Hostname| facts.names.iter().any(|n| n.covers(name));
    let found: Vec<Hostname> = custom.iter().filter(covered).cloned().collect();
    if found.is_empty() { custom } else { found }
}
