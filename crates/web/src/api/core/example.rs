//! An example for every body of the API, computed from the schemas, so that none is missing and none is out of date.

use serde_json::{Map, Value, json};

const SITE: &str = "site_019345c27c0070008000000000000001";
const JOB: &str = "job_019345c27c0070008000000000000002";
const CUSTOMER: &str = "cus_019345c27c0070008000000000000003";
const DOMAIN: &str = "dom_019345c27c0070008000000000000004";
const TOKEN: &str = "tok_019345c27c0070008000000000000005";
const TASK: &str = "task_019345c27c0070008000000000000006";
const AT: &str = "2026-12-01T09:30:00Z";
/// A text of which no example is known.
const NOTHING: &str = "…";
/// How deep types may contain each other in an example.
const MAX_DEPTH: usize = 5;

/// Gives every request and every successful response of the document its example.
pub fn add_to(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let mut paths = document["paths"].take();
    for operation in
        paths.as_object_mut().into_iter().flatten().flat_map(|(_, item)| item.as_object_mut().into_iter().flatten())
    {
        let operation = operation.1;
        if let Some(body) = operation.get_mut("requestBody") {
            let schema = &body["content"]["application/json"]["schema"];
            let required = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            let required = required.map(|name| schemas[name]["required"].clone()).unwrap_or_default();
            add_to_content(body.get_mut("content"), &schemas);
            if let Some(example) = body.pointer_mut("/content/application~1json/example") {
                keep_only(example, &required);
            }
        }
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            if status.starts_with('2') {
                add_to_content(response.get_mut("content"), &schemas);
            }
        }
    }
    document["paths"] = paths;
}

fn add_to_content(content: Option<&mut Value>, schemas: &Value) {
    let body = content.and_then(|content| content.get_mut("application/json"));
    if let Some(body) = body.filter(|body| body["example"].is_null()) {
        body["example"] = of(&body["schema"], "", "", schemas, 0);
    }
}

/// Requests show what is needed; the rest is in the list of members.
fn keep_only(example: &mut Value, required: &Value) {
    if let (Some(members), Some(required)) = (example.as_object_mut(), required.as_array()) {
        members.retain(|name, _| required.iter().any(|member| member == name));
    }
}

/// A value of this schema, which a member called `name` of the type `owner` has.
fn of(schema: &Value, name: &str, owner: &str, schemas: &Value, depth: usize) -> Value {
    let given = [&schema["example"], &schema["const"], &schema["enum"][0], &schema["default"]];
    if let Some(value) = given.into_iter().find(|value| !value.is_null()) {
        return value.clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let kind = reference.rsplit('/').next().unwrap_or_default();
        return of(&schemas[kind], name, kind, schemas, depth);
    }
    if let Some(first) = schema["oneOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        return of(first, name, owner, schemas, depth);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let values = parts.iter().map(|part| of(part, name, owner, schemas, depth));
        let members = values.filter_map(|value| value.as_object().cloned()).flatten();
        return Value::Object(members.collect());
    }
    match kind(schema) {
        // What need not be there, and has no value that is worth showing.
        "string" if is_nullable(schema) && string(schema, name, owner) == NOTHING => Value::Null,
        "object" => object(schema, owner, schemas, depth),
        "array" if depth >= MAX_DEPTH => json!([]),
        "array" => json!([of(&schema["items"], name.strip_suffix('s').unwrap_or(name), owner, schemas, depth + 1)]),
        "integer" => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
        "number" => json!(0.5),
        "boolean" => json!(true),
        "string" => json!(string(schema, name, owner)),
        _ => Value::Null,
    }
}

/// The type that is not `null`.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default(),
        other => other.as_str().unwrap_or_default(),
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "null"))
}

fn object(schema: &Value, owner: &str, schemas: &Value, depth: usize) -> Value {
    if depth >= MAX_DEPTH {
        return json!({});
    }
    let members = schema["properties"].as_object().into_iter().flatten();
    let examples = members.map(|(name, member)| (name.clone(), of(member, name, owner, schemas, depth + 1)));
    Value::Object(examples.collect::<Map<_, _>>())
}

fn string(schema: &Value, name: &str, owner: &str) -> String {
    if schema["format"] == "date-time" {
        return AT.to_owned();
    }
    let known = match (name, owner) {
        ("id", "Job") | ("job", _) => JOB,
        ("id", "Customer" | "Me") | ("customer", _) => CUSTOMER,
        ("id", "Domain") => DOMAIN,
        ("id", "ListedToken" | "NewToken") => TOKEN,
        ("id", "FailedTask") => TASK,
        ("id", _) | ("site", _) => SITE,
        ("email" | "admin_email", _) => "jane@example.com",
        ("password", _) => "correct horse battery staple",
        ("subdomain", _) => "bakery",
        ("hostname" | "names", _) => "bakery.shops.example",
        ("name" | "display", "Domain" | "AddDomain") => "shop.example.com",
        ("title" | "site_title", "Site" | "NewSite" | "Job" | "OrderSite") => "The Bakery",
        ("abilities" | "abilitie", _) => "read",
        ("prefix", _) => "stoa_8fJkQ2",
        ("name", "ListedToken") => "deploys",
        ("blueprint", _) => "woocommerce",
        ("url", _) => "https://bakery.shops.example",
        ("admin_user", _) => "admin",
        ("company", _) => "Jane's Bakery",
        ("token", _) => "stoa_…",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    // The descriptions name the values of a word in code quotes.
    let description = schema["description"].as_str().unwrap_or_default();
    description.split('`').nth(1).filter(|word| !word.contains('…')).unwrap_or(NOTHING).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::openapi::DOCUMENT;

    #[test]
    fn every_json_body_has_an_example_with_all_that_is_required() {
        let mut seen = 0;
        for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap().iter();
                let bodies = responses.filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
                for body in bodies.chain(operation.get("requestBody")) {
                    let Some(body) = body["content"].get("application/json") else { continue };
                    seen += 1;
                    assert!(!body["example"].is_null(), "{method} {path}");
                    let name = body["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next());
                    let Some(name) = name else { continue };
                    for member in DOCUMENT["components"]["schemas"][name]["required"].as_array().into_iter().flatten() {
                        let member = member.as_str().unwrap();
                        assert!(body["example"].get(member).is_some(), "{method} {path}: {member}");
                    }
                }
            }
        }
        assert!(seen > 30, "{seen}");
    }
}
