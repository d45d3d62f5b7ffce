//! The products that are for sale, newest first.
//!
//! A product stands in the list from its first adopted revision until it is archived. Invariant:
//! what is not adopted yet is kept too, so a restart between proposal and adoption loses nothing.
//!
//! ```text
//! catalogue  'l'  created_at (8 bytes, big-endian)  product (16)  -> the listed product
//!            'p'  product (16)                                    -> its state and sequence
//! ```

use super::{Error, View, cursor};
use crate::{
    domain::{
        Kind, Machine as _, ProductId, Time,
        product::{self, Event, Spec},
    },
    journal::{BatchRef, EntryRef, StateStore, Tree, codec},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "catalogue";
const LISTED: u8 = b'l';
const KNOWN: u8 = b'p';

/// Bytes of a listed product's key behind `LISTED`.
const REST: usize = 8 + 16;

/// The list of products.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue;

/// One product as shoppers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Which.
    pub id: ProductId,
    /// When its first revision was adopted.
    pub created_at: Time,
    /// The revision that shoppers see.
    pub revision: u64,
    /// Not sold any more.
    pub archived: bool,
    /// What it says.
    pub spec: Spec,
}

/// All that is known of one product.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    /// Of the last event in `state`: earlier ones may come again.
    sequence: u64,
    state: product::State,
}

impl View for Catalogue {
    fn name(&self) -> &'static str {
        NAME
    }

    fn trees(&self) -> &'static [Tree] {
        &[Tree::Catalogue]
    }

    fn fold(&self, store: &dyn StateStore, batches: &[BatchRef<'_>]) -> Result<(), Error> {
        let entries = batches.iter().flat_map(BatchRef::entries);
        for entry in entries.filter(|entry| entry.kind == Kind::Product) {
            match codec::decode::<Event>(&entry) {
                Ok(event) => fold_one(store, &entry, &event)?,
                Err(error) => {
                    tracing::error!(%error, position = entry.position.0, "a product is not listed");
                }
            }
        }
        Ok(())
    }
}

fn fold_one(store: &dyn StateStore, entry: &EntryRef<'_>, event: &Event) -> Result<(), Error> {
    let Ok(id) = Uuid::from_slice(entry.id).map(ProductId) else { return Ok(()) };
    let known_key = [&[KNOWN], entry.id].concat();
    let mut known: Known = match store.get(Tree::Catalogue, &known_key)? {
        Some(bytes) => rmp_serde::from_slice(&bytes).map_err(unreadable)?,
        None => Known::default(),
    };
    if entry.sequence <= known.sequence {
        return Ok(());
    }
    known.state.evolve(event, &entry.context);
    known.sequence = entry.sequence;
    if let Some(created_at) = known.state.created_at() {
        let key = [&[LISTED], created_at.0.max(0).to_be_bytes().as_slice(), entry.id].concat();
        match (event, known.state.spec()) {
            (Event::Adopted { revision } | Event::Restored { revision }, Some(spec)) => {
                let (revision, spec) = (*revision, spec.clone());
                let product = Product { id, created_at, revision, archived: false, spec };
                store.put(Tree::Catalogue, &key, &rmp_serde::to_vec_named(&product)?)?;
            }
            (Event::Archived { .. }, _) => store.delete(Tree::Catalogue, &key)?,
            _ => {}
        }
    }
    // Last, since its sequence says that the list has the event too.
    store.put(Tree::Catalogue, &known_key, &rmp_serde::to_vec_named(&known)?)?;
    Ok(())
}

fn unreadable(source: rmp_serde::decode::Error) -> Error {
    Error::Unreadable { view: NAME, source }
}

/// Where the list goes on. As text it means nothing to whoever carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// `None` when no page of this list ended there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cursor> {
        cursor::below(text, &[LISTED], REST).map(Cursor)
    }
}

/// One page, newest first, and the cursor of the next.
///
/// # Errors
/// The store failed, or holds something else.
pub fn page(
    store: &dyn StateStore,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<Product>, Option<String>), Error> {
    let after = cursor.map(|cursor| cursor.0.as_slice());
    let (pairs, more) = cursor::page(store, Tree::Catalogue, &[LISTED], after, limit)?;
    let next = pairs.last().filter(|_| more).map(|(key, _)| cursor::text(key));
    let products = pairs.iter().map(|(_, bytes)| rmp_serde::from_slice(bytes).map_err(unreadable));
    Ok((products.collect::<Result<_, _>>()?, next))
}

#[cfg(test)]
mod tests;
