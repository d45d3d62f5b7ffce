//! Every order that came to be, by time and by buyer.
//!
//! Keys only: an order's own state is asked of the order. Invariant: an order that a SKU refused
//! never was and is in no list, since only `Placed` puts it here.
//!
//! ```text
//! orders           at (8 bytes, big-endian)  order (16)                 -> nothing
//! orders_by_buyer  buyer (16, big-endian)    at (8)      order (16)     -> nothing
//! ```

use super::{Error, View, cursor};
use crate::{
    domain::{Kind, OrderId, Time, machine, order, sku::Buyer},
    journal::{BatchRef, EntryRef, StateStore, Tree, codec},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "orders";

/// Orders by time and by buyer.
#[derive(Clone, Copy, Debug)]
pub struct Orders;

/// The first event of an order, of which only the buyer is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum First {
    Placed(Who),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Who {
    email: Buyer,
}

impl machine::Event for First {
    const VERSION: u8 = <order::Event as machine::Event>::VERSION;
}

impl View for Orders {
    fn name(&self) -> &'static str {
        NAME
    }

    fn trees(&self) -> &'static [Tree] {
        &[Tree::Orders, Tree::OrdersByBuyer]
    }

    fn fold(&self, store: &dyn StateStore, batches: &[BatchRef<'_>]) -> Result<(), Error> {
        let entries = batches.iter().flat_map(BatchRef::entries);
        for entry in entries.filter(|entry| entry.kind == Kind::Order && entry.sequence == 1) {
            match codec::decode::<First>(&entry) {
                Ok(First::Placed(Who { email })) => place(store, &entry, email)?,
                Err(error) => {
                    tracing::error!(%error, position = entry.position.0, "an order is in no list");
                }
            }
        }
        Ok(())
    }
}

fn place(store: &dyn StateStore, entry: &EntryRef<'_>, buyer: Buyer) -> Result<(), Error> {
    let mut by_buyer = buyer.0.to_be_bytes().to_vec();
    by_buyer.extend(entry.context.now.0.max(0).to_be_bytes());
    by_buyer.extend(entry.id);
    let (_, by_time) = by_buyer.split_at_checked(16).unwrap_or_default();
    store.put(Tree::Orders, by_time, &[])?;
    store.put(Tree::OrdersByBuyer, &by_buyer, &[])?;
    Ok(())
}

/// One line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it was placed.
    pub at: Time,
    /// Which order.
    pub order: OrderId,
}

/// One page, newest first, and the cursor of the next.
pub type Page = (Vec<Placed>, Option<String>);

/// All orders. A cursor that no list made begins at the newest.
///
/// # Errors
/// The store failed.
pub fn page(store: &dyn StateStore, cursor: Option<&str>, limit: usize) -> Result<Page, Error> {
    list(store, Tree::Orders, &[], cursor, limit)
}

/// The orders of one buyer. A cursor that no list of this buyer made begins at the newest.
///
/// # Errors
/// The store failed.
pub fn page_of(
    store: &dyn StateStore,
    buyer: Buyer,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page, Error> {
    list(store, Tree::OrdersByBuyer, &buyer.0.to_be_bytes(), cursor, limit)
}

fn list(
    store: &dyn StateStore,
    tree: Tree,
    prefix: &[u8],
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page, Error> {
    let after = cursor.and_then(cursor::key).filter(|key| key.starts_with(prefix));
    let (pairs, more) = cursor::page(store, tree, prefix, after.as_deref(), limit)?;
    let next = pairs.last().filter(|_| more).map(|(key, _)| cursor::text(key));
    Ok((pairs.iter().filter_map(|(key, _)| placed(key)).collect(), next))
}

/// Reads the end of a key.
fn placed(key: &[u8]) -> Option<Placed> {
    let (rest, order) = key.split_last_chunk::<16>()?;
    let (_, at) = rest.split_last_chunk::<8>()?;
    Some(Placed { at: Time(i64::from_be_bytes(*at)), order: OrderId(Uuid::from_bytes(*order)) })
}

#[cfg(test)]
mod tests;
