//! What an event's type says of itself: the names of all its variants.
//!
//! serde hands them to whoever deserialises an enum, so nobody has to keep a list of them here.

use serde::{
    de::{DeserializeOwned, Deserializer, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

type Names = &'static [&'static str];

/// The names of all variants of an enum.
pub(crate) fn names<E: DeserializeOwned>() -> Names {
    let mut found: Names = &[];
    // It always fails: all it wants is to be asked.
    let _ = E::deserialize(Listener(&mut found));
    assert!(!found.is_empty(), "an event is an enum");
    found
}

struct Listener<'n>(&'n mut Names);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is no value here"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
