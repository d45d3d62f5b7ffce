//! The document of this door, and a page to read and try it: all of it from the binary.
//!
//! Made once per process, on first demand. Invariant: the page loads nothing from elsewhere, so it
//! works where there is no network.

use super::{
    Door, etag,
    extract::Call,
    openapi,
    problem::{Code, Problem},
    reply::Answer,
};
use axum::{
    http::{
        HeaderMap, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::Response,
};
use bytes::Bytes;
use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};
use utoipa_swagger_ui::{Config, serve};

/// Bytes and their name in caches.
struct Served {
    bytes: Bytes,
    etag: HeaderValue,
}

static DOCUMENT: LazyLock<Served> = LazyLock::new(|| {
    // String keys only, so this can't fail.
    let bytes = Bytes::from(serde_json::to_vec(&openapi::document()).unwrap_or_default());
    let etag = etag::of(None, &bytes);
    Served { bytes, etag }
});

/// `GET /openapi.json`
pub(super) async fn document(_: Door, call: Call) -> Answer {
    let Served { bytes, etag } = &*DOCUMENT;
    Ok(cached(call.headers(), "application/json", bytes.clone(), etag.clone()))
}

/// `GET /docs`
pub(super) async fn page(_: Door, call: Call) -> Answer {
    let (_, page) = file("index.html")?;
    // The page stands one step above its assets.
    let page = String::from_utf8_lossy(&page)
        .replace("\"./", "\"docs/")
        .replace("\"index.css", "\"docs/index.css");
    let etag = etag::of(None, page.as_bytes());
    Ok(cached(call.headers(), "text/html; charset=utf-8", page.into(), etag))
}

/// `GET /docs/{file}`
pub(super) async fn asset(_: Door, mut call: Call) -> Answer {
    let name: String = call.id().await?;
    let (media, bytes) = file(&name)?;
    let etag = etag::of(None, &bytes);
    Ok(cached(call.headers(), &media, bytes, etag))
}

/// A file of the page, and what it is.
fn file(name: &str) -> Result<(String, Bytes), Problem> {
    // Relative to the page, so that it also works behind a proxy's prefix. The page would send the
    // document to a validator on the Internet if it were not told otherwise.
    let config = Config::from("openapi.json").validator_url("none");
    match serve(name, Arc::new(config)) {
        Ok(Some(file)) => {
            let bytes = match file.bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Ok((file.content_type, bytes))
        }
        Ok(None) => Err(Problem::new(Code::NotFound, "the page has no such file")),
        Err(error) => Err(Problem::new(Code::Internal, format!("{name}: {error}"))),
    }
}

/// An answer that a client may keep, and asks about before it uses it again.
fn cached(asked: &HeaderMap, media: &str, bytes: Bytes, etag: HeaderValue) -> Response {
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(media).ok().map(|media| (CONTENT_TYPE, media)));
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    etag::unless_known(asked, response)
}
