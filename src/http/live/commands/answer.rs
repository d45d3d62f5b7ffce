//! How an answer of a handler goes back in one message, by the id of its command.
//!
//! Invariant: status and body are those that a request would have got, and what HTTP says in a
//! header that a client needs stands beside them.

use crate::http::{auth::CART_TOKEN, reply::REPLAYED};
use axum::{
    extract::ws::Utf8Bytes,
    http::{HeaderName, header::LOCATION},
    response::Response,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Collected};
use std::io::Write as _;

/// Headers that stand in an answer, and what they are called there.
const TOLD: [(HeaderName, &str); 2] = [(CART_TOKEN, "cart_token"), (LOCATION, "location")];

/// `{"id", "status", ..., "body"}`, without a body where there is none.
pub(super) fn written(id: &[u8], response: Response) -> Utf8Bytes {
    let (head, body) = response.into_parts();
    // Handlers answer with bytes that are there.
    let body = body.collect().now_or_never().and_then(Result::ok);
    let body = body.map_or_else(Bytes::new, Collected::to_bytes);
    let mut text = Vec::with_capacity(160 + id.len() + body.len());
    text.extend_from_slice(b"{\"id\":");
    text.extend_from_slice(id);
    let _ = write!(text, ",\"status\":{}", head.status.as_u16());
    if head.headers.contains_key(REPLAYED) {
        text.extend_from_slice(b",\"replayed\":true");
    }
    for (header, name) in TOLD {
        if let Some(value) = head.headers.get(header).and_then(|value| value.to_str().ok()) {
            let _ = write!(text, ",\"{name}\":");
            let _ = serde_json::to_writer(&mut text, value);
        }
    }
    if !body.is_empty() {
        text.extend_from_slice(b",\"body\":");
        text.extend_from_slice(&body);
    }
    text.push(b'}');
    Utf8Bytes::try_from(text).unwrap_or_default()
}
