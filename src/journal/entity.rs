//! One entity as the journal knows it: the machine's state, how many events made it, and the
//! keyed commands it has accepted lately. A command that comes to nothing after all is forgotten.
//!
//! The live actor, the checkpoint and the offline verification all fold with this one type, so
//! they can't disagree. Invariant: entries apply in sequence without gaps.

use super::{EntryRef, codec, snapshot::Stamp};
use crate::domain::{
    CommandId, Context, EntityId, Fingerprint, Kind, Time, cart, machine::Machine, order, post,
    product, sku,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How long an accepted keyed command is remembered; orders keep their keys for ever.
pub const REMEMBER_KEYS_MS: u64 = 25 * 3_600_000;

/// Why an entry does not apply.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The entity's events are not contiguous: the log is corrupt.
    #[error("event {found} of {entity} follows event {last}")]
    Sequence {
        /// Whose.
        entity: String,
        /// What came.
        found: u64,
        /// What came before.
        last: u64,
    },
    /// The payload is no event.
    #[error(transparent)]
    Codec(#[from] codec::Error),
    /// The head names no entity.
    #[error(transparent)]
    Malformed(#[from] super::entry::Malformed),
}

/// A keyed command that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Accepted {
    command: CommandId,
    fingerprint: Fingerprint,
    at: Time,
}

/// What is remembered of a command's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Never, or long ago.
    No,
    /// The same command was accepted before.
    Same,
    /// Another body came with this key.
    Other,
}

/// One entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity<M> {
    /// The machine's state.
    pub state: M,
    /// How many events made it.
    pub sequence: u64,
    accepted: VecDeque<Accepted>,
}

impl<M: Machine> Entity<M> {
    /// The entity before its first event.
    pub fn born(id: &EntityId) -> Entity<M> {
        Entity { state: M::born(id), sequence: 0, accepted: VecDeque::new() }
    }

    /// Applies a decided event.
    pub fn evolve(&mut self, event: &M::Event, context: &Context) {
        if let Some(command) = self.state.withdrawn(event) {
            self.accepted.retain(|known| known.command != command);
        }
        self.state.evolve(event, context);
        self.sequence += 1;
        if let Some(fingerprint) = context.fingerprint {
            self.remember(context.command, fingerprint, context.now);
        }
    }

    /// Applies an entry of the log.
    ///
    /// # Errors
    /// It is not this entity's next event, or none at all.
    pub fn apply(&mut self, entry: &EntryRef<'_>) -> Result<(), Error> {
        if entry.sequence != self.sequence + 1 {
            let entity = entry.entity()?.to_string();
            return Err(Error::Sequence { entity, found: entry.sequence, last: self.sequence });
        }
        self.evolve(&codec::decode(entry)?, &entry.context);
        Ok(())
    }

    /// Whether the command of `context` came before.
    pub fn seen(&self, context: &Context) -> Seen {
        let Some(fingerprint) = context.fingerprint else { return Seen::No };
        let known = self.accepted.iter().find(|known| known.command == context.command);
        match known {
            None => Seen::No,
            Some(known) if known.fingerprint == fingerprint => Seen::Same,
            Some(_) => Seen::Other,
        }
    }

    fn remember(&mut self, command: CommandId, fingerprint: Fingerprint, at: Time) {
        while self.accepted.front().is_some_and(|old| at.ms_since(old.at) > REMEMBER_KEYS_MS) {
            self.accepted.pop_front();
        }
        if self.accepted.back().is_none_or(|last| last.command != command) {
            self.accepted.push_back(Accepted { command, fingerprint, at });
        }
    }

    /// When somebody has to look after this entity: at once while it owes anything.
    pub fn due(&self) -> Option<Time> {
        if self.state.obligations().is_empty() { self.state.due() } else { Some(Time(0)) }
    }
}

/// An entity of any kind: what a checkpoint and a verification fold.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyEntity {
    /// Stock of one SKU.
    Sku(Box<Entity<sku::State>>),
    /// A cart.
    Cart(Box<Entity<cart::State>>),
    /// An order.
    Order(Box<Entity<order::State>>),
    /// A product.
    Product(Box<Entity<product::State>>),
    /// A shard's post.
    Post(Box<Entity<post::State>>),
}

/// Does the same with whichever entity it is.
macro_rules! each {
    ($any:expr, $entity:ident => $body:expr) => {
        match $any {
            AnyEntity::Sku($entity) => $body,
            AnyEntity::Cart($entity) => $body,
            AnyEntity::Order($entity) => $body,
            AnyEntity::Product($entity) => $body,
            AnyEntity::Post($entity) => $body,
        }
    };
}

impl AnyEntity {
    /// The entity before its first event.
    pub fn new(id: &EntityId) -> AnyEntity {
        match id.kind() {
            Kind::Sku => AnyEntity::Sku(Box::new(Entity::born(id))),
            Kind::Cart => AnyEntity::Cart(Box::new(Entity::born(id))),
            Kind::Order => AnyEntity::Order(Box::new(Entity::born(id))),
            Kind::Product => AnyEntity::Product(Box::new(Entity::born(id))),
            Kind::Post => AnyEntity::Post(Box::new(Entity::born(id))),
        }
    }

    /// Reads what [`AnyEntity::encode_stamped`] wrote.
    ///
    /// # Errors
    /// The bytes are not a snapshot of this kind.
    pub fn decode_stamped(
        kind: Kind,
        bytes: &[u8],
    ) -> Result<(Stamp, AnyEntity), rmp_serde::decode::Error> {
        fn read<M: Machine>(
            bytes: &[u8],
        ) -> Result<(Stamp, Box<Entity<M>>), rmp_serde::decode::Error> {
            rmp_serde::from_slice(bytes)
        }
        Ok(match kind {
            Kind::Sku => read(bytes).map(|(stamp, entity)| (stamp, AnyEntity::Sku(entity)))?,
            Kind::Cart => read(bytes).map(|(stamp, entity)| (stamp, AnyEntity::Cart(entity)))?,
            Kind::Order => read(bytes).map(|(stamp, entity)| (stamp, AnyEntity::Order(entity)))?,
            Kind::Product => {
                read(bytes).map(|(stamp, entity)| (stamp, AnyEntity::Product(entity)))?
            }
            Kind::Post => read(bytes).map(|(stamp, entity)| (stamp, AnyEntity::Post(entity)))?,
        })
    }

    /// As bytes with named fields, behind a stamp.
    ///
    /// # Errors
    /// Only when a field cannot be represented.
    pub fn encode_stamped(&self, stamp: Stamp) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        each!(self, entity => rmp_serde::to_vec_named(&(stamp, entity)))
    }

    /// Applies an entry of the log.
    ///
    /// # Errors
    /// It is not this entity's next event, or none at all.
    pub fn apply(&mut self, entry: &EntryRef<'_>) -> Result<(), Error> {
        each!(self, entity => entity.apply(entry))
    }

    /// How many events made it.
    pub fn sequence(&self) -> u64 {
        each!(self, entity => entity.sequence)
    }

    /// When somebody has to look after it.
    pub fn due(&self) -> Option<Time> {
        each!(self, entity => entity.due())
    }
}
