//! Events as bytes: `MessagePack` maps with named fields, so a history can be read for years.
//!
//! The payload is a map whose single key is the event's name. Old versions are brought up to
//! today's shape when they are read; nothing in the log is ever rewritten.

use super::EntryRef;
use crate::domain::{Kind, machine::Event};
use rmpv::Value;

/// Why a payload is not an event.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The payload is not what its name and version promise.
    #[error("an event does not decode: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// The event could not be written.
    #[error("an event does not encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// A newer program wrote it.
    #[error("version {found} of a {kind} event is newer than this program's {known}; upgrade it", kind = kind.name())]
    Newer {
        /// Whose event.
        kind: Kind,
        /// The entry's version.
        found: u8,
        /// The latest that is known here.
        known: u8,
    },
    /// No upcaster leads on from this version.
    #[error("version {version} of a {kind} event has no upcaster", kind = kind.name())]
    NoUpcaster {
        /// Whose event.
        kind: Kind,
        /// The version that leads nowhere.
        version: u8,
    },
}

/// Brings an event of `version` to the next one: (kind, version, how).
pub type Upcaster = (Kind, u8, fn(Value) -> Value);

/// Every change of an event's shape since the first release. A released version stays here and
/// its golden log in `tests/`.
pub const UPCASTERS: &[Upcaster] = &[];

/// Writes the event's payload.
///
/// # Errors
/// Only when a field cannot be represented.
pub fn encode<E: Event>(event: &E, buffer: &mut Vec<u8>) -> Result<(), Error> {
    Ok(rmp_serde::encode::write_named(buffer, event)?)
}

/// Reads an entry's event, bringing old versions up to date.
///
/// # Errors
/// See [`Error`].
pub fn decode<E: Event>(entry: &EntryRef<'_>) -> Result<E, Error> {
    decode_with(entry.kind, entry.version, entry.payload, UPCASTERS)
}

fn decode_with<E: Event>(
    kind: Kind,
    version: u8,
    payload: &[u8],
    upcasters: &[Upcaster],
) -> Result<E, Error> {
    if version == E::VERSION {
        return Ok(rmp_serde::from_slice(payload)?);
    }
    if version > E::VERSION {
        return Err(Error::Newer { kind, found: version, known: E::VERSION });
    }
    let mut value: Value = rmp_serde::from_slice(payload)?;
    for version in version..E::VERSION {
        let found = upcasters.iter().find(|(k, v, _)| (*k, *v) == (kind, version));
        let (_, _, upcast) = found.ok_or(Error::NoUpcaster { kind, version })?;
        value = upcast(value);
    }
    let mut bytes = Vec::with_capacity(payload.len());
    rmp_serde::encode::write_named(&mut bytes, &value)?;
    Ok(rmp_serde::from_slice(&bytes)?)
}

/// The name of an entry's event, without decoding the rest.
pub fn name<'a>(entry: &EntryRef<'a>) -> Option<&'a str> {
    let mut rest = entry.payload;
    if rmp_map_len(&mut rest)? != 1 {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        0xa0..=0xbf => (usize::from(first & 0x1f), rest),
        0xd9 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        _ => return None,
    };
    std::str::from_utf8(rest.get(..length)?).ok()
}

fn rmp_map_len(bytes: &mut &[u8]) -> Option<usize> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    (0x80..=0x8f).contains(first).then(|| usize::from(first & 0x0f))
}

/// An entry's event as JSON, for exports: binary values as hexadecimal, whatever the version.
///
/// # Errors
/// The payload is no `MessagePack`.
pub fn to_json(entry: &EntryRef<'_>) -> Result<serde_json::Value, Error> {
    let value: Value = rmp_serde::from_slice(entry.payload)?;
    Ok(json(&value))
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Nil => serde_json::Value::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Integer(number) => number
            .as_i64()
            .map(Into::into)
            .or_else(|| number.as_u64().map(Into::into))
            .unwrap_or_default(),
        Value::F32(number) => f64::from(*number).into(),
        Value::F64(number) => (*number).into(),
        Value::String(text) => text.as_str().unwrap_or_default().into(),
        Value::Binary(bytes) | Value::Ext(_, bytes) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat().into()
        }
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Map(fields) => fields
            .iter()
            .map(|(name, value)| {
                let name = name.as_str().map_or_else(|| name.to_string(), ToOwned::to_owned);
                (name, json(value))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sku;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Today {
        Painted { colour: String, coats: u8 },
    }
    impl Event for Today {
        const VERSION: u8 = 2;
    }
    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum Yesterday {
        Painted { color: String },
    }
    impl Event for Yesterday {
        const VERSION: u8 = 1;
    }

    fn add_coats(value: Value) -> Value {
        let Value::Map(mut named) = value else { return value };
        for (_, fields) in &mut named {
            let Value::Map(fields) = fields else { continue };
            for (name, _) in fields.iter_mut() {
                *name = Value::from("colour");
            }
            fields.push((Value::from("coats"), Value::from(1)));
        }
        Value::Map(named)
    }

    #[test]
    fn an_old_event_is_read_in_todays_shape() {
        let mut bytes = vec![];
        encode(&Yesterday::Painted { color: "red".into() }, &mut bytes).unwrap();
        let upcasters: &[Upcaster] = &[(Kind::Sku, 1, add_coats)];
        let read: Today = decode_with(Kind::Sku, 1, &bytes, upcasters).unwrap();
        assert_eq!(read, Today::Painted { colour: "red".into(), coats: 1 });
        let lost = decode_with::<Today>(Kind::Cart, 1, &bytes, upcasters);
        assert!(matches!(lost, Err(Error::NoUpcaster { .. })));
        let newer = decode_with::<Today>(Kind::Sku, 3, &bytes, upcasters);
        assert!(matches!(newer, Err(Error::Newer { .. })));
    }

    #[test]
    fn a_payload_says_its_name() {
        let mut payload = vec![];
        encode(&sku::Event::SoldOut {}, &mut payload).unwrap();
        assert_eq!(payload, b"\x81\xa7SoldOut\x80");
    }
}
