//! Which web pages may call from a browser, where an operator names any.
//!
//! Invariant: without a setting there is no such header at all; cookies come along only from
//! origins that are named one by one, never with `*`.

use super::{
    auth::{CART_TOKEN, ORDER_TOKEN},
    middleware::REQUEST_ID,
    reply::REPLAYED,
};
use axum::http::{
    HeaderName, HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER},
};
use std::{fmt, time::Duration};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// What [`Origins::parse`] takes.
pub const EXPECTED: &str = "origins as browsers send them, such as https://shop.example or http://localhost:3000, without \
     a path and with commas between, or * alone";

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_secs(600);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What pages may send beside what all may.
const SENT: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    IF_MATCH,
    IF_NONE_MATCH,
    CART_TOKEN,
    ORDER_TOKEN,
    IDEMPOTENCY_KEY,
    PREFER,
    REQUEST_ID,
];

/// What pages may read of an answer beside what all may.
const SHOWN: [HeaderName; 7] =
    [CART_TOKEN, LOCATION, ETAG, REPLAYED, PREFERENCE_APPLIED, RETRY_AFTER, REQUEST_ID];

/// Origins of web pages; none of them, these, or any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Reads a list with commas; `None` when one is no origin, or `*` is not alone.
    pub fn parse(text: &str) -> Option<Origins> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Origins::default());
        }
        if text == "*" {
            return Some(Origins(vec![HeaderValue::from_static("*")]));
        }
        text.split(',').map(|one| origin(one.trim())).collect::<Option<Vec<_>>>().map(Origins)
    }

    /// What to put around the door; `None` without origins.
    pub(super) fn layer(&self) -> Option<CorsLayer> {
        let first = self.0.first()?;
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE];
        let layer = CorsLayer::new()
            .allow_methods(methods)
            .allow_headers(SENT)
            .expose_headers(SHOWN)
            .max_age(REMEMBERED);
        Some(if first == "*" {
            layer.allow_origin(Any)
        } else {
            layer.allow_origin(AllowOrigin::list(self.0.clone())).allow_credentials(true)
        })
    }
}

/// One origin in the form in which browsers send it: what they never send would never match.
fn origin(text: &str) -> Option<HeaderValue> {
    let text = text.to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    if rest.contains(['/', '?', '#', '@', '*']) {
        return None;
    }
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let port = authority.port().map(|port| port.as_u16());
    // What is no number is no port, but is taken for one.
    let read = port.is_some() || authority.host() == rest;
    let whole = !authority.host().is_empty() && read && port != Some(usual);
    HeaderValue::from_str(&text).ok().filter(|_| whole)
}

/// As [`Origins::parse`] reads them.
impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<&str> = self.0.iter().filter_map(|origin| origin.to_str().ok()).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        for (text, same) in [
            ("", ""),
            (" * ", "*"),
            ("https://shop.example", "https://shop.example"),
            (
                "https://Shop.Example , http://localhost:3000",
                "https://shop.example, http://localhost:3000",
            ),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Origins::parse(text).unwrap().to_string(), same, "{text}");
        }
        for bad in [
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/path",
            "https://shop.example:443",
            "https://shop.example:x",
            "https://shop.example:",
            "https://me@shop.example",
            "https://*.shop.example",
            "ftp://shop.example",
            "null",
            "*, https://shop.example",
            "https://a,,https://b",
            "https://a b",
        ] {
            assert_eq!(Origins::parse(bad), None, "{bad}");
        }
    }
}
