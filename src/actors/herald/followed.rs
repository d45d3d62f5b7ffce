//! Orders as the log tells them, from their first event to their confirmation: so that writing
//! about one wakes no actor.
//!
//! An actor would be started, replayed and ended for each letter. Invariant: only an order whose
//! every event has been read here is followed; of any other, its actor is asked.

use crate::{
    actors::order::Order,
    domain::{
        EntityId, OrderId, Time,
        order::{Event, State, Status},
        post::Subject,
    },
    journal::{EntryRef, codec, entity::Entity},
};
use std::{collections::BTreeMap, sync::Arc};

/// Orders that are followed at once; those beyond are not.
const MOST: usize = 10_000;

/// An order, and which of its events letters are about.
#[derive(Debug)]
pub(super) struct Found {
    /// As it is now; of one that was followed, as that event left it.
    pub(super) order: Order,
    pub(super) number: u64,
    /// When it happened.
    pub(super) at: Time,
}

impl Found {
    /// The letters that a confirmation asks for.
    pub(super) fn subjects(&self) -> &'static [Subject] {
        let gift = self.order.state.placement().is_some_and(|placement| placement.gift.is_some());
        if gift { &[Subject::Confirmation, Subject::Gift] } else { &[Subject::Confirmation] }
    }
}

/// What an event means for whoever writes letters.
pub(super) enum Meaning {
    /// Its order is not followed, or has ended otherwise: it has to be asked.
    Unknown,
    /// The order is still on its way: no letter.
    OnItsWay,
    /// It was confirmed by this.
    Confirmed(Arc<Found>),
}

/// The orders that are on their way.
#[derive(Default)]
pub(super) struct Followed(BTreeMap<OrderId, Entity<State>>);

impl Followed {
    /// Reads on.
    pub(super) fn read(&mut self, order: OrderId, entry: &EntryRef<'_>) -> Meaning {
        let begins = entry.sequence == 1 && codec::name(entry) == Some("Placed");
        if begins && self.0.len() < MOST {
            self.0.insert(order, Entity::born(&EntityId::Order(order)));
        }
        let Some(mut entity) = self.0.remove(&order) else { return Meaning::Unknown };
        let event = codec::decode::<Event>(entry).ok();
        let Some(event) = event.filter(|_| entry.sequence == entity.sequence + 1) else {
            return Meaning::Unknown;
        };
        entity.evolve(&event, &entry.context);
        match entity.state.status() {
            Status::Placed => {
                self.0.insert(order, entity);
                Meaning::OnItsWay
            }
            Status::Confirmed => {
                let order = Order { id: order, state: entity.state, replayed: false };
                let (number, at) = (entry.sequence, entry.context.now);
                Meaning::Confirmed(Arc::new(Found { order, number, at }))
            }
            Status::Declined | Status::Expired | Status::Cancelled | Status::Returned => {
                Meaning::Unknown
            }
        }
    }
}
