//! Names of things: SKUs by their code, everything else by 128 bits with a kind prefix.
//!
//! Invariant: a name reads back as what it was written from, and no two kinds share a prefix.

mod place;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{borrow::Borrow, fmt, sync::Arc};
use uuid::Uuid;

/// A stock-keeping unit's code: 1 to 64 bytes of UTF-8, no control characters, no `@` and no
/// white space at either end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sku(Arc<str>);

impl Sku {
    /// Longest code, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// `None` when the text breaks a rule of the type.
    #[must_use]
    pub fn parse(text: &str) -> Option<Sku> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len())
            && text.trim() == text
            && !text.contains(|c: char| c.is_control() || c == '@');
        fits.then(|| Sku(text.into()))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Sku {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Sku {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;
        impl serde::de::Visitor<'_> for Code {
            type Value = Sku;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SKU of 1 to 64 bytes without `@` and control characters")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sku, E> {
                Sku::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Code)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What the text form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Reads the text form: the prefix and 32 hexadecimal digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<$name> {
                let digits = text.strip_prefix($prefix)?;
                if digits.len() != 32 { return None; }
                Uuid::try_parse(digits).ok().map($name)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; 32];
                f.write_str($prefix)?;
                f.write_str(self.0.simple().encode_lower(&mut buffer))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(self.0.as_bytes())
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    $name::parse(&text)
                        .ok_or_else(|| D::Error::custom(concat!("expected an id starting with ", $prefix)))
                } else {
                    deserializer.deserialize_bytes(SixteenBytes).map($name)
                }
            }
        }
    };
}

struct SixteenBytes;

impl serde::de::Visitor<'_> for SixteenBytes {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("16 bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Uuid, E> {
        Uuid::from_slice(bytes).map_err(E::custom)
    }
}

uuid_id!(
    /// A cart. Random; its first four bytes route it.
    CartId, "cart_"
);
uuid_id!(
    /// An order. Its first four bytes are its cart's, so both live in one shard, and its last six,
    /// so both lie together.
    OrderId, "ord_"
);
uuid_id!(
    /// A product: one or several SKUs sold under one title.
    ProductId, "prod_"
);
uuid_id!(
    /// The post of one shard. Its first four bytes route it there.
    PostId, "post_"
);
uuid_id!(
    /// A reservation without a cart. Whoever makes it chooses the id, at random.
    ReservationId, "res_"
);
uuid_id!(
    /// What makes a command the same command when it comes again.
    CommandId, "cmd_"
);

impl ProductId {
    /// The product of this handle, now and for ever: whoever names it first has it.
    #[must_use]
    pub fn of_handle(handle: &str) -> ProductId {
        /// What ids of handles are counted from; any other number would do, but for ever.
        const HANDLES: Uuid = Uuid::from_u128(0x5d7c_3a0e_8f1b_4b62_9e44_d1f0_6a27_c835);
        ProductId(Uuid::new_v5(&HANDLES, handle.as_bytes()))
    }
}

/// The kinds of entities that have a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Stock of one SKU.
    Sku,
    /// One shopper's cart.
    Cart,
    /// One order saga.
    Order,
    /// One product of the catalogue.
    Product,
    /// What has become of one shard's letters.
    Post,
}

impl Kind {
    /// All of them, in the order of their numbers in the log.
    pub const ALL: [Kind; 5] = [Kind::Sku, Kind::Cart, Kind::Order, Kind::Product, Kind::Post];

    /// The lower-case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sku => "sku",
            Kind::Cart => "cart",
            Kind::Order => "order",
            Kind::Product => "product",
            Kind::Post => "post",
        }
    }
}

/// One entity: what a log entry belongs to and what an actor owns.
///
/// Text form: the id with its prefix; a SKU as `sku:CODE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityId {
    /// Stock of one SKU.
    Sku(Sku),
    /// One shopper's cart.
    Cart(CartId),
    /// One order saga.
    Order(OrderId),
    /// One product of the catalogue.
    Product(ProductId),
    /// What has become of one shard's letters.
    Post(PostId),
}

impl EntityId {
    /// Which machine it runs.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            EntityId::Sku(_) => Kind::Sku,
            EntityId::Cart(_) => Kind::Cart,
            EntityId::Order(_) => Kind::Order,
            EntityId::Product(_) => Kind::Product,
            EntityId::Post(_) => Kind::Post,
        }
    }

    /// The id's bytes: a SKU's text, otherwise 16 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            EntityId::Sku(sku) => sku.as_str().as_bytes(),
            EntityId::Cart(id) => id.0.as_bytes(),
            EntityId::Order(id) => id.0.as_bytes(),
            EntityId::Product(id) => id.0.as_bytes(),
            EntityId::Post(id) => id.0.as_bytes(),
        }
    }

    /// The inverse of [`EntityId::kind`] and [`EntityId::bytes`].
    #[must_use]
    pub fn from_parts(kind: Kind, bytes: &[u8]) -> Option<EntityId> {
        match kind {
            Kind::Sku => std::str::from_utf8(bytes).ok().and_then(Sku::parse).map(EntityId::Sku),
            Kind::Cart => Uuid::from_slice(bytes).ok().map(|id| EntityId::Cart(CartId(id))),
            Kind::Order => Uuid::from_slice(bytes).ok().map(|id| EntityId::Order(OrderId(id))),
            Kind::Product => {
                Uuid::from_slice(bytes).ok().map(|id| EntityId::Product(ProductId(id)))
            }
            Kind::Post => Uuid::from_slice(bytes).ok().map(|id| EntityId::Post(PostId(id))),
        }
    }

    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<EntityId> {
        if let Some(sku) = text.strip_prefix("sku:") {
            return Sku::parse(sku).map(EntityId::Sku);
        }
        None.or_else(|| CartId::parse(text).map(EntityId::Cart))
            .or_else(|| OrderId::parse(text).map(EntityId::Order))
            .or_else(|| ProductId::parse(text).map(EntityId::Product))
            .or_else(|| PostId::parse(text).map(EntityId::Post))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntityId::Sku(sku) => write!(f, "sku:{sku}"),
            EntityId::Cart(id) => id.fmt(f),
            EntityId::Order(id) => id.fmt(f),
            EntityId::Product(id) => id.fmt(f),
            EntityId::Post(id) => id.fmt(f),
        }
    }
}

impl From<Sku> for EntityId {
    fn from(sku: Sku) -> Self {
        EntityId::Sku(sku)
    }
}

impl From<CartId> for EntityId {
    fn from(id: CartId) -> Self {
        EntityId::Cart(id)
    }
}

impl From<OrderId> for EntityId {
    fn from(id: OrderId) -> Self {
        EntityId::Order(id)
    }
}

impl From<PostId> for EntityId {
    fn from(id: PostId) -> Self {
        EntityId::Post(id)
    }
}

impl From<ProductId> for EntityId {
    fn from(id: ProductId) -> Self {
        EntityId::Product(id)
    }
}

#[cfg(test)]
mod tests;
