//! One certificate, from the order to the cache.
//!
//! The key is stored before the authority is asked to issue. If we then fail to store the certificate (a crash, a
//! full disk), the next attempt fetches the same certificate instead of ordering another.

use crate::Domains;
use std::collections::BTreeMap;

use stoa_db::certificate_orders::{self, Attempt, CertificateOrder};
use stoa_integrations::acme::{Acme, AcmeError, Answer, Challenge, new_key};
use stoa_model::secret::SecretString;
use stoa_provider::dns::{RecordKind, RecordName, RecordSet, RecordValues};
use tokio::time::{Instant, sleep};

use super::{
    acme_account::AccountError,
    failure::{Failure, refused_at},
    spec::CertificateSpec,
};
use stoa_core::settings::AcmeSettings;

const CHALLENGE_TTL_SECONDS: u32 = 60;

impl Domains {
    /// Obtains one certificate and stores it. The caller records a failure.
    pub(super) async fn obtain_certificate(
        &self,
        wanted: &CertificateSpec,
        acme: &AcmeSettings,
        known: &CertificateOrder,
    ) -> Result<(), Failure> {
        let done = self.request_certificate(wanted, acme, known).await;
        if done.as_ref().is_err_and(|failure| failure.account_lost) {
            self.forget_acme_account().await;
        }
        done
    }

    async fn request_certificate(
        &self,
        wanted: &CertificateSpec,
        acme: &AcmeSettings,
        known: &CertificateOrder,
    ) -> Result<(), Failure> {
        let authority = self.acme_account(acme).await.map_err(|error| match error {
            AccountError::Ca(error) => Failure::of_ca(&error, wanted),
            AccountError::Database(error) => Failure::of_database(&error),
        })?;
        if let Some(chain) = self.resume_order(&authority, wanted, acme, known).await? {
            return Ok(self.store_certificate(wanted, &chain.0, &chain.1, &authority).await?);
        }
        let now = self.core.clock.now();
        if let Some(limit) = self.reached_limit(wanted, &acme.allowance, now).await? {
            return Err(Failure::limit_reached(limit));
        }
        let is_ending = self.remaining(wanted, now).is_some_and(|remaining| remaining.is_ending);
        let refused_before = known.detail.as_deref().and_then(refused_at).filter(|_| !is_ending);
        let mixed_addresses = self.ensure_points_here(wanted, refused_before).await?;
        let placed = self.place_order(&authority, wanted, acme, known).await;
        let (chain, key) = placed.map_err(|failure| match mixed_addresses {
            Some(addresses) if failure.is_misdirected => failure.refused_at(&addresses),
            _ => failure,
        })?;
        Ok(self.store_certificate(wanted, &chain, &key, &authority).await?)
    }

    /// Fetches the certificate of an order from an earlier attempt, if it was issued but not stored.
    async fn resume_order(
        &self,
        authority: &Acme,
        wanted: &CertificateSpec,
        acme: &AcmeSettings,
        known: &CertificateOrder,
    ) -> Result<Option<(String, SecretString)>, Failure> {
        let (Some(url), Some(sealed)) = (&known.order_url, &known.key) else { return Ok(None) };
        let why = match self.core.key.open(&order_context(wanted, acme), sealed) {
            Ok(key) => match authority.finish(url, &wanted.names, &key).await {
                Ok(chain) => return Ok(Some((chain, key))),
                Err(error) if error.is_transient() => return Err(Failure::of_ca(&error, wanted)),
                // It expired, or was not ready for issuance.
                Err(error) => error.to_string(),
            },
            // It belongs to another authority, or the master key was replaced.
            Err(error) => error.to_string(),
        };
        tracing::info!(subject = %wanted.subject, why, "cannot resume an order; placing another one");
        self.forget_order_url(wanted).await?;
        Ok(None)
    }

    /// Clears the URL and key of an order that can't be completed, but keeps the rest of its row.
    async fn forget_order_url(&self, wanted: &CertificateSpec) -> crate::Result<()> {
        let subject = &wanted.subject;
        Ok(self.core.db.write(|tx| Box::pin(async move { certificate_orders::order_lost(&tx, subject).await })).await?)
    }

    async fn place_order(
        &self,
        authority: &Acme,
        wanted: &CertificateSpec,
        acme: &AcmeSettings,
        known: &CertificateOrder,
    ) -> Result<(String, SecretString), Failure> {
        let cached = self.certificate_cache.all();
        let replaces = cached.matching(wanted).next().map(|loaded| loaded.ready.chain.as_str());
        let refused = |error: AcmeError| Failure::of_ca(&error, wanted);
        // Counted first: the authority may create the order even if its response gets lost.
        self.record_attempt(wanted, Attempt::Ordered).await?;
        let ordered = authority.order(&wanted.names, wanted.method, replaces).await.map_err(refused)?;
        let answered = async {
            self.publish_challenges(&ordered.challenges, acme).await?;
            authority.ready(&ordered.url, wanted.method).await.map_err(refused)
        }
        .await;
        self.remove_challenges(&ordered.challenges).await;
        answered?;
        let key = new_key().map_err(refused)?;
        let order = &CertificateOrder {
            subject: wanted.subject.clone(),
            names: wanted.names.clone(),
            failures: known.failures,
            next_at: known.next_at,
            problem: None,
            detail: None,
            order_url: Some(ordered.url.clone()),
            key: Some(self.core.key.seal(&order_context(wanted, acme), &key)),
            updated_at: self.core.clock.now(),
        };
        self.record_order(order).await?;
        let finished = authority.finish(&ordered.url, &wanted.names, &key).await;
        if finished.as_ref().is_err_and(|error| !error.is_transient()) {
            self.forget_order_url(wanted).await?;
        }
        Ok((finished.map_err(refused)?, key))
    }

    /// Stores an order in progress. Keeps the time of the next attempt, which a request to retry may have changed.
    async fn record_order(&self, order: &CertificateOrder) -> crate::Result<()> {
        let put = async |tx: &stoa_db::Tx| {
            let next_at = certificate_orders::order_lock(tx, &order.subject)
                .await?
                .map_or(order.next_at, |current| current.next_at);
            certificate_orders::order_put(tx, &CertificateOrder { next_at, ..order.clone() }).await
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { put(&tx).await })).await?)
    }

    pub(super) async fn record_attempt(&self, wanted: &CertificateSpec, attempt: Attempt) -> crate::Result<()> {
        let (subject, now) = (&wanted.subject, self.core.clock.now());
        Ok(self
            .core
            .db
            .write(|tx| Box::pin(async move { certificate_orders::try_note(&tx, subject, now, attempt).await }))
            .await?)
    }

    /// Publishes the responses to the challenges and waits until they are visible.
    async fn publish_challenges(&self, challenges: &[Challenge], acme: &AcmeSettings) -> Result<(), Failure> {
        let (paths, records) = group_by_method(challenges);
        if !paths.is_empty() {
            self.add_challenge_answers(paths).await?;
        }
        for (name, values) in records {
            let Some(dns) = &self.dns else { return Err(Failure::no_dns()) };
            let set = RecordSet {
                name: name.clone(),
                ttl: CHALLENGE_TTL_SECONDS,
                values: RecordValues::Texts(values.clone()),
            };
            dns.set(&set).await.map_err(|error| Failure::of_dns(&error))?;
            self.wait_for_record(&name, &values, acme).await;
        }
        Ok(())
    }

    /// Waits until the record is visible, up to the configured time. The order continues in any case: the authority may
    /// query other name servers.
    async fn wait_for_record(&self, name: &RecordName, values: &[String], acme: &AcmeSettings) {
        let began = Instant::now();
        while began.elapsed() < acme.dns_wait {
            match self.resolver.texts(name).await {
                Ok(seen) if values.iter().all(|value| seen.contains(value)) => return,
                _ => sleep(std::time::Duration::from_millis(250)).await,
            }
        }
    }

    /// Removes the responses. Leftovers are harmless, and the next order replaces them.
    async fn remove_challenges(&self, challenges: &[Challenge]) {
        let (paths, records) = group_by_method(challenges);
        if !paths.is_empty() {
            self.remove_challenge_answers(&paths).await;
        }
        for name in records.keys() {
            if let Some(dns) = &self.dns
                && let Err(error) = dns.remove(name, RecordKind::Txt).await
            {
                tracing::warn!(%name, %error, "cannot remove the response to a challenge");
            }
        }
    }
}

/// The sealing context of an order's key. It includes the authority, as no other one knows the order.
fn order_context(wanted: &CertificateSpec, acme: &AcmeSettings) -> String {
    format!("order/{} {}", acme.ca.directory, wanted.subject)
}

/// HTTP responses by path, and TXT values by record: a name and its wildcard share one record.
fn group_by_method(challenges: &[Challenge]) -> (BTreeMap<String, String>, BTreeMap<RecordName, Vec<String>>) {
    let (mut paths, mut records) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for challenge in challenges {
        match &challenge.answer {
            Answer::Http { path, body } => drop(paths.insert(path.clone(), body.clone())),
            Answer::Dns { host, value } => {
                records.entry(RecordName::acme_challenge(host)).or_default().push(value.clone());
            }
        }
    }
    (paths, records)
}
