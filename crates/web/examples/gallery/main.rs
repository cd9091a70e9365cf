//! Every page with sample data: `cargo run -p stoa-web --example gallery`, then http://127.0.0.1:7070/. Add `?theme=dark` or `?theme=light`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod edge;
mod sample;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Path, Query},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use stoa_web::{
    assets,
    http_error::{ErrorKind, HttpError},
    pages::core::error::ErrorPage,
    ui::{
        self,
        frame::{Frame, Theme},
    },
};

#[tokio::main]
async fn main() {
    let app = Router::new()
        .route("/", get(index))
        .route("/assets/{*file}", get(assets::file))
        .route("/{page}", get(show))
        .layer(axum::middleware::from_fn(stoa_web::middleware::headers::add_security_headers));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7070").await.unwrap();
    println!("http://127.0.0.1:7070/");
    axum::serve(listener, app).await.unwrap();
}

async fn index() -> Html<String> {
    let line = |name: &&str| format!("<li><a href=\"/{name}\">{name}</a></li>");
    Html(format!("<ul>{}</ul>", sample::PAGES.iter().chain(edge::PAGES).map(line).collect::<String>()))
}

async fn show(Path(page): Path<String>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let theme = query.get("theme").map_or(Theme::Auto, |t| Theme::parse(t));
    if let Some(kind) = page.strip_prefix("error-").and_then(|s| ErrorKind::ALL.iter().find(|k| k.slug() == s)) {
        let frame = Frame { theme, ..sample::frame(None, "/nowhere") };
        let error = HttpError::new(*kind, "There is no such site.");
        return ui::page(kind.status(), &ErrorPage::new(frame, error));
    }
    sample::page(&page, theme).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}
