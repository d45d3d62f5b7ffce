//! How late reservations end: at their deadline, or when the process was ready again.

use doorbuster::{
    domain::{CartId, Kind, Time, sku::Event},
    journal::{Position, codec, file},
};
use std::{collections::HashMap, fs, path::Path};

/// One process: when it was started, and when it was ready if it ever was.
pub(crate) struct Life {
    pub(crate) began: Time,
    pub(crate) ready: Option<Time>,
}

impl Life {
    /// How late it ended at `at` what was due at `due`. Before readiness nobody is late.
    fn late_ms(&self, at: Time, due: Time) -> u64 {
        self.ready.map_or(0, |ready| at.ms_since(due.max(ready)))
    }
}

pub(crate) struct Late {
    pub(crate) count: usize,
    pub(crate) median_ms: u64,
    pub(crate) most_ms: u64,
}

/// Reads every expiry in the logs of a stopped store.
pub(crate) fn expiries(store: &Path, lives: &[Life]) -> Late {
    let mut late_ms = vec![];
    for shard in fs::read_dir(store.join("log")).unwrap() {
        let mut deadlines: HashMap<(Vec<u8>, CartId), Time> = HashMap::new();
        let inspected = file::inspect(&shard.unwrap().path(), Position(0), &mut |batch| {
            for entry in batch.entries().filter(|entry| entry.kind == Kind::Sku) {
                let sku = entry.id.to_vec();
                match codec::decode::<Event>(&entry).map_err(|error| error.to_string())? {
                    Event::Reserved { cart, until, .. } => {
                        deadlines.insert((sku, cart), until);
                    }
                    Event::Expired { carts, .. } => {
                        let at = entry.context.now;
                        let life = lives.iter().rfind(|life| life.began <= at).unwrap();
                        let due = |cart: &CartId| deadlines[&(sku.clone(), *cart)];
                        late_ms.extend(carts.iter().map(|(cart, _)| life.late_ms(at, due(cart))));
                    }
                    _ => {}
                }
            }
            Ok(())
        });
        inspected.unwrap();
    }
    late_ms.sort_unstable();
    let median_ms = late_ms.get(late_ms.len() / 2).copied().unwrap_or_default();
    let most_ms = late_ms.last().copied().unwrap_or_default();
    Late { count: late_ms.len(), median_ms, most_ms }
}
