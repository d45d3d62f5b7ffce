//! Where an entity lives, as far as its id says: in which shard, and beside whom.
//!
//! A cart's first four bytes are its routing bits. An order carries its cart's, so both live in
//! one shard and a checkout needs one sync. The last six bytes of both say when the cart was made,
//! so that what is derived from one busy hour lies together. Invariant: an id never moves.

use super::{CartId, CommandId, EntityId, Kind, OrderId, PostId};
use crate::domain::Time;
use std::ops::Range;
use uuid::{Builder, Uuid};

/// What chooses the shard of a cart, and of its orders.
const ROUTING: Range<usize> = 0..4;
/// Where a cart's id, and its orders', says when the cart was made.
const MADE_AT: Range<usize> = 10..16;

impl CartId {
    /// The id of a cart made at `at`: its last six bytes are the time, the others stay `random`.
    /// So the state of carts made together can lie together, see [`EntityId::place`].
    #[must_use]
    pub fn made(at: Time, random: Uuid) -> CartId {
        let (mut bytes, time) = (*random.as_bytes(), at.0.to_be_bytes());
        if let (Some(last), Some(time)) = (bytes.get_mut(MADE_AT), time.get(2..)) {
            last.copy_from_slice(time);
        }
        CartId(Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl OrderId {
    /// The order that `cart` makes when `command` checks it out for the `attempt`th time.
    #[must_use]
    pub fn of(cart: CartId, command: CommandId, attempt: u32) -> OrderId {
        let mut name = [0; 20];
        let (key, count) = name.split_at_mut(16);
        key.copy_from_slice(command.0.as_bytes());
        count.copy_from_slice(&attempt.to_be_bytes());
        let mut bytes = *Uuid::new_v5(&cart.0, &name).as_bytes();
        for part in [ROUTING, MADE_AT] {
            if let (Some(own), Some(its)) =
                (bytes.get_mut(part.clone()), cart.0.as_bytes().get(part))
            {
                own.copy_from_slice(its);
            }
        }
        OrderId(Uuid::from_bytes(bytes))
    }
}

impl PostId {
    /// The one with these routing bits; a shard's is the first that leads there.
    #[must_use]
    pub fn routed_by(bits: u32) -> PostId {
        PostId(Uuid::from_fields(bits, 0, 0, &[0; 8]))
    }
}

impl EntityId {
    /// The id's bytes in the order in which entities are kept: carts and orders by the time that
    /// the cart was made, so that a busy hour touches few pages of a store of millions.
    #[must_use]
    pub fn place(&self) -> Vec<u8> {
        let mut bytes = self.bytes().to_vec();
        match self {
            EntityId::Sku(_) | EntityId::Product(_) | EntityId::Post(_) => {}
            EntityId::Cart(_) | EntityId::Order(_) => bytes.rotate_right(MADE_AT.len()),
        }
        bytes
    }

    /// The inverse of [`EntityId::kind`] and [`EntityId::place`].
    #[must_use]
    pub fn from_place(kind: Kind, place: &[u8]) -> Option<EntityId> {
        let mut bytes = place.to_vec();
        match kind {
            Kind::Sku | Kind::Product | Kind::Post => {}
            Kind::Cart | Kind::Order if bytes.len() != 16 => return None,
            Kind::Cart | Kind::Order => bytes.rotate_left(MADE_AT.len()),
        }
        EntityId::from_parts(kind, &bytes)
    }

    /// The bytes that choose the shard: the routing bits of those that have them, else the id.
    #[must_use]
    pub fn routing_key(&self) -> &[u8] {
        match self {
            EntityId::Sku(_) | EntityId::Product(_) => self.bytes(),
            EntityId::Cart(_) | EntityId::Order(_) | EntityId::Post(_) => {
                self.bytes().get(ROUTING).unwrap_or_default()
            }
        }
    }
}
