//! What a handler takes out of a request: its body, its key, the ids in its path.
//!
//! Written by hand, because a rejection here is a problem with a field and a code, and because
//! this runs for every add to a cart: nothing is copied that is not kept.

mod objects;

pub use objects::read;

use super::problem::{Code, Problem};
use crate::{
    domain::{EntityId, OrderId, ProductId, ReservationId, Sku, product::is_handle},
    shop::{Key, mail::LetterId},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{
        HeaderMap, Uri,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::{fmt::Write as _, time::Duration};

/// The largest body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 << 10;

/// How long a client may take to send one.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A request whose body has come.
#[derive(Debug)]
pub struct Call {
    head: Parts,
    body: Bytes,
    /// What stands in the path, where no router has read one.
    named: Vec<String>,
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Call, Problem> {
        let (head, body) = request.into_parts();
        let too_large = || {
            let limit = MAX_BODY_BYTES >> 10;
            Problem::new(Code::TooLarge, format!("a body may have {limit} KiB"))
        };
        let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if length.and_then(|length| length.parse().ok()).is_some_and(|n: usize| n > MAX_BODY_BYTES)
        {
            return Err(too_large());
        }
        let body = Limited::new(body, MAX_BODY_BYTES).collect();
        let body = match tokio::time::timeout(BODY_WITHIN, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(_)) => return Err(Problem::new(Code::NotJson, "the body broke off")),
            Err(_) => return Err(Problem::new(Code::TooSlow, "send the body faster")),
        };
        Ok(Call { head, body, named: vec![] })
    }
}

impl Call {
    /// A call that did not come as a request: what a path names is said beside it.
    pub(super) fn told(uri: Uri, headers: HeaderMap, named: Vec<String>, body: Bytes) -> Call {
        let (mut head, ()) = Request::new(()).into_parts();
        (head.uri, head.headers) = (uri, headers);
        Call { head, body, named }
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What was asked for.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// The body as `T`.
    ///
    /// # Errors
    /// It is no JSON, or not a `T`: says which field and why.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let media = self.head.headers.get(CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes);
        if !media.is_some_and(is_json) {
            let detail = "say `Content-Type: application/json`";
            return Err(Problem::new(Code::NotJson, detail));
        }
        parse(&self.body)
    }

    /// The Idempotency-Key, if there is one.
    ///
    /// # Errors
    /// It is empty, too long or no text.
    pub fn key(&self) -> Result<Option<Key<'_>>, Problem> {
        let Some(value) = self.head.headers.get("idempotency-key") else { return Ok(None) };
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) if (1..=Key::MAX_BYTES).contains(&text.len()) => {
                Ok(Some(Key { text, route: self.head.uri.path(), body: &self.body }))
            }
            _ => {
                let why = format!("must be a text of 1 to {} bytes", Key::MAX_BYTES);
                Err(Problem::invalid("Idempotency-Key", why))
            }
        }
    }

    /// The one id in the path.
    ///
    /// # Errors
    /// It is no id: nothing has it.
    pub async fn id<T: Named>(&mut self) -> Result<T, Problem> {
        if let [text] = self.named.as_slice() {
            return T::named(text).ok_or_else(T::unknown);
        }
        id_in(&mut self.head).await
    }

    /// The two ids in the path.
    ///
    /// # Errors
    /// One is no id: nothing has it.
    pub async fn ids<A: Named, B: Named>(&mut self) -> Result<(A, B), Problem> {
        let (first, second) = match self.named.as_slice() {
            [first, second] => (first.clone(), second.clone()),
            _ => match Path::from_request_parts(&mut self.head, &()).await {
                Ok(Path(texts)) => texts,
                Err(_) => return Err(B::unknown()),
            },
        };
        let first = A::named(&first).ok_or_else(A::unknown)?;
        Ok((first, B::named(&second).ok_or_else(B::unknown)?))
    }
}

/// The one id in a path.
///
/// # Errors
/// It is no id: nothing has it.
pub async fn id_in<T: Named>(head: &mut Parts) -> Result<T, Problem> {
    let text = Path::<String>::from_request_parts(head, &()).await;
    text.ok().and_then(|Path(text)| T::named(&text)).ok_or_else(T::unknown)
}

/// What a path can name.
pub trait Named: Sized {
    /// Reads it.
    fn named(text: &str) -> Option<Self>;

    /// What is said of a text that names nothing.
    fn unknown() -> Problem {
        Problem::new(Code::NotFound, "nothing has this id")
    }
}

impl Named for Sku {
    fn named(text: &str) -> Option<Self> {
        Sku::parse(text)
    }

    fn unknown() -> Problem {
        crate::domain::sku::Refusal::UnknownSku.into()
    }
}

impl Named for OrderId {
    fn named(text: &str) -> Option<Self> {
        OrderId::parse(text)
    }
}

impl Named for ReservationId {
    fn named(text: &str) -> Option<Self> {
        ReservationId::parse(text)
    }

    /// The caller chose it.
    fn unknown() -> Problem {
        Problem::invalid("id", "must be `res_` and 32 hexadecimal digits, chosen at random")
    }
}

impl Named for ProductId {
    /// The id, or the handle, which no id looks like.
    fn named(text: &str) -> Option<Self> {
        let of_handle = || is_handle(text).then(|| ProductId::of_handle(text));
        ProductId::parse(text).or_else(of_handle)
    }
}

impl Named for LetterId {
    fn named(text: &str) -> Option<Self> {
        LetterId::parse(text)
    }
}

impl Named for String {
    fn named(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Named for EntityId {
    fn named(text: &str) -> Option<Self> {
        EntityId::parse(text)
    }
}

fn is_json(media: &[u8]) -> bool {
    let end = media.iter().position(|byte| *byte == b';').unwrap_or(media.len());
    let media = media.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase();
    media == b"application/json"
        || (media.starts_with(b"application/") && media.ends_with(b"+json"))
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    read(body).map_err(|_| explain::<T>(body))
}

fn not_json(body: &[u8]) -> Option<Problem> {
    let error = serde_json::from_slice::<IgnoredAny>(body).err()?;
    Some(Problem::new(Code::NotJson, format!("the body is not JSON: {error}")))
}

/// Why a body is not a `T`. Off the hot path, so it may read the body again.
fn explain<T: DeserializeOwned>(body: &[u8]) -> Problem {
    if let Some(problem) = not_json(body) {
        return problem;
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(objects::Objects(&mut deserializer)) {
        Ok(_) => Problem::new(Code::NotJson, "the body goes on behind its end"),
        Err(error) => {
            let mut field = pointer(error.path());
            let why = error.inner().to_string();
            // The place in the text helps nobody who sent it from a program.
            let why = why.split(" at line ").next().unwrap_or_default().to_owned();
            if let Some(name) = quoted(&why, "missing field `") {
                let _ = write!(field, "/{name}");
            }
            Problem::invalid(field, why)
        }
    }
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => {
                write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
    }
    pointer
}

fn quoted<'a>(text: &'a str, lead: &str) -> Option<&'a str> {
    text.strip_prefix(lead)?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Money;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Outer {
        units: u32,
        #[serde(default)]
        inner: Vec<Inner>,
        price: Option<Money>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Inner {
        sku: Sku,
    }

    fn problem(body: &str) -> (Code, String) {
        let problem = parse::<Outer>(body.as_bytes()).unwrap_err();
        (problem.code(), problem.field().unwrap_or("none").to_owned())
    }

    #[test]
    fn a_bad_field_is_named_by_its_pointer() {
        for (body, field) in [
            (r#"{"units":-1}"#, "/units"),
            (r#"{"units":1.5}"#, "/units"),
            (r#"{"units":-1.0}"#, "/units"),
            (r#"{"units":1e19}"#, "/units"),
            (r#"{"units":null}"#, "/units"),
            (r#"{"units":1e999}"#, "/units"),
            ("{}", "/units"),
            (r#"{"units":1,"more":2}"#, "/more"),
            (r#"{"units":1,"inner":[{"sku":"A"},{"sku":" B"}]}"#, "/inner/1/sku"),
            (r#"{"units":1,"inner":[{}]}"#, "/inner/0/sku"),
            (r#"{"units":1,"inner":[{"sku":"A","a/b":1}]}"#, "/inner/0/a~1b"),
            ("[]", ""),
            ("[1]", ""),
            ("[1,[],null]", ""),
            (r#"{"units":[1]}"#, "/units"),
            (r#"{"units":1,"price":[1999,"USD"]}"#, "/price"),
            (r#"{"units":1,"inner":[{"sku":"A"},["B"]]}"#, "/inner/1"),
            (r#"{"units":1,"inner":{"sku":"A"}}"#, "/inner"),
            (r#"{"units":1,"price":{"amount_minor":1,"currency":["USD"]}}"#, "/price/currency"),
            ("null", ""),
        ] {
            assert_eq!(problem(body), (Code::Invalid, field.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_whole_number_may_have_a_fraction_of_nothing() {
        for whole in ["7", "7.0", "70e-1", "0.7e1"] {
            let body = format!(r#"{{"units":{whole}}}"#);
            assert_eq!(parse::<Outer>(body.as_bytes()).unwrap().units, 7, "{whole}");
        }
    }

    #[test]
    fn what_does_not_parse_is_not_json() {
        for body in ["", "{", "{\"units\":1}}", "units=1", "\u{1}"] {
            assert_eq!(problem(body), (Code::NotJson, "none".to_owned()), "{body}");
        }
    }

    #[test]
    fn json_goes_by_several_names() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/x+json"] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in ["text/plain", "application/jsonp", "", "text/json+json"] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
    }
}
