//! `POST /api/webhook/stripe/`: Stripe's events. Its signature is the only proof of who sends them.

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use stoa_billing::stripe::WebhookRefused;

use crate::{
    app::App,
    http_error::{ErrorKind, HttpError},
    middleware::limits::{BodyLimits, read_body},
};

/// Stripe's header with the signature.
const SIGNATURE: &str = "stripe-signature";

/// Receives an event, and answers once it is written down: 200, also if it came before. Stripe repeats what was answered
/// with another status, for three days.
pub async fn receive(State(app): State<App>, mut request: Request) -> Result<Response, HttpError> {
    let billing = &app.control.billing;
    if !billing.has_stripe() {
        return Err(HttpError::new(
            ErrorKind::NotFound,
            "Stripe is not set up here: see [stripe] of the configuration.",
        ));
    }
    let limits = request.extensions().get::<BodyLimits>().cloned().map(BodyLimits::for_webhook);
    if let Some(limits) = limits {
        request.extensions_mut().insert(limits);
    }
    let (parts, body) = read_body(request).await?;
    let signature = parts.headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match billing.receive_stripe_event(signature, &body).await {
        Ok(()) => Ok(StatusCode::OK.into_response()),
        Err(WebhookRefused::Failed(error)) => Err(error.into()),
        Err(refused) => Err(HttpError::new(ErrorKind::BadRequest, refused.to_string())),
    }
}
