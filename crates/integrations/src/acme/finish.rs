//! Finalizing a proven order and fetching its certificate (RFC 8555 7.4 and 7.4.2).

use instant_acme::{Error, Order, OrderStatus};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use stoa_model::{
    certificate::CertName,
    secret::{ExposeSecret, SecretString},
};

use super::{Acme, AcmeError, ProblemKind, list, order::loss_reason, problem::persist, within};
use crate::x509;

impl Acme {
    /// Requests the certificate for `key` (PEM), waits for it, and returns the PEM chain, leaf first. If
    /// an earlier call has finalized the order, and its response was lost, this only fetches it.
    ///
    /// # Errors
    /// `Gone` if the order is over or its certificate is for another key or other names; `Refused`
    /// if the CA now refuses the order, or if [`Acme::ready`] was not called; or any other kind.
    pub async fn finish(&self, url: &str, names: &[CertName], key: &SecretString) -> Result<String, AcmeError> {
        within(self.patience, &format!("fetching the certificate for {}", list(names)), async {
            let request = signing_request(names, key)?;
            let mut order = self.load(url).await?;
            if order.state().status == OrderStatus::Ready
                && let Err(error) = persist!(order.finalize_csr(&request))
            {
                // Another call of ours may have been faster, or the response to this one was lost.
                order = self.load(url).await?;
                if order.state().status == OrderStatus::Ready {
                    return Err(error);
                }
            }
            let chain = self.fetch(&mut order).await?;
            x509::check_issued(&chain, key, names)
                .map_err(|reason| AcmeError::gone(format!("the certificate of the order {url} {reason}")))
        })
        .await
    }

    async fn fetch(&self, order: &mut Order) -> Result<String, AcmeError> {
        match order.state().status {
            OrderStatus::Valid | OrderStatus::Processing => (),
            OrderStatus::Invalid => return Err(loss_reason(order).await),
            OrderStatus::Pending | OrderStatus::Ready => {
                let kind = ProblemKind::Other("orderNotReady".into());
                return Err(AcmeError::Refused { name: None, kind, detail: "its names are not verified yet".into() });
            }
        }
        let policy = self.retry_policy();
        let fetched = persist!(async {
            match order.state().status {
                OrderStatus::Valid => {
                    order.certificate().await?.ok_or(Error::Str("a valid order without a certificate"))
                }
                _ => order.poll_certificate(&policy).await,
            }
        });
        match fetched {
            Err(_) if order.state().status == OrderStatus::Invalid => Err(loss_reason(order).await),
            other => other,
        }
    }
}

/// A certificate signing request (RFC 2986) with an empty subject: only the alternative names count.
fn signing_request(names: &[CertName], key: &SecretString) -> Result<Vec<u8>, AcmeError> {
    let bad = |error: rcgen::Error| AcmeError::local(format!("making the signing request: {error}"));
    let key = KeyPair::from_pem(key.expose_secret()).map_err(bad)?;
    let mut params = CertificateParams::new(names.iter().map(CertName::to_string).collect::<Vec<_>>()).map_err(bad)?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&key).map_err(bad)?.der().to_vec())
}
