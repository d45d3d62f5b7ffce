//! A question to several SKUs at once, and the answers so far.
//!
//! Lost with the actor that asks: its successor asks again, and SKUs answer a repeat the same.

use crate::domain::{Sku, Time, sku::Refusal};
use std::collections::BTreeSet;

/// When SKUs that have not answered are asked again, doubling each time.
const ASK_AGAIN_MS: u64 = 250;

/// What is asked and who has yet to answer.
pub struct Gather<W> {
    /// What is asked.
    pub what: W,
    waiting: BTreeSet<Sku>,
    refused: Vec<(Sku, Refusal)>,
    asked: u32,
    ask_at: Time,
}

impl<W> Gather<W> {
    /// Asks these SKUs; the asking itself is the caller's.
    pub fn new(what: W, skus: impl IntoIterator<Item = Sku>, now: Time) -> Gather<W> {
        let waiting = skus.into_iter().collect();
        let mut gather = Gather { what, waiting, refused: vec![], asked: 0, ask_at: now };
        gather.put_off(now);
        gather
    }

    /// Notes an answer; `false` when this SKU was not waited for.
    pub fn answered(&mut self, sku: &Sku, result: Result<(), Refusal>) -> bool {
        if !self.waiting.remove(sku) {
            return false;
        }
        if let Err(refusal) = result {
            self.refused.push((sku.clone(), refusal));
        }
        true
    }

    /// Whether every SKU has answered.
    pub fn complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Who refused, and why.
    pub fn refused(&self) -> &[(Sku, Refusal)] {
        &self.refused
    }

    /// Who has to be asked again by now; puts the next time off.
    pub fn overdue(&mut self, now: Time) -> Vec<Sku> {
        if now < self.ask_at {
            return vec![];
        }
        self.put_off(now);
        self.waiting.iter().cloned().collect()
    }

    /// When to ask again.
    pub fn ask_at(&self) -> Time {
        self.ask_at
    }

    fn put_off(&mut self, now: Time) {
        self.ask_at = now.plus_ms(ASK_AGAIN_MS << self.asked.min(7));
        self.asked = self.asked.saturating_add(1);
    }
}
