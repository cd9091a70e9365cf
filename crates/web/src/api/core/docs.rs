//! The API reference as a page, generated from the OpenAPI document, without third-party scripts.

use askama::Template;
use axum::{extract::State, response::Response};
use serde_json::Value;

use super::openapi::DOCUMENT;
use crate::{
    app::App,
    http_error::ErrorKind,
    ui::{self, frame::Frame},
};

/// `/api/docs`
#[derive(Template)]
#[template(path = "core/api_docs.html")]
pub struct DocsPage {
    frame: Frame,
    base: String,
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
    curl: String,
    response: Option<String>,
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
    pub fn new(frame: Frame, base: String) -> Self {
        let operations = operations(&DOCUMENT);
        let tags = DOCUMENT["tags"].as_array().into_iter().flatten();
        let group = |tag: &Value| {
            let name = text(&tag["name"]);
            let of_tag = operations.iter().filter(|(t, _, _, _)| *t == name);
            let operations = of_tag.map(|(_, path, method, op)| operation(&base, path, method, op)).collect();
            Group { description: text(&tag["description"]), name, operations }
        };
        let schemas = DOCUMENT["components"]["schemas"].as_object().into_iter().flatten();
        let problem = |k: &ErrorKind| (k.status().as_u16(), k.slug(), k.title());
        let groups = tags.map(group).collect();
        Self {
            frame,
            groups,
            base,
            types: schemas.map(|(name, schema)| describe(name, schema)).collect(),
            problems: ErrorKind::ALL.iter().filter(|k| **k != ErrorKind::FormRejected).map(problem).collect(),
        }
    }
}

/// `GET /api/docs`
pub async fn show(State(app): State<App>, frame: Frame) -> Response {
    ui::ok(&DocsPage::new(frame, app.control.core.portal_url()))
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

fn operation(base: &str, path: &str, method: &str, op: &Value) -> Operation {
    let parameters = op["parameters"].as_array().into_iter().flatten().map(|p| Line {
        name: text(&p["name"]),
        kind: format!("{}, in the {}", kind_of(&p["schema"]), text(&p["in"])),
        required: p["required"] == true,
        description: text(&p["description"]),
    });
    let json = |content: &Value| content.as_object().and_then(|c| c.values().next()).map(|m| kind_of(&m["schema"]));
    let answers = op["responses"].as_object().into_iter().flatten();
    let is_open = op["security"].as_array().is_some_and(|s| s.iter().all(|r| r == &serde_json::json!({})));
    Operation {
        curl: curl(base, path, method, op, is_open),
        response: response(op),
        id: text(&op["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        summary: text(&op["summary"]),
        open: is_open,
        parameters: parameters.collect(),
        body: json(&op["requestBody"]["content"]),
        answers: answers.map(|(status, a)| (status.clone(), json(&a["content"]).unwrap_or_default())).collect(),
    }
}

/// The call as a line of a shell. Members of the path stay as they are named, for a reader to replace.
fn curl(base: &str, path: &str, method: &str, op: &Value, is_open: bool) -> String {
    let mut lines = vec!["curl".to_owned()];
    if method != "get" {
        lines[0].push_str(&format!(" -X {}", method.to_uppercase()));
    }
    lines[0].push_str(&format!(" {base}{}", shell_path(path)));
    if !is_open {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    let body = &op["requestBody"]["content"]["application/json"]["example"];
    if !body.is_null() {
        let body = serde_json::to_string(body).unwrap_or_default().replace('\'', "'\\''");
        lines.push(format!("--json '{body}'"));
    }
    lines.join(" \\\n  ")
}

/// `/sites/{id}/stop` as `/sites/$ID/stop`.
fn shell_path(path: &str) -> String {
    let segment = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => format!("${}", name.to_uppercase()),
        None => part.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// What the first successful answer looks like.
fn response(op: &Value) -> Option<String> {
    let mut successes = op["responses"].as_object()?.iter().filter(|(status, _)| status.starts_with('2'));
    let example = &successes.next()?.1["content"]["application/json"]["example"];
    (!example.is_null()).then(|| serde_json::to_string_pretty(example).unwrap_or_default())
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
