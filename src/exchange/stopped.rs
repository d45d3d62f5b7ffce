//! A stopped store, folded from its log and never written: for looking before an import, and for
//! exports.
//!
//! Invariant: nothing in the folder changes, not even a lock outlives the reading.

use super::{
    Error,
    api::Failed,
    products::write,
    shelf::{Held, Look, store_in_use},
};
use crate::{
    domain::{
        EntityId, Kind, Machine, OrderId, ProductId, Sku, Time, order,
        product::{self, Spec},
        sku,
    },
    journal::{self, EntryRef, entity::Entity},
    verify::{Error as StoreError, Store},
};
use std::{collections::HashMap, path::Path};

/// Products and units.
#[derive(Default)]
pub struct Stopped {
    products: HashMap<ProductId, Entity<product::State>>,
    skus: HashMap<Sku, Entity<sku::State>>,
}

impl Stopped {
    /// What the store in `folder` holds.
    ///
    /// # Errors
    /// There is none, a server has it, or it is damaged.
    pub fn read(folder: &Path) -> Result<Stopped, Error> {
        let mut stopped = Stopped::default();
        each(folder, &mut |entity, entry| match entity {
            EntityId::Product(id) => fold(&mut stopped.products, id, entry),
            EntityId::Sku(sku) => fold(&mut stopped.skus, sku, entry),
            EntityId::Cart(_) | EntityId::Order(_) => Ok(()),
        })?;
        Ok(stopped)
    }

    /// As [`Stopped::read`]; where no store is yet, nothing is held.
    ///
    /// # Errors
    /// A server has it, or it is damaged.
    pub fn read_if_any(folder: &Path) -> Result<Stopped, Error> {
        let layout = journal::Layout(folder.to_owned());
        let about = layout.read().map_err(|error| Error(error.to_string()))?;
        if about.is_none() { Ok(Stopped::default()) } else { Stopped::read(folder) }
    }

    /// All products, with the units that are on hand.
    pub fn held(&self) -> Vec<write::Held> {
        let held = self.products.iter().filter_map(|(id, entity)| {
            let (spec, archived) = (entity.state.spec()?.clone(), entity.state.archived());
            let held = write::Held { id: *id, spec, archived };
            let on_hand = |sku: &Sku| self.skus.get(sku).map_or(0, |one| one.state.on_hand());
            Some(held.with_units(on_hand))
        });
        held.collect()
    }
}

impl Look for Stopped {
    async fn find(&self, id: ProductId) -> Result<Option<Held>, Failed> {
        let state = self.products.get(&id).map(|entity| &entity.state);
        let held = |state: &product::State| {
            let held = |spec: &Spec| Held { id, spec: spec.clone(), archived: state.archived() };
            state.spec().map(held)
        };
        Ok(state.and_then(held))
    }

    async fn knows(&self, sku: &Sku) -> Result<bool, Failed> {
        Ok(self.skus.get(sku).is_some_and(|one| one.state.product().is_some()))
    }
}

/// The orders that were placed from `from` up to, and not including, `until`, newest first.
///
/// # Errors
/// There is no store, a server has it, or it is damaged.
pub fn orders(
    folder: &Path,
    from: Time,
    until: Time,
) -> Result<Vec<(OrderId, Time, order::State)>, Error> {
    let mut orders: HashMap<OrderId, (Time, Entity<order::State>)> = HashMap::new();
    each(folder, &mut |entity, entry| {
        let EntityId::Order(id) = entity else { return Ok(()) };
        let now = entry.context.now;
        if entry.sequence == 1 && (from..until).contains(&now) {
            orders.insert(id, (now, Entity::born(&id.into())));
        }
        let apply = |(_, order): &mut (Time, Entity<order::State>)| order.apply(entry);
        orders.get_mut(&id).map_or(Ok(()), apply).map_err(|error| error.to_string())
    })?;
    let orders = orders.into_iter().map(|(id, (at, order))| (id, at, order.state));
    let mut orders: Vec<_> = orders.collect();
    orders.sort_by_key(|(id, at, _)| std::cmp::Reverse((*at, *id)));
    Ok(orders)
}

fn fold<I: Into<EntityId> + Clone + Eq + std::hash::Hash, M: Machine>(
    all: &mut HashMap<I, Entity<M>>,
    id: I,
    entry: &EntryRef<'_>,
) -> Result<(), String> {
    let entity = all.entry(id.clone()).or_insert_with(|| Entity::born(&id.into()));
    entity.apply(entry).map_err(|error| error.to_string())
}

/// Shows every entry of the machines that are asked for here.
fn each(
    folder: &Path,
    visit: &mut dyn FnMut(EntityId, &EntryRef<'_>) -> Result<(), String>,
) -> Result<(), Error> {
    let failed = |error: StoreError| {
        if matches!(error, StoreError::Log(journal::Error::Locked(_))) {
            return store_in_use(folder);
        }
        Error(error.to_string())
    };
    let store = Store::open(folder).map_err(failed)?;
    for shard in 0..store.shards {
        let mut batch = |batch: &journal::BatchRef<'_>| {
            let wanted = |entry: &EntryRef<'_>| entry.kind != Kind::Cart;
            for entry in batch.entries().filter(wanted) {
                visit(entry.entity().map_err(|error| error.to_string())?, &entry)?;
            }
            Ok(())
        };
        store.inspect(shard, &mut batch).map_err(failed)?;
    }
    Ok(())
}
