//! Every order that came to be, by time and by buyer.
//!
//! Keys only: an order's own state is asked of the order. Invariant: an order that a SKU refused
//! never was and is in no list, since only `Placed` puts it here.
//!
//! ```text
//! orders           order (24 bytes)                  -> older orders, 24 bytes each
//! orders_by_buyer  buyer (16, big-endian)  order (24) -> older orders of this buyer
//! ```
//! An order stands as the time it was placed at (8 bytes, big-endian) and its id. One put holds
//! all orders of a pass that were placed in the same stretch of 128 ms, under its newest: in a
//! rush a pass costs two puts, not thousands. Whoever lists reads a whole stretch at once, so
//! neither several shards nor a pass folded again after a crash disturb the order.

use super::{Error, View, cursor};
use crate::{
    domain::{Kind, OrderId, Time, machine, order, sku::Buyer},
    journal::{
        BatchRef, EntryRef, StateStore, Tree, codec,
        state::{Order, Pair},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};
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
        let mut stretches = Stretches::new();
        let entries = batches.iter().flat_map(|batch| batch.entries_of(Kind::Order));
        for entry in entries.filter(|entry| entry.sequence == 1) {
            match codec::decode::<First>(&entry) {
                Ok(First::Placed(Who { email })) => {
                    let line = line(&entry);
                    let mut add = |prefix| {
                        let lines: &mut BTreeSet<Line> =
                            stretches.entry((prefix, stretch(&line))).or_default();
                        lines.insert(line);
                    };
                    add(None);
                    add(Some(email.0));
                }
                Err(error) => {
                    tracing::error!(%error, position = entry.position.0, "an order is in no list");
                }
            }
        }
        for ((buyer, _), lines) in stretches {
            put(store, buyer, lines)?;
        }
        Ok(())
    }
}

/// An order in the lists: when it was placed, and its id.
type Line = [u8; 24];

/// Orders by buyer, or all, and by stretch.
type Stretches = BTreeMap<(Option<u128>, u64), BTreeSet<Line>>;

fn line(entry: &EntryRef<'_>) -> Line {
    let mut line = [0; 24];
    let at = entry.context.now.0.max(0).to_be_bytes();
    for (to, from) in line.iter_mut().zip(at.iter().chain(entry.id)) {
        *to = *from;
    }
    line
}

/// Which stretch of time a line belongs to.
fn stretch(line: &Line) -> u64 {
    line.first_chunk::<8>().map_or(0, |at| u64::from_be_bytes(*at) >> 7)
}

/// The stretch that a record belongs to, and its orders as keys of one each. Two stores cut a
/// stretch into other records and hold the same orders; what is no order is a key of its own.
pub fn unpack(key: &[u8], older: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let Some((prefix, newest)) = key.split_last_chunk::<24>() else {
        return (key.into(), vec![key.into()]);
    };
    let (lines, rest) = older.as_chunks::<24>();
    let lines = lines.iter().chain([newest]).map(|line| [prefix, line].concat());
    let foreign = (!rest.is_empty()).then(|| [key, rest].concat());
    ([prefix, &stretch(newest).to_be_bytes()].concat(), lines.chain(foreign).collect())
}

fn put(
    store: &dyn StateStore,
    buyer: Option<u128>,
    mut lines: BTreeSet<Line>,
) -> Result<(), Error> {
    let Some(newest) = lines.pop_last() else { return Ok(()) };
    let older: Vec<u8> = lines.into_iter().flatten().collect();
    match buyer {
        None => store.put(Tree::Orders, &newest, &older)?,
        Some(buyer) => {
            let key = [buyer.to_be_bytes().as_slice(), &newest].concat();
            store.put(Tree::OrdersByBuyer, &key, &older)?;
        }
    }
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

/// Where a list goes on: its last order. As text it means nothing to whoever carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Line);

impl Cursor {
    /// `None` when no page of this list, of all orders or of one buyer's, ended there.
    #[must_use]
    pub fn parse(text: &str, buyer: Option<Buyer>) -> Option<Cursor> {
        let (_, prefix) = list(buyer);
        cursor::below(text, &prefix, size_of::<Line>()).as_deref().and_then(last_line).map(Cursor)
    }
}

/// The tree that has all orders, or those of one buyer, and what their keys begin with.
fn list(buyer: Option<Buyer>) -> (Tree, Vec<u8>) {
    match buyer {
        None => (Tree::Orders, vec![]),
        Some(buyer) => (Tree::OrdersByBuyer, buyer.0.to_be_bytes().to_vec()),
    }
}

/// Stretches that are read at once.
const STRETCHES: usize = 16;

/// All orders, or those of one buyer.
///
/// # Errors
/// The store failed.
pub fn page(
    store: &dyn StateStore,
    buyer: Option<Buyer>,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Page, Error> {
    let (tree, prefix) = list(buyer);
    let prefix = prefix.as_slice();
    let given = cursor.map(|Cursor(line)| *line);
    let mut page = Listing { given, found: vec![], stretch: BTreeSet::new() };
    // The stretch of the line that was given last may hold older ones.
    let mut end = given.map(|line| {
        let next = stretch(&line).saturating_add(1) << 7;
        [prefix, &next.to_be_bytes()].concat()
    });
    while page.found.len() <= limit {
        let pairs = match &end {
            None => store.scan_prefix(tree, prefix, Order::Descending, STRETCHES)?,
            Some(end) => {
                let range = (Bound::Included(prefix), Bound::Excluded(end.as_slice()));
                store.scan(tree, range, Order::Descending, STRETCHES)?
            }
        };
        page.extend(&pairs);
        let Some((key, _)) = pairs.into_iter().last() else {
            page.close();
            break;
        };
        end = Some(key);
    }
    let more = page.found.len() > limit;
    page.found.truncate(limit);
    let next = page.found.last().filter(|_| more);
    let next = next.map(|line| cursor::text(&[prefix, line].concat()));
    Ok((page.found.iter().map(placed).collect(), next))
}

/// The lines of a page, newest first.
struct Listing {
    /// The last one of the page before.
    given: Option<Line>,
    found: Vec<Line>,
    /// Not all of it is read yet.
    stretch: BTreeSet<Line>,
}

impl Listing {
    fn extend(&mut self, pairs: &[Pair]) {
        for (key, older) in pairs {
            let Some(newest) = last_line(key) else { continue };
            if self.stretch.last().is_some_and(|line| stretch(line) != stretch(&newest)) {
                self.close();
            }
            self.stretch.insert(newest);
            self.stretch.extend(older.as_chunks::<24>().0);
        }
    }

    /// Nothing more of this stretch will come.
    fn close(&mut self) {
        let lines = std::mem::take(&mut self.stretch).into_iter().rev();
        self.found.extend(lines.filter(|line| self.given.is_none_or(|given| *line < given)));
    }
}

fn last_line(key: &[u8]) -> Option<Line> {
    key.last_chunk().copied()
}

fn placed(line: &Line) -> Placed {
    let (mut at, mut order) = ([0; 8], [0; 16]);
    for (to, from) in at.iter_mut().chain(&mut order).zip(line) {
        *to = *from;
    }
    Placed { at: Time(i64::from_be_bytes(at)), order: OrderId(Uuid::from_bytes(order)) }
}

#[cfg(test)]
mod tests;
