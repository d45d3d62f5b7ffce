//! What an answer is called, so that a reader need not fetch it twice and no change is lost.
//!
//! A strong `ETag` is a digest of the body's bytes, behind the revision where a product is answered.
//! `If-None-Match` compares all of it. `If-Match` compares the revision only: stock moves all the
//! time, and an editor who changes a text must not be refused because somebody bought. Invariant:
//! two bodies have the same `ETag` only when they are the same bytes.

use super::{problem::Problem, reply::bytes};
use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH},
    },
    response::Response,
};
use serde::Serialize;

/// The `ETag` of a body, of this revision if it has one.
pub fn of(revision: Option<u64>, body: &[u8]) -> HeaderValue {
    let hash = blake3::hash(body).to_hex();
    let digest = hash.get(..32).unwrap_or_default();
    let text = match revision {
        Some(revision) => format!("\"{revision}-{digest}\""),
        None => format!("\"{digest}\""),
    };
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text))
        .unwrap_or_else(|_| unreachable!("digits and letters between quotes"))
}

/// `body` as JSON, with its `ETag`.
pub fn json(status: StatusCode, revision: Option<u64>, body: &impl Serialize) -> Response {
    let body = bytes(body);
    let etag = of(revision, &body);
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ETAG, etag);
    response
}

/// Whether `If-None-Match` names this `ETag`, weakly or not.
pub fn is_known(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = asked.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag)
}

/// The revision that `If-Match` names: the change is to happen only to that one. `None` for any
/// existing thing: there is no such header, or it says `*`. An `ETag` that a proxy made weak counts,
/// since only its revision is looked at.
///
/// # Errors
/// It is no `ETag` of a product, or more than one.
pub fn wanted_revision(asked: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut lines = asked.get_all(IF_MATCH).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let text = line.to_str().unwrap_or_default().trim();
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let revision = || {
        let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
        let (revision, digest) = tag.split_once('-')?;
        let digits = !revision.is_empty() && revision.bytes().all(|digit| digit.is_ascii_digit());
        let word = digest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if digits && word { revision.parse().ok() } else { None }
    };
    match (lines.next(), text, revision()) {
        (None, "*", _) => Ok(None),
        (None, _, Some(revision)) => Ok(Some(revision)),
        (Some(_), ..) | (None, _, None) => {
            Err(Problem::invalid("If-Match", "must be `*` or one ETag that a product came with"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &axum::http::HeaderName, lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap()));
        lines.collect()
    }

    #[test]
    fn an_etag_is_of_the_bytes_and_of_the_revision() {
        let etag = of(Some(7), b"{}");
        let text = etag.to_str().unwrap();
        assert!(text.starts_with("\"7-") && text.ends_with('"') && text.len() == 36, "{text}");
        assert_ne!(etag, of(Some(8), b"{}"));
        assert_ne!(etag, of(Some(7), b"{ }"));
        assert_eq!(of(None, b"{}").len(), 34);
    }

    #[test]
    fn a_reader_who_knows_it_is_told_so() {
        let etag = of(Some(7), b"{}");
        let text = etag.to_str().unwrap();
        let weak = format!("W/{text}");
        let several = format!("\"a\", {text}");
        for known in [text, "*", &weak, &several] {
            assert!(is_known(&asked(&IF_NONE_MATCH, &[known]), &etag), "{known}");
        }
        assert!(is_known(&asked(&IF_NONE_MATCH, &["\"a\"", text]), &etag));
        for other in ["", "\"7-\"", "7", &text[1..], "\"a\", \"b\""] {
            assert!(!is_known(&asked(&IF_NONE_MATCH, &[other]), &etag), "{other}");
        }
        assert!(!is_known(&HeaderMap::new(), &etag));
    }

    #[test]
    fn only_the_revision_is_wanted() {
        let wanted = |lines: &[&str]| wanted_revision(&asked(&IF_MATCH, lines)).ok();
        assert_eq!(wanted(&[]), Some(None));
        assert_eq!(wanted(&["*"]), Some(None));
        let etag = of(Some(7), b"{}");
        assert_eq!(wanted(&[etag.to_str().unwrap()]), Some(Some(7)));
        assert_eq!(wanted(&["W/\"12-ab\""]), Some(Some(12)));
        assert_eq!(wanted(&["\"7-\""]), Some(Some(7)), "the revision alone");
        for bad in
            ["", "7", "\"7\"", "7-ab", "\"-ab\"", "\"+7-ab\"", "\"7-a,b\"", "\"1-a\", \"2-b\""]
        {
            assert_eq!(wanted(&[bad]), None, "{bad}");
        }
        assert_eq!(wanted(&["\"99999999999999999999-a\""]), None, "no number of ours");
        assert_eq!(wanted(&["*", "*"]), None);
    }
}
