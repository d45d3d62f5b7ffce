//! The catalogue in memory: a small card of each product, sorted in each order that a list can
//! have, so that a filtered page costs no disk.
//!
//! Made of the view's cards at a start and kept by the view as it folds. Invariant: a card stands
//! in every order of its shelf or in none, and what it stands under is what it says.

use super::{
    Card,
    categories::{self, Category},
    query::{Query, Sort},
};
use crate::{
    domain::{ProductId, Sku},
    journal::{Position, StateStore, Tree, state},
    views::board::Count,
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// Cards that are read from the store at once.
const AT_ONCE: usize = 1_000;

/// In each order: by time, by price, by title.
type Keys = [Box<[u8]>; 3];

struct Entry {
    card: Card,
    keys: Keys,
}

/// What is for sale, or what is archived.
#[derive(Default)]
struct Shelf([BTreeMap<Box<[u8]>, Arc<Entry>>; 3]);

#[derive(Default)]
struct Cards {
    all: HashMap<ProductId, Arc<Entry>>,
    for_sale: Shelf,
    archived: Shelf,
    /// Products for sale by their category.
    places: BTreeMap<String, usize>,
}

/// All products' cards.
#[derive(Default)]
pub struct Index {
    cards: RwLock<Cards>,
    /// Per shard, how far its log must be folded to show every change that was answered.
    needed: Vec<AtomicU64>,
    edition: Count,
}

impl Index {
    /// An empty index of a shop whose logs end here.
    pub fn new(ends: impl IntoIterator<Item = Position>) -> Index {
        let needed = ends.into_iter().map(|end| AtomicU64::new(end.0)).collect();
        Index { needed, ..Index::default() }
    }

    /// A product's event at `position` is durable, and its answer about to leave.
    pub fn let_go(&self, shard: usize, position: Position) {
        if let Some(needed) = self.needed.get(shard) {
            needed.fetch_max(position.0.saturating_add(1), Ordering::AcqRel);
        }
        self.edition.grow();
    }

    /// Changes of any product: grows before the answer to the change leaves.
    pub fn edition(&self) -> u64 {
        self.edition.now()
    }

    /// Per shard, how far its log must be folded to show every change that was answered.
    pub fn needed(&self) -> Vec<Position> {
        self.needed.iter().map(|needed| Position(needed.load(Ordering::Acquire))).collect()
    }

    /// Reads all cards of a store.
    ///
    /// # Errors
    /// The store failed, or holds something else.
    pub fn load(&self, store: &dyn StateStore) -> Result<(), super::Error> {
        let mut from = Bound::Included(vec![super::CARD]);
        loop {
            let range = (from.as_ref().map(Vec::as_slice), Bound::Excluded(&[super::CARD + 1][..]));
            let page = store.scan(Tree::Catalogue, range, state::Order::Ascending, AT_ONCE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = Bound::Excluded(last.clone());
            for (_, bytes) in &page {
                self.put(rmp_serde::from_slice(bytes).map_err(super::unreadable)?);
            }
        }
    }

    pub(super) fn put(&self, card: Card) {
        let mut cards = self.write();
        cards.take(card.id);
        let keys = keys(&card);
        if !card.archived {
            *cards.places.entry(card.category.clone()).or_default() += 1;
        }
        let entry = Arc::new(Entry { card, keys });
        for (order, key) in cards.shelf(entry.card.archived).0.iter_mut().zip(&entry.keys) {
            order.insert(key.clone(), entry.clone());
        }
        cards.all.insert(entry.card.id, entry);
    }

    pub(super) fn clear(&self) {
        *self.write() = Cards::default();
    }

    /// One page of a list behind `after`, and its next cursor. `has_stock` says of a SKU whether
    /// a unit is free.
    pub fn page(
        &self,
        query: &Query,
        after: Option<&[u8]>,
        limit: usize,
        has_stock: &dyn Fn(&Sku) -> bool,
    ) -> (Vec<ProductId>, Option<String>) {
        let cards = self.read();
        let shelf = if query.archived { &cards.archived } else { &cards.for_sale };
        let (order, from_the_end) = query.sort.way();
        let Some(order) = shelf.0.get(order) else { return (vec![], None) };
        let bound = after.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = |entry: &&Arc<Entry>| query.wants(&entry.card, has_stock);
        let found: Vec<&Arc<Entry>> = if from_the_end {
            let before = order.range::<[u8], _>((Bound::Unbounded, bound));
            before.rev().map(|(_, entry)| entry).filter(wanted).take(limit + 1).collect()
        } else {
            let behind = order.range::<[u8], _>((bound, Bound::Unbounded));
            behind.map(|(_, entry)| entry).filter(wanted).take(limit + 1).collect()
        };
        let more = found.len() > limit;
        let found = found.get(..limit).unwrap_or(&found);
        let last = found.last().and_then(|entry| entry.keys.get(query.sort.way().0));
        let next = last.filter(|_| more).map(|key| query.cursor(key));
        (found.iter().map(|entry| entry.card.id).collect(), next)
    }

    /// The tree of categories that have products for sale.
    pub fn categories(&self) -> Vec<Category> {
        categories::tree(self.read().places.iter().map(|(path, count)| (path.as_str(), *count)))
    }

    fn read(&self) -> RwLockReadGuard<'_, Cards> {
        self.cards.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cards> {
        self.cards.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cards {
    fn shelf(&mut self, archived: bool) -> &mut Shelf {
        if archived { &mut self.archived } else { &mut self.for_sale }
    }

    fn take(&mut self, id: ProductId) {
        let Some(entry) = self.all.remove(&id) else { return };
        for (order, key) in self.shelf(entry.card.archived).0.iter_mut().zip(&entry.keys) {
            order.remove(key);
        }
        if !entry.card.archived
            && let Some(count) = self.places.get_mut(&entry.card.category)
        {
            *count -= 1;
            if *count == 0 {
                self.places.remove(&entry.card.category);
            }
        }
    }
}

/// What a card is sorted by, in the order of [`Sort`]'s places; its id makes each unlike all others.
fn keys(card: &Card) -> Keys {
    let id = card.id.0.as_bytes().as_slice();
    let time = card.created_at.0.max(0).to_be_bytes();
    // Prices are never negative.
    let price = card.price.amount_minor.max(0).to_be_bytes();
    let title = card.title.to_lowercase();
    let mut keys = Keys::default();
    let parts: [(usize, &[&[u8]]); 3] = [
        (Sort::BY_TIME, &[&time, id]),
        (Sort::BY_PRICE, &[&price, card.price.currency.code().as_bytes(), id]),
        (Sort::BY_TITLE, &[title.as_bytes(), &[0], id]),
    ];
    for (place, parts) in parts {
        if let Some(key) = keys.get_mut(place) {
            *key = parts.concat().into();
        }
    }
    keys
}
