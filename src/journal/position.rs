//! Where things stand in a shard's log, and where the log ends.
//!
//! A position is a byte offset over all segments of one shard, so it grows with every record, is
//! directly addressable and says nothing about another shard's.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The byte offset of a batch or an entry in its shard's log.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position `bytes` further on.
    #[must_use]
    pub fn plus(self, bytes: usize) -> Position {
        Position(self.0.saturating_add(bytes as u64))
    }

    /// Bytes from `earlier` to here, 0 when it is not earlier.
    #[must_use]
    pub fn bytes_since(self, earlier: Position) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// BLAKE3 of one whole batch, header included. Each batch carries the one before it, so the hash
/// at a position stands for all history up to there.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// Reads the 64 digits that it is shown as; `None` when they are not.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Hash> {
        blake3::Hash::from_hex(digits).ok().map(|hash| Hash(*hash.as_bytes()))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a log ends. `Default` is the end of an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// How often the store has been opened for writing.
    pub epoch: u64,
    /// Where the next batch goes.
    pub next: Position,
    /// The last batch's hash, zero before the first.
    pub hash: Hash,
}
