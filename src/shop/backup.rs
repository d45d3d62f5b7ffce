//! What a running shop does for its backup: says where its logs end, at one instant.
//!
//! The copying is done by whoever asks, from the files; nothing here grows with the store.

use super::Shop;
use crate::journal::{
    backup::{self, Cut, End},
    committer,
};

impl Shop {
    /// Where all logs end at one instant, and how long the books of others are then. What was
    /// acknowledged before this was called is before those ends.
    pub fn cut(&self) -> Cut {
        let system = self.system();
        let committers = system.shards.iter().map(|shard| &shard.committer);
        let layout = self.0.layout.as_ref();
        let look = || layout.map(backup::measure_books).unwrap_or_default();
        let (tails, books) = committer::cut(committers, look);
        let id = format!("cut_{}", system.new_uuid().simple());
        Cut { id, at: self.now(), shards: tails.iter().map(End::of).collect(), books }
    }
}
