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
