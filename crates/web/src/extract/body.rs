//! Forms, queries and JSON bodies, with error messages of our own instead of a library's.

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::FormRejection},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::stale_form::StaleForm;
use crate::{
    http_error::{ErrorKind, HttpError},
    middleware::limits::read_body,
};

/// A form; the CSRF middleware has checked its origin, token and size.
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpError> {
        if request.extensions().get::<StaleForm>().is_some() {
            return Err(HttpError::new(ErrorKind::FormRejected, ErrorKind::FormRejected.advice()));
        }
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(FormRejection::BytesRejection(_)) => {
                Err(HttpError::new(ErrorKind::PayloadTooLarge, ErrorKind::PayloadTooLarge.advice()))
            }
            Err(_) => Err(HttpError::new(ErrorKind::BadRequest, "A field of the form is missing or appears twice.")),
        }
    }
}

/// The query string.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpError> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => {
                Err(HttpError::new(ErrorKind::BadRequest, format!("The address can't be read: {}.", error.body_text())))
            }
        }
    }
}

/// A JSON object.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, _: &S) -> Result<Self, HttpError> {
        if !is_json(request.headers()) {
            return Err(HttpError::new(ErrorKind::UnsupportedMediaType, ErrorKind::UnsupportedMediaType.advice()));
        }
        let (_, body) = read_body(request).await?;
        // Serde takes the items of an array for the members of an object.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(HttpError::new(ErrorKind::Invalid, "Send a JSON object, not an array."));
        }
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let kind = if error.is_data() { ErrorKind::Invalid } else { ErrorKind::BadRequest };
            HttpError::new(kind, format!("The JSON can't be read: {error}."))
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use stoa_sites::command::OrderSite;

    use super::*;

    async fn read(kind: &str, body: &str) -> Result<OrderSite, HttpError> {
        let request = Request::builder().header("content-type", kind).body(Body::from(body.to_owned())).unwrap();
        Json::from_request(request, &()).await.map(|Json(value)| value)
    }

    #[tokio::test]
    async fn json_errors_have_their_own_message_and_status() {
        let good = r#"{"blueprint":"woocommerce","subdomain":"jane","title":"Jane"}"#;
        assert_eq!(read("application/json; charset=utf-8", good).await.unwrap().title, "Jane");
        assert_eq!(read("text/plain", good).await.unwrap_err().kind, ErrorKind::UnsupportedMediaType);
        assert_eq!(read("application/json", "{").await.unwrap_err().kind, ErrorKind::BadRequest);
        let unknown = r#"{"blueprint":"a","subdomain":"b","title":"c","colour":"red"}"#;
        assert!(read("application/json", unknown).await.unwrap_err().detail.contains("unknown field `colour`"));
        let array = read("application/json", r#" ["a","b","c","","",null]"#).await.unwrap_err();
        assert_eq!(array.detail, "Send a JSON object, not an array.");
        let wrong = r#"{"blueprint":1,"subdomain":"b","title":"c"}"#;
        assert_eq!(read("application/json", wrong).await.unwrap_err().kind, ErrorKind::Invalid);
    }
}
