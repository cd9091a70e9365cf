//! A certificate that a customer brings along: checked, sealed, and served from then on instead of
//! an issued one.

use stoa_db::{
    certificates::{self, StoredCertificate},
    history, meta, sites,
};
use stoa_model::{
    host::Hostname,
    id::{CertificateId, SiteId},
};
use stoa_vendors::x509;

use super::shelf::key_context;
use crate::{
    Control, Cx, Error, Result,
    command::UploadCertificate,
    random,
    view::{CertificateSource, CertificateView},
};

impl Control {
    /// Takes a certificate for some or all of a site's names.
    ///
    /// # Errors
    /// All that is wrong with it at once: unreadable, a key of another certificate, a broken chain,
    /// none of the site's names, outside its dates.
    pub async fn certificate_upload(&self, cx: &Cx, id: SiteId, upload: UploadCertificate) -> Result<CertificateView> {
        let site = self.site_to_change(cx, id).await?;
        let names = self.names_of(id).await?;
        let custom: Vec<Hostname> = names.into_iter().filter(|name| !self.is_own(name)).collect();
        let checked = x509::check_upload(&upload.chain, &upload.key, &custom, cx.now).map_err(Error::Invalid)?;
        let certificate = CertificateId::from_uuid(random::uuid_at(cx.now));
        let stored = &StoredCertificate {
            id: certificate,
            names: checked.facts.names.clone(),
            chain: checked.chain.clone(),
            key: self.key.seal(&key_context(certificate), &checked.key),
            site: Some(id),
            issuer: checked.facts.issuer.clone(),
            serial: checked.facts.serial.clone(),
            not_before: checked.facts.not_before,
            not_after: checked.facts.not_after,
            created_at: cx.now,
            renew_at: checked.facts.not_after,
        };
        let former = &self.uploads_of(id);
        let event = &cx.audit("certificate.upload", id, serde_json::json!({ "serial": stored.serial }));
        self.db
            .write(|tx| {
                Box::pin(async move {
                    certificates::certificate_insert(&tx, stored).await?;
                    for old in former {
                        certificates::certificate_retire(&tx, *old, cx.now).await?;
                    }
                    let words = format!("A certificate of {} was uploaded", stored.issuer);
                    history::site_event(&tx, site.id, cx.now, "certificate", &words).await?;
                    meta::routes_version_bump(&tx).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.shelf_changed().await;
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
    pub async fn certificate_withdraw(&self, cx: &Cx, id: SiteId) -> Result<()> {
        self.site_to_change(cx, id).await?;
        let former = &self.uploads_of(id);
        if former.is_empty() {
            return Err(Error::Conflict("No certificate of your own is served for this site.".into()));
        }
        let event = &cx.audit("certificate.withdraw", id, serde_json::json!({}));
        self.db
            .write(|tx| {
                Box::pin(async move {
                    for old in former {
                        certificates::certificate_retire(&tx, *old, cx.now).await?;
                    }
                    history::site_event(&tx, id, cx.now, "certificate", "The uploaded certificate was taken away")
                        .await?;
                    meta::routes_version_bump(&tx).await?;
                    history::audit(&tx, event).await
                })
            })
            .await?;
        self.shelf_changed().await;
        Ok(())
    }

    /// All names that lead to a site.
    pub(crate) async fn names_of(&self, id: SiteId) -> Result<Vec<Hostname>> {
        Ok(sites::hostnames_of(&self.db, id).await?)
    }

    fn uploads_of(&self, id: SiteId) -> Vec<CertificateId> {
        let all = self.shelf.all();
        all.iter().filter(|held| held.stored.site == Some(id)).map(|held| held.stored.id).collect()
    }

    /// After certificates were committed: an edge that can't follow now is brought up by the
    /// reconciler.
    async fn shelf_changed(&self) {
        let followed = async {
            self.shelf_reload().await?;
            self.routes_reload().await
        };
        if let Err(error) = followed.await {
            tracing::warn!(error = error.for_operator(), "the edge did not take the certificates over yet");
        }
        self.nudges.certificates.notify_one();
        self.nudges.addresses.notify_one();
    }
}
