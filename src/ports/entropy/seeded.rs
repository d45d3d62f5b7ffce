//! Random bytes from a seed: the endless output of BLAKE3 keyed by it.
//!
//! For tests and simulation. Invariant: the same seed and the same calls give the same bytes.

use super::Entropy;
use std::sync::{Mutex, PoisonError};

/// A source that a seed repeats.
pub struct Seeded {
    output: Mutex<blake3::OutputReader>,
}

impl Seeded {
    /// The source of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Seeded {
        let mut hasher = blake3::Hasher::new_derive_key("doorbuster seeded entropy");
        hasher.update(&seed.to_le_bytes());
        Seeded { output: Mutex::new(hasher.finalize_xof()) }
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}
