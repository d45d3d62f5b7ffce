//! What a client tells in one message, and how it becomes the call that a request would have been.
//!
//! What HTTP has in its head stands beside the body here, under names of its own. Invariant: the
//! body reaches its handler byte by byte as it came, so a key means the same command at both doors.

use crate::http::{
    extract::{Call, MAX_BODY_BYTES, parse},
    problem::{Code, Problem},
};
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE},
};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use std::ops::Range;

/// The longest id of a command, in bytes with its quotes.
const MAX_ID_BYTES: usize = 66;

/// One message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    #[serde(rename = "id")]
    _id: IgnoredAny,
    r#do: String,
    cart_token: Option<String>,
    order_token: Option<String>,
    key: Option<String>,
    wait: Option<u64>,
    sku: Option<String>,
    order: Option<String>,
    reservation: Option<String>,
    #[serde(rename = "body")]
    _body: Option<IgnoredAny>,
}

/// What a command is about, as the path of a request names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    Nothing,
    Sku,
    Order,
    Reservation,
}

/// A command: a message whose form is right.
pub(super) struct Command {
    told: Told,
    body: Bytes,
}

/// The id of a message, as the client wrote it, or `null` where there is none to answer by.
pub(super) fn id_of(text: &Bytes) -> Bytes {
    let [id, _] = members(text);
    let id = id.map(|place| text.slice(place)).filter(|id| is_id(id));
    id.unwrap_or_else(|| Bytes::from_static(b"null"))
}

impl Command {
    /// Reads a message.
    ///
    /// # Errors
    /// It is no JSON, has unknown or no fields, or a body that no request could have.
    pub(super) fn read(text: &Bytes) -> Result<Command, Problem> {
        let told: Told = parse(text)?;
        let [id, body] = members(text);
        if !id.is_some_and(|place| is_id(&text.slice(place))) {
            let why = "must be a whole number, or a text of at most 64 bytes";
            return Err(Problem::invalid("/id", why));
        }
        let body = body.map(|place| text.slice(place)).unwrap_or_default();
        if body.len() > MAX_BODY_BYTES {
            let limit = MAX_BODY_BYTES >> 10;
            return Err(Problem::new(Code::TooLarge, format!("a body may have {limit} KiB")));
        }
        Ok(Command { told, body })
    }

    /// What is to be done.
    pub(super) fn name(&self) -> &str {
        &self.told.r#do
    }

    /// The call that this would have been as a request to `route`, whose `{}` are what it `names`,
    /// by a client who upgraded with `head`.
    ///
    /// # Errors
    /// What it is about is not said, or what stands in a head can't.
    pub(super) fn call(self, route: &str, names: Names, head: &HeaderMap) -> Result<Call, Problem> {
        let Told { cart_token, order_token, key, wait, sku, order, reservation, .. } = self.told;
        let named = match names {
            Names::Nothing => vec![],
            Names::Sku => vec![required(sku, "sku")?],
            Names::Order => vec![required(order, "order")?],
            Names::Reservation => {
                vec![required(sku, "sku")?, required(reservation, "reservation")?]
            }
        };
        let mut headers = HeaderMap::with_capacity(8);
        for from_upgrade in [AUTHORIZATION, ACCEPT_LANGUAGE] {
            if let Some(value) = head.get(&from_upgrade) {
                headers.insert(from_upgrade, value.clone());
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (field, name, value) in [
            ("/cart_token", "cart-token", cart_token),
            ("/order_token", "order-token", order_token),
            ("/key", "idempotency-key", key),
            ("/wait", "prefer", wait.map(|seconds| format!("wait={seconds}"))),
        ] {
            let Some(value) = value else { continue };
            let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| {
                Problem::invalid(field, "must be a text without control characters")
            })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        // Only a key looks at it; an id that fits in no address is none.
        let path = named.iter().fold(route.to_owned(), |path, name| path.replacen("{}", name, 1));
        let uri = Uri::try_from(path).unwrap_or_default();
        Ok(Call::told(uri, headers, named, self.body))
    }
}

fn required(field: Option<String>, name: &str) -> Result<String, Problem> {
    field.ok_or_else(|| Problem::invalid(format!("/{name}"), format!("missing field `{name}`")))
}

fn is_id(raw: &[u8]) -> bool {
    let number = (1..=18).contains(&raw.len()) && raw.iter().all(u8::is_ascii_digit);
    number || raw.first() == Some(&b'"') && raw.len() <= MAX_ID_BYTES
}

/// Where the values of `id` and `body` stand in an object; of what is no JSON, something or none.
fn members(text: &[u8]) -> [Option<Range<usize>>; 2] {
    let (mut id, mut body) = (None, None);
    let (mut depth, mut begin, mut quoted, mut escaped) = (0_u32, 0, false, false);
    let mut key: &[u8] = b"";
    for (at, byte) in text.iter().enumerate() {
        if quoted {
            (quoted, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            continue;
        }
        let value = match byte {
            b'"' => {
                quoted = true;
                continue;
            }
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                if depth == 1 {
                    begin = at + 1;
                }
                continue;
            }
            b':' if depth == 1 => {
                key = text.get(begin..at).unwrap_or_default().trim_ascii();
                begin = at + 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            b',' => depth == 1,
            _ => false,
        };
        if value {
            match key {
                b"\"id\"" => id = Some(trimmed(text, begin..at)),
                b"\"body\"" => body = Some(trimmed(text, begin..at)),
                _ => {}
            }
            (key, begin) = (b"", at + 1);
        }
    }
    [id, body]
}

fn trimmed(text: &[u8], place: Range<usize>) -> Range<usize> {
    let value = text.get(place.clone()).unwrap_or_default();
    let begin = place.start + (value.len() - value.trim_ascii_start().len());
    begin..begin + value.trim_ascii().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn found(text: &str) -> [Option<&str>; 2] {
        members(text.as_bytes()).map(|place| place.and_then(|place| text.get(place)))
    }

    #[test]
    fn id_and_body_are_found_where_they_stand() {
        for (text, id, body) in [
            (r#"{"id":1,"do":"x","body":{"a":[1,{"id":2}]}}"#, "1", r#"{"a":[1,{"id":2}]}"#),
            (r#" { "body" : [ ] , "id" : "a,}\"\\" } "#, r#""a,}\"\\""#, "[ ]"),
            (r#"{"x":{"id":9},"id":12 ,"y":"\"id\":3","body":null}"#, "12", "null"),
        ] {
            assert_eq!(found(text), [Some(id), Some(body)], "{text}");
        }
        assert_eq!(found(r#"[{"id":1}]"#), [None, None]);
        assert_eq!(found(""), [None, None]);
    }

    #[test]
    fn a_message_is_answered_by_its_id_if_it_has_one() {
        for (text, id) in [
            (r#"{"id":7}"#, "7"),
            (r#"{"id":"a"}"#, r#""a""#),
            (r#"{"id":-1}"#, "null"),
            (r#"{"id":{}}"#, "null"),
            (r#"{"id":1.5}"#, "null"),
            ("{}", "null"),
            ("no JSON", "null"),
        ] {
            assert_eq!(id_of(&Bytes::from(text)), id, "{text}");
        }
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(65));
        assert_eq!(id_of(&Bytes::from(long)), "null");
    }

    proptest! {
        #[test]
        fn whatever_stands_around_them_they_are_found(
            id in "[a-z\\\\\"{},:]{0,8}",
            body in "[a-z\\\\\"{},:\u{e9}]{0,12}",
            other in "[a-z\\\\\"{},:\\[\\]]{0,12}",
        ) {
            let text = json!({"a": {"id": &other}, "id": &id, "body": [&body], "z": &other});
            let text = text.to_string();
            let [found_id, found_body] = found(&text);
            let value = |text: Option<&str>| serde_json::from_str::<Value>(text.unwrap()).unwrap();
            prop_assert_eq!(value(found_id), json!(id));
            prop_assert_eq!(value(found_body), json!([body]));
        }

        #[test]
        fn no_bytes_are_too_odd(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = Bytes::from(text);
            prop_assert!(!id_of(&text).is_empty());
            let _ = Command::read(&text);
        }
    }
}
