//! The endpoint that Traefik asks for its configuration. It hands private keys out, so it answers
//! only those addresses and that token which the configuration names, and is not there for others.

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

/// For a Traefik 2, which can't send header fields of its own. Queries are not logged.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: String,
}

async fn document(
    State(endpoint): State<Arc<Endpoint>>,
    Query(Given { token }): Query<Given>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let given = bearer.unwrap_or(&token);
    let known: bool = endpoint.config.token.expose_secret().as_bytes().ct_eq(given.as_bytes()).into();
    let near = client.is_some_and(|Extension(client)| endpoint.config.from.contains(&client.0.to_canonical()));
    if !known || !near {
        return StatusCode::NOT_FOUND.into_response();
    }
    let document = endpoint.traefik.document();
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == document.etag.as_bytes());
    let tag = [(header::ETAG, document.etag), (header::CACHE_CONTROL, "no-store".to_owned())];
    if same {
        return (StatusCode::NOT_MODIFIED, tag).into_response();
    }
    (tag, [(header::CONTENT_TYPE, "application/json")], document.body).into_response()
}
