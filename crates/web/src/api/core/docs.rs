//! The API reference as a page, generated from the OpenAPI document, without third-party scripts.

use askama::Template;
use axum::response::Response;
use serde_json::Value;

use super::openapi::DOCUMENT;
use crate::{
    http_error::ErrorKind,
    ui::{self, frame::Frame},
};

/// `/api/docs`
#[derive(Template)]
#[template(path = "core/api_docs.html")]
pub struct DocsPage {
    frame: Frame,
    groups: Vec<Group>,
    types: Vec<Type>,
    problems: Vec<(u16, &'static str, &'static str)>,
}

struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    open: bool,
    parameters: Vec<Line>,
    body: Option<String>,
    answers: Vec<(String, String)>,
}

struct Type {
    name: String,
    description: String,
    members: Vec<Line>,
}

struct Line {
    name: String,
    kind: String,
    required: bool,
    description: String,
}

impl DocsPage {
    /// Builds the page from the OpenAPI document.
    pub fn new(frame: Frame) -> Self {
        let operations = operations(&DOCUMENT);
        let tags = DOCUMENT["tags"].as_array().into_iter().flatten();
        let group = |tag: &Value| {
            let name = text(&tag["name"]);
            let of_tag = operations.iter().filter(|(t, _, _, _)| *t == name);
            let operations = of_tag.map(|(_, path, method, op)| operation(path, method, op)).collect();
            Group { description: text(&tag["description"]), name, operations }
        };
        let schemas = DOCUMENT["components"]["schemas"].as_object().into_iter().flatten();
        let problem = |k: &ErrorKind| (k.status().as_u16(), k.slug(), k.title());
        Self {
            frame,
            groups: tags.map(group).collect(),
            types: schemas.map(|(name, schema)| describe(name, schema)).collect(),
            problems: ErrorKind::ALL.iter().filter(|k| **k != ErrorKind::FormRejected).map(problem).collect(),
        }
    }
}

/// `GET /api/docs`
pub async fn show(frame: Frame) -> Response {
    ui::ok(&DocsPage::new(frame))
}

/// Every operation with its tag, path and method.
fn operations(document: &Value) -> Vec<(String, &str, &str, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, op) in item.as_object().into_iter().flatten() {
            all.push((text(&op["tags"][0]), path.as_str(), method.as_str(), op));
        }
    }
    all
}

fn operation(path: &str, method: &str, op: &Value) -> Operation {
    let parameters = op["parameters"].as_array().into_iter().flatten().map(|p| Line {
        name: text(&p["name"]),
        kind: format!("{}, in the {}", kind_of(&p["schema"]), text(&p["in"])),
        required: p["required"] == true,
        description: text(&p["description"]),
    });
    let json = |content: &Value| content.as_object().and_then(|c| c.values().next()).map(|m| kind_of(&m["schema"]));
    let answers = op["responses"].as_object().into_iter().flatten();
    Operation {
        id: text(&op["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        summary: text(&op["summary"]),
        open: op["security"].as_array().is_some_and(|s| s.iter().all(|r| r == &serde_json::json!({}))),
        parameters: parameters.collect(),
        body: json(&op["requestBody"]["content"]),
        answers: answers.map(|(status, a)| (status.clone(), json(&a["content"]).unwrap_or_default())).collect(),
    }
}

fn describe(name: &str, schema: &Value) -> Type {
    let required: Vec<&Value> = schema["required"].as_array().into_iter().flatten().collect();
    let members = schema["properties"].as_object().into_iter().flatten().map(|(name, member)| Line {
        required: required.iter().any(|r| *r == name),
        kind: kind_of(member),
        description: text(&member["description"]),
        name: name.clone(),
    });
    Type { members: members.collect(), name: name.to_owned(), description: text(&schema["description"]) }
}

/// A schema in a few words: `string`, `Site`, `list of Site`, `integer or null`.
fn kind_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let alternatives = schema["oneOf"].as_array().or_else(|| schema["type"].as_array());
    if let Some(all) = alternatives {
        let word = |v: &Value| v.as_str().map_or_else(|| kind_of(v), str::to_owned);
        return all.iter().map(word).collect::<Vec<_>>().join(" or ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", kind_of(&schema["items"])),
        Some(kind) => schema["format"].as_str().filter(|f| *f == "date-time").unwrap_or(kind).to_owned(),
        None => "anything".to_owned(),
    }
}

/// A text of the OpenAPI document, without its Markdown.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('`', "")
}
