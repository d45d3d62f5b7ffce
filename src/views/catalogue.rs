//! The catalogue: what every product says, and what lists of products are made of.
//!
//! A product stands in it from its first adopted revision on, for sale or archived. Invariant:
//! what is not adopted yet is kept too, so a restart between proposal and adoption loses nothing.
//!
//! ```text
//! catalogue  'c'  product (16)  -> its card, for the index
//!            'p'  product (16)  -> its state and sequence
//! ```

pub mod categories;
mod index;
mod query;

pub use self::{
    categories::Category,
    index::Index,
    query::{Query, Sort},
};

use super::{Error, View};
use crate::{
    domain::{
        Kind, Machine as _, Money, ProductId, Sku, Time,
        product::{self, Event, Spec},
    },
    journal::{BatchRef, EntryRef, StateStore, Tree, codec},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "catalogue";
const CARD: u8 = b'c';
const KNOWN: u8 = b'p';

/// The catalogue's fold, and the index that it keeps if there is one.
#[derive(Default)]
pub struct Catalogue(Option<Arc<Index>>);

impl Catalogue {
    /// The fold that keeps this index.
    pub fn keeping(index: Arc<Index>) -> Catalogue {
        Catalogue(Some(index))
    }
}

/// One product as shoppers see it.
#[derive(Clone, Debug, PartialEq)]
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

/// What lists find and sort a product by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    id: ProductId,
    created_at: Time,
    archived: bool,
    title: String,
    vendor: String,
    category: String,
    tags: Vec<String>,
    /// The lowest of a variant.
    price: Money,
    skus: Vec<Sku>,
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
                Ok(event) => self.fold_one(store, &entry, &event)?,
                Err(error) => {
                    tracing::error!(%error, position = entry.position.0, "a product is not listed");
                }
            }
        }
        Ok(())
    }

    fn forget(&self) {
        if let Some(index) = &self.0 {
            index.clear();
        }
    }
}

impl Catalogue {
    fn fold_one(
        &self,
        store: &dyn StateStore,
        entry: &EntryRef<'_>,
        event: &Event,
    ) -> Result<(), Error> {
        let Ok(id) = Uuid::from_slice(entry.id).map(ProductId) else { return Ok(()) };
        let known_key = key(KNOWN, id);
        let mut known: Known = match store.get(Tree::Catalogue, &known_key)? {
            Some(bytes) => rmp_serde::from_slice(&bytes).map_err(unreadable)?,
            None => Known::default(),
        };
        if entry.sequence <= known.sequence {
            return Ok(());
        }
        known.state.evolve(event, &entry.context);
        known.sequence = entry.sequence;
        if let Some(card) = card(id, &known.state).filter(|_| is_seen(event)) {
            store.put(Tree::Catalogue, &key(CARD, id), &rmp_serde::to_vec_named(&card)?)?;
            if let Some(index) = &self.0 {
                index.put(card);
            }
        }
        // Last, since its sequence says that the card has the event too.
        store.put(Tree::Catalogue, &known_key, &rmp_serde::to_vec_named(&known)?)?;
        Ok(())
    }
}

/// Whether shoppers see something else from here on.
fn is_seen(event: &Event) -> bool {
    match event {
        Event::Adopted { .. } | Event::Archived { .. } | Event::Restored { .. } => true,
        Event::Proposed { .. }
        | Event::Rejected { .. }
        | Event::Unclaimed { .. }
        | Event::Listed { .. }
        | Event::KeyUsed {}
        | Event::KeyFreed {} => false,
    }
}

fn card(id: ProductId, state: &product::State) -> Option<Card> {
    let (spec, created_at) = (state.spec()?, state.created_at()?);
    Some(Card {
        id,
        created_at,
        archived: state.archived(),
        title: spec.title.clone(),
        vendor: spec.vendor.clone(),
        category: spec.category.clone(),
        tags: spec.tags.clone(),
        price: spec.lowest_price()?,
        skus: spec.variants.iter().map(|variant| variant.sku.clone()).collect(),
    })
}

fn key(kind: u8, id: ProductId) -> Vec<u8> {
    [&[kind], id.0.as_bytes().as_slice()].concat()
}

fn unreadable(source: rmp_serde::decode::Error) -> Error {
    Error::Unreadable { view: NAME, source }
}

/// What these products say, in the same order; without those that the store does not have.
///
/// # Errors
/// The store failed, or holds something else.
pub fn products(store: &dyn StateStore, ids: &[ProductId]) -> Result<Vec<Product>, Error> {
    let mut products = Vec::with_capacity(ids.len());
    for &id in ids {
        let Some(bytes) = store.get(Tree::Catalogue, &key(KNOWN, id))? else { continue };
        let Known { state, .. } = rmp_serde::from_slice(&bytes).map_err(unreadable)?;
        let (revision, archived) = (state.shown(), state.archived());
        if let (Some(created_at), Some(spec)) = (state.created_at(), state.into_spec()) {
            products.push(Product { id, created_at, revision, archived, spec });
        }
    }
    Ok(products)
}

#[cfg(test)]
mod tests;
