//! The endpoint that Traefik polls for its configuration. The document contains private keys, so only
//! configured addresses with the configured token get it; everybody else gets 404.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use stoa_edge::traefik::Traefik;
use stoa_model::secret::ExposeSecret;
use stoa_web::ClientAddress;
use subtle::ConstantTimeEq;

use crate::config;

struct Endpoint {
    traefik: Arc<Traefik>,
    config: config::Traefik,
}

/// The endpoint, to be merged into the portal's routes.
pub fn router(traefik: Arc<Traefik>, config: config::Traefik) -> Router {
    Router::new().route("/traefik/config", get(document)).with_state(Arc::new(Endpoint { traefik, config }))
}

/// For Traefik 2, which can't send custom header fields. Queries are not logged.
#[derive(Deserialize)]
struct TokenQuery {
    #[serde(default)]
    token: String,
}

async fn document(
    State(endpoint): State<Arc<Endpoint>>,
    Query(TokenQuery { token }): Query<TokenQuery>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let presented = bearer.unwrap_or(&token);
    let has_token: bool = endpoint.config.token.expose_secret().as_bytes().ct_eq(presented.as_bytes()).into();
    let is_traefik = client.is_some_and(|Extension(client)| endpoint.config.from.contains(&client.0.to_canonical()));
    if !has_token || !is_traefik {
        return StatusCode::NOT_FOUND.into_response();
    }
    let document = endpoint.traefik.document();
    let is_unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == document.etag.as_bytes());
    let tag = [(header::ETAG, document.etag), (header::CACHE_CONTROL, "no-store".to_owned())];
    if is_unchanged {
        return (StatusCode::NOT_MODIFIED, tag).into_response();
    }
    (tag, [(header::CONTENT_TYPE, "application/json")], document.body).into_response()
}
