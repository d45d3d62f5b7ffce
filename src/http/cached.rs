//! Catalogue reads from memory: encoded once, sent to everybody, and never a moment too old.
//!
//! An answer is kept with what it shows: the catalogue's edition and the free units of each SKU.
//! A reader compares both with what is so now, which costs two loads while nothing is sold, and
//! gets the same bytes. When only stock moved, the body is encoded again from what is kept; when a
//! product changed, one reader asks the shop and the others wait for what he gets. Invariant: what
//! a reader gets was so at some moment after his request began, so whoever was told that something
//! changed finds it changed.

mod shelf;

pub use shelf::Shelf;

use super::{
    Door,
    coding::{ASK_AGAIN, Coded, JSON},
    extract::Call,
    problem::Problem,
    reply::Answer,
};
use crate::{
    domain::Sku,
    shop::Shop,
    views::board::{Board, Slot},
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::OnceCell;

/// How often a body is encoded anew when stock moves meanwhile.
const TRIES: usize = 3;

/// Encodes a body with today's stock.
type Encode = Box<dyn Fn(&Shop) -> Vec<u8> + Send + Sync>;

/// What a reader is shown of the catalogue, stock left out.
pub struct Shown {
    revision: Option<u64>,
    slots: Vec<Arc<Slot>>,
    encode: Encode,
    current: bool,
}

impl Shown {
    /// `encode` makes the body; beside products it may show the free units of `skus`, and nothing
    /// else that changes.
    pub fn new<'a>(
        shop: &Shop,
        skus: impl Iterator<Item = &'a Sku>,
        encode: impl Fn(&Shop) -> Vec<u8> + Send + Sync + 'static,
    ) -> Shown {
        let slots = skus.map(|sku| shop.system().board.slot(sku)).collect();
        Shown { revision: None, slots, encode: Box::new(encode), current: true }
    }

    /// It is this revision of one product.
    #[must_use]
    pub fn of_revision(self, revision: u64) -> Shown {
        Shown { revision: Some(revision), ..self }
    }

    /// It came from a view that had caught up, or not: then only those who wait already get it.
    #[must_use]
    pub fn if_current(self, current: bool) -> Shown {
        Shown { current, ..self }
    }

    /// The body with today's stock.
    pub fn body(&self, shop: &Shop) -> Vec<u8> {
        (self.encode)(shop)
    }

    fn free(&self) -> Vec<u64> {
        self.slots.iter().map(|slot| free(slot)).collect()
    }

    /// The body and the free units in it.
    fn encode(&self, shop: &Shop) -> Encoded {
        let board = &shop.system().board;
        for _ in 1..TRIES {
            if let Some(encoded) = self.encode_at_rest(board, shop) {
                return encoded;
            }
        }
        // Under such a load it is older than the next reader anyway.
        Encoded { settled: false, ..self.encode_once(board, shop) }
    }

    fn encode_at_rest(&self, board: &Board, shop: &Shop) -> Option<Encoded> {
        let positions = || self.slots.iter().map(|slot| slot.posted().position);
        let before: Vec<_> = positions().collect();
        let encoded = self.encode_once(board, shop);
        // Counts may come back to what they were; positions don't.
        positions().eq(before).then_some(encoded)
    }

    fn encode_once(&self, board: &Board, shop: &Shop) -> Encoded {
        let checked = AtomicU64::new(board.changes().now());
        let free = self.free();
        let coded = Coded::new(JSON, ASK_AGAIN, self.revision, (self.encode)(shop));
        Encoded { free, checked, settled: true, coded }
    }
}

fn free(slot: &Slot) -> u64 {
    let level = slot.posted().level;
    if level.known { level.free } else { 0 }
}

/// A body as of some stock.
struct Encoded {
    /// Of each SKU that it shows.
    free: Vec<u64>,
    /// The board's changes when it was last found right.
    checked: AtomicU64,
    /// Nothing moved while it was made.
    settled: bool,
    coded: Coded,
}

impl Encoded {
    fn is_right(&self, shown: &Shown, board: &Board) -> bool {
        let changes = board.changes().now();
        if !self.settled {
            return false;
        }
        if self.checked.load(Ordering::Acquire) == changes {
            return true;
        }
        let right = shown.slots.iter().zip(&self.free).all(|(slot, shown)| free(slot) == *shown);
        if right {
            self.checked.store(changes, Ordering::Release);
        }
        right
    }
}

/// What is kept of one question.
struct Kept {
    /// The catalogue's when it was asked.
    edition: u64,
    shown: OnceCell<Result<Shown, Problem>>,
    encoded: Mutex<Option<Arc<Encoded>>>,
}

impl Kept {
    fn new(edition: u64) -> Kept {
        Kept { edition, shown: OnceCell::new(), encoded: Mutex::default() }
    }

    /// The body as of now, and whether it had to be encoded.
    fn encoded(&self, shown: &Shown, shop: &Shop) -> (Arc<Encoded>, bool) {
        // Others wait for the one who encodes: they would all do the same.
        let mut last = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref().filter(|last| last.is_right(shown, &shop.system().board)) {
            Some(right) => (right.clone(), false),
            None => (last.insert(Arc::new(shown.encode(shop))).clone(), true),
        }
    }
}

impl Door {
    /// Answers a read of the catalogue; `ask` finds out what to show, where that is not known.
    ///
    /// # Errors
    /// As `ask`.
    pub async fn cached<F>(&self, call: Call, ask: impl FnOnce(Shop, Call) -> F) -> Answer
    where
        F: Future<Output = Result<Shown, Problem>>,
    {
        let (shop, shelf) = (self.shop(), self.shelf());
        // The edition first: what is found out later is of this one, or of a newer one.
        let edition = shop.system().catalogue.edition();
        let (headers, uri) = (call.headers(), call.uri());
        let key = uri.path_and_query().map_or(uri.path(), |both| both.as_str());
        if let Some(kept) = shelf.find(key, edition)
            && let Some(Ok(shown)) = kept.shown.get()
        {
            let (encoded, anew) = kept.encoded(shown, shop);
            if anew {
                shelf.weigh(key, &kept, weight(shown, &encoded));
            }
            return Ok(encoded.coded.answer(headers));
        }
        let (key, headers) = (key.to_owned(), headers.clone());
        let kept = shelf.place(&key, edition);
        let shown = kept.shown.get_or_init(|| ask(shop.clone(), call)).await;
        if !shown.as_ref().is_ok_and(|shown| shown.current) {
            shelf.take_away(&key, &kept);
        }
        let shown = shown.as_ref().map_err(Problem::clone)?;
        let (encoded, _) = kept.encoded(shown, shop);
        shelf.weigh(&key, &kept, weight(shown, &encoded));
        Ok(encoded.coded.answer(&headers))
    }
}

/// About how many bytes are kept: what is shown, as it is, and smaller twice.
fn weight(shown: &Shown, encoded: &Encoded) -> usize {
    3 * encoded.coded.len() + 24 * shown.slots.len()
}
