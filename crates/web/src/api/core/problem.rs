//! Problem details for HTTP APIs (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http_error::HttpError;

/// Why a request failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// URI of the kind of problem, in the API reference.
    #[serde(rename = "type")]
    #[schema(example = "/api/docs#problem-invalid")]
    kind: String,
    /// The kind of problem, for people.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// What happened this time.
    detail: String,
    /// Id of the request, for questions to the operator.
    request_id: String,
    /// Rejected fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// The ability that the token lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    ability: Option<&'static str>,
}

/// A rejected field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Its name.
    field: &'static str,
    /// What to do about it.
    message: String,
}

impl Problem {
    /// The problem details of an error.
    pub fn new(error: &HttpError, request_id: &str) -> Self {
        let errors = error.fields.iter().map(|f| FieldProblem { field: f.field, message: f.message.clone() });
        Self {
            kind: format!("/api/docs#problem-{}", error.kind.slug()),
            title: error.kind.title(),
            status: error.status().as_u16(),
            detail: error.detail.clone(),
            request_id: request_id.to_owned(),
            errors: errors.collect(),
            ability: error.ability.map(stoa_model::ability::Ability::as_str),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        let mut response = (status, axum::Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use stoa_core::Error;
    use stoa_model::field::Invalid;

    use super::*;

    #[test]
    fn the_format_is_rfc_9457() {
        let error = HttpError::from(Error::from(Invalid::new("title", "Please enter a title for the store.")));
        let json = serde_json::to_value(Problem::new(&error, "r1")).unwrap();
        let expected = serde_json::json!({
            "type": "/api/docs#problem-invalid",
            "title": "There’s a problem",
            "status": 422,
            "detail": "title: Please enter a title for the store.",
            "request_id": "r1",
            "errors": [{"field": "title", "message": "Please enter a title for the store."}],
        });
        assert_eq!(json, expected);
        let response = Problem::new(&error, "r1").into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
