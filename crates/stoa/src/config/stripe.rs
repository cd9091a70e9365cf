//! `[stripe]`: who charges customers' cards.

use stoa_billing::StripeAccount;
use stoa_integrations::stripe::{API_URL, Stripe, StripeConfig};
use stoa_model::secret::{ExposeSecret, SecretString};

use super::{Config, mistake::Mistake, schema::settings};

settings! {
    /// Stripe charges customers' cards. Without a key, payments are marked by staff. At Stripe, make a webhook endpoint for
    /// `https://PORTAL/api/webhook/stripe/` with the API version 2026-08-26.dahlia; docs/operate.md lists its events.
    pub struct StripeSection in "stripe" {
        /// Secret or restricted key: sk_test_… for trying it, sk_live_… for real money.
        secret_key: SecretString = "",
        /// The secret of the webhook endpoint: whsec_…; while it is replaced, both, separated by a comma.
        webhook_secret: SecretString = "",
        /// Where the API is; only tests change it.
        api_url: String = "https://api.stripe.com",
    }
}

impl Config {
    /// The operator's account; none without a key.
    pub fn stripe_account(&self) -> Result<Option<StripeAccount>, Mistake> {
        let section = &self.stripe;
        let (key, secrets) = (section.secret_key.expose_secret().trim(), section.webhook_secret.expose_secret());
        let webhook_secrets: Vec<_> = secrets
            .split(',')
            .map(str::trim)
            .filter(|secret| !secret.is_empty())
            .map(|secret| SecretString::from(secret.to_owned()))
            .collect();
        if key.is_empty() {
            return match webhook_secrets.is_empty() {
                true => Ok(None),
                false => Err(Mistake::new("stripe.secret_key", "required with stripe.webhook_secret")),
            };
        }
        if !["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix)) {
            let problem = "this is no secret key of Stripe: they begin with sk_ or rk_ (pk_ is the publishable one)";
            return Err(Mistake::new("stripe.secret_key", problem));
        }
        // Without it anybody could say that an order is paid.
        if webhook_secrets.is_empty() {
            return Err(Mistake::new(
                "stripe.webhook_secret",
                "required with stripe.secret_key: copy it from the endpoint",
            ));
        }
        let is_loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if section.api_url != API_URL && !is_loopback.iter().any(|start| section.api_url.starts_with(start)) {
            let problem = format!("the key is sent there: use {API_URL}, or a test server on this machine");
            return Err(Mistake::new("stripe.api_url", problem));
        }
        let config = StripeConfig { secret_key: section.secret_key.clone(), api_url: section.api_url.clone() };
        let client = Stripe::new(&config).map_err(|error| Mistake::new("stripe.secret_key", error))?;
        Ok(Some(StripeAccount { client, webhook_secrets }))
    }
}
