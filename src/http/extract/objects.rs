//! JSON as clients write it: a struct is an object, never an array of its values, and a whole number
//! may be written as 2.0.
//!
//! serde takes either for a struct, at any depth, and no attribute forbids it. So this stands
//! between serde and the JSON reader and asks for an object wherever a struct is wanted. It copies
//! nothing. Invariant: everything below a value goes through here, too. An enum's contents would
//! not, so enums are refused altogether; no request has one.

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use std::fmt;

/// Whole numbers up to here are exact in a floating point number.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// All of `json` as `T`.
///
/// # Errors
/// As `serde_json`, and an array stands where an object should.
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(Objects(&mut reader))?;
    reader.end()?;
    Ok(value)
}

/// A deserializer, visitor, seed or access whose structs are objects.
pub(super) struct Objects<T>(pub T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Objects(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Objects(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Struct(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    // JSON says itself what it is, so these need no more than `deserialize_any`.
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier
    }
}

/// What a struct is read from: an object and nothing else.
struct Struct<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Struct<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(map))
    }
}

macro_rules! as_it_is {
    ($($visit:ident($value:ty),)*) => {$(
        fn $visit<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.0.$visit(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Objects<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    as_it_is! {
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_str(&str),
        visit_borrowed_str(&'de str),
        visit_string(String),
    }

    /// JSON has one kind of numbers: 2.0 is as whole as 2.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<V::Value, E> {
        if value.fract() != 0.0 || value.abs() > MOST_EXACT {
            return self.0.visit_f64(value);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        let whole = value as i64;
        match u64::try_from(whole) {
            Ok(count) => self.0.visit_u64(count),
            Err(_) => self.0.visit_i64(whole),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Objects(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Objects(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(map))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Objects<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(value))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed) // a key is a text
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i32,
        y: Option<Box<Point>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Name(String);

    #[test]
    fn an_array_is_no_struct_wherever_it_stands() {
        for array in ["[1,null]", r#"{"x":1,"y":[2,null]}"#, r#"{"x":1,"y":{"x":2,"y":[3]}}"#] {
            let why = read::<Point>(array.as_bytes()).unwrap_err().to_string();
            assert!(why.starts_with("invalid type: sequence, expected an object"), "{why}");
        }
        assert!(read::<Vec<Point>>(b"[[1,null]]").is_err());
        assert!(read::<(i32, Point)>(b"[1,[1,null]]").is_err());
        assert!(read::<BTreeMap<String, Point>>(br#"{"a":[1,null]}"#).is_err());
        assert!(read::<Vec<Option<Point>>>(b"[null,[1,null]]").is_err());
    }

    #[test]
    fn everything_else_is_read_as_ever() {
        let nested = read(br#"{"y":{"x":-2,"y":null},"x":1}"#);
        let inner = Point { x: -2, y: None };
        assert_eq!(nested.ok(), Some(Point { x: 1, y: Some(Box::new(inner)) }));
        assert_eq!(read(b"[[1,2],[],[3]]").ok(), Some(vec![vec![1, 2], vec![], vec![3]]));
        assert_eq!(read(br#"["a","\u0062"]"#).ok(), Some((Name("a".into()), String::from("b"))));
        assert_eq!(read(b"[true,1.5,null]").ok(), Some((true, 1.5, ())));
        assert_eq!(read(br#"{"k":7}"#).ok(), Some(BTreeMap::from([("k".to_owned(), 7_u64)])));
        assert_eq!(read::<&str>(br#""borrowed""#).ok(), Some("borrowed"));
        assert!(read::<Point>(br#"{"x":1,"x":2}"#).is_err(), "a field that stands there twice");
        assert!(read::<u32>(b"1 2").is_err(), "it goes on behind its end");
    }
}
