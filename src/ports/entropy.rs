//! Random bytes: ids, keys, jitter.
//!
//! A port, so that a simulation with the same seed makes the same ids in the same order.

mod os;
mod seeded;

pub use os::Os;
pub use seeded::Seeded;

use uuid::{Builder, Uuid};

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Overwrites `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);

    /// A version 4 UUID. Its fixed bits are in bytes 6 and 8; the first four, by which carts
    /// are routed, are random.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// What every source must keep.
#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, thread};

    fn keeps_the_contract(entropy: &dyn Entropy) {
        let ids: BTreeSet<Uuid> = (0..10_000).map(|_| entropy.uuid()).collect();
        assert_eq!(ids.len(), 10_000, "no id comes twice");
        assert!(ids.iter().all(|id| id.get_version_num() == 4));
        let routing_bits_ever = |fold: fn(u8, u8) -> u8, start: u8| {
            let mut seen = [start; 4];
            for id in &ids {
                seen.iter_mut().zip(id.as_bytes()).for_each(|(bits, byte)| {
                    *bits = fold(*bits, *byte);
                });
            }
            seen
        };
        assert_eq!(
            routing_bits_ever(|a, b| a | b, 0),
            [255; 4],
            "each routing bit is set at times"
        );
        assert_eq!(routing_bits_ever(|a, b| a & b, 255), [0; 4], "and clear at times");
        for length in [1, 4095, 4096, 4097, 10_000] {
            let [mut bytes, mut seen] = [vec![0; length], vec![0; length]];
            for _ in 0..20 {
                entropy.fill(&mut bytes);
                seen.iter_mut().zip(&bytes).for_each(|(seen, byte): (&mut u8, _)| *seen |= byte);
            }
            assert!(!seen.contains(&0), "a byte of {length} is never written");
        }
    }

    #[test]
    fn the_operating_systems_bytes_keep_the_contract() {
        keeps_the_contract(&Os);
    }

    #[test]
    fn seeded_bytes_keep_the_contract() {
        keeps_the_contract(&Seeded::new(7));
    }

    #[test]
    fn a_seed_repeats_itself_and_no_other() {
        let first_two = |seed| {
            let entropy = Seeded::new(seed);
            [entropy.uuid(), entropy.uuid()]
        };
        assert_eq!(first_two(1), first_two(1));
        assert_ne!(first_two(1), first_two(2));
    }

    #[test]
    fn threads_never_share_an_id() {
        let ids = || (0..5_000).map(|_| Os.uuid()).collect::<Vec<_>>();
        let all: BTreeSet<Uuid> = thread::scope(|scope| {
            let threads = [scope.spawn(ids), scope.spawn(ids)];
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.len(), 10_000);
    }
}
