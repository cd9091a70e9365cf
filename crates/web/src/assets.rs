//! Style sheet, script and images, embedded in the binary.
//!
//! [`href`] returns a URL with a fingerprint of the content, which browsers may cache forever; the URL without
//! fingerprint works too and is revalidated by its entity tag.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use axum::{
    body::Body,
    extract::{Path, RawQuery},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::http_error::HttpError;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

struct Asset {
    body: Cow<'static, [u8]>,
    kind: &'static str,
    version: String,
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            let version = hex::encode(&file.metadata.sha256_hash()[..8]);
            Some((name.to_string(), Asset { kind: kind_of(&name), body: file.data, version }))
        })
        .collect()
});

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The URL of an asset, with its fingerprint.
pub fn href(name: &str) -> String {
    match ASSETS.get(name) {
        Some(asset) => format!("/assets/{name}?v={}", asset.version),
        None => format!("/assets/{name}"),
    }
}

/// `GET /assets/{name}`.
pub async fn file(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    respond(&name, query.as_deref(), &headers)
}

/// `GET /favicon.ico`, which browsers request by default.
pub async fn favicon(headers: HeaderMap) -> Result<Response, HttpError> {
    respond("icon.svg", None, &headers)
}

/// `GET /robots.txt`.
pub async fn robots(headers: HeaderMap) -> Result<Response, HttpError> {
    respond("robots.txt", None, &headers)
}

fn respond(name: &str, query: Option<&str>, headers: &HeaderMap) -> Result<Response, HttpError> {
    let asset = ASSETS.get(name).ok_or(HttpError::not_found("file"))?;
    let tag = format!("W/\"{}\"", asset.version);
    let current = query.and_then(|q| q.strip_prefix("v=")) == Some(asset.version.as_str());
    let caching = if current { "public, max-age=31536000, immutable" } else { "public, max-age=0, must-revalidate" };
    let is_cached = headers.get_all(header::IF_NONE_MATCH).iter().any(|v| v.as_bytes() == tag.as_bytes());
    let mut response = if is_cached {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(asset.body.clone()).into_response()
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_a_fingerprint() {
        let href = href("stoa.css");
        assert!(href.starts_with("/assets/stoa.css?v=") && href.len() == 35, "{href}");
    }

    #[test]
    fn fingerprinted_urls_are_immutable_and_others_are_revalidated() {
        let version = ASSETS["stoa.css"].version.clone();
        let fingerprinted = respond("stoa.css", Some(&format!("v={version}")), &HeaderMap::new()).unwrap();
        assert!(fingerprinted.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let old = respond("stoa.css", Some("v=0"), &HeaderMap::new()).unwrap();
        assert!(old.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("must-revalidate"));
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, old.headers()[header::ETAG].clone())]);
        assert_eq!(respond("stoa.css", None, &known).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert!(respond("../Cargo.toml", None, &HeaderMap::new()).is_err());
    }
}
