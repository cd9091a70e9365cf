//! The OpenAPI document describes exactly the routes that exist.

use std::collections::BTreeSet;

use stoa_web::{api::core::openapi::DOCUMENT, routes::ROUTES};

#[test]
fn the_description_and_the_routes_agree() {
    let documented: BTreeSet<(String, String)> = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |m| (m.to_uppercase(), path.clone())))
        .collect();
    let is_call = |path: &str| path.starts_with("/api/v1/") || path == "/api/auth/login";
    let routes = ROUTES.iter().filter(|r| is_call(r.path)).map(|r| (r.method.to_owned(), r.path.to_owned()));
    assert_eq!(documented, routes.collect());
}

#[test]
fn it_is_openapi_3_1_and_its_references_resolve() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    assert_eq!(DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let text = DOCUMENT.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(DOCUMENT.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn every_kind_of_job_is_named() {
    let kind = DOCUMENT["components"]["schemas"]["Job"]["properties"]["kind"]["description"].as_str().unwrap();
    for word in stoa_model::job::JobKind::ALL {
        assert!(kind.contains(word.as_str()), "{word} is not in {kind:?}");
    }
}

#[test]
fn every_parameter_is_described() {
    let names = |path: &str| -> Vec<&str> {
        let parameters = DOCUMENT["paths"][path]["get"]["parameters"].as_array().unwrap();
        parameters.iter().map(|p| p["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names("/api/v1/sites"), ["before", "limit"]);
    assert_eq!(names("/api/v1/jobs"), ["state", "before", "limit"]);
    assert_eq!(names("/api/v1/sites/{id}/logs"), ["id", "tail"]);
    let tail = &DOCUMENT["paths"]["/api/v1/sites/{id}/logs"]["get"]["parameters"][1];
    assert_eq!(tail["schema"]["maximum"], stoa_sites::MAX_LOG_LINES, "{tail}");
}

#[test]
fn every_response_is_described_and_every_error_is_a_problem() {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    for (method, operation) in paths.values().flat_map(|item| item.as_object().unwrap()) {
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let at = format!("{method} {}: {status}", operation["operationId"]);
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{at}");
            let types: Vec<_> = response["content"].as_object().into_iter().flat_map(|types| types.keys()).collect();
            assert_eq!(status >= &"400".to_owned(), types == ["application/problem+json"], "{at}: {types:?}");
        }
        let is_open = operation["security"].is_array();
        assert_eq!(responses.contains_key("401"), !is_open || operation["operationId"] == "log_in");
        for status in ["400", "429", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{}: {status}", operation["operationId"]);
        }
        if operation["requestBody"].is_object() {
            assert!(["408", "413", "415", "422"].iter().all(|status| responses.contains_key(*status)));
        }
    }
}
