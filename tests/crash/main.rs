//! The real process: killed under load, over and over; damaged, crowded and cramped stores.
//!
//! Clients keep a history of what they were told; whatever happens to the process, nothing they
//! were told may turn out untrue. The binary is `DOORBUSTER_BIN`, else the one cargo built.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "what is not so fails the test"
)]

mod backup;
mod clock;
mod damage;
mod disks;
mod end;
mod history;
mod kills;
mod late;
mod linear;
mod losses;
mod market;
mod opening;
mod power;
mod rot;
mod server;
mod shim;
mod sockets;
mod traced;

/// Splitmix64: all the randomness a test needs, from a seed it can print.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    /// From `DOORBUSTER_SEED`, else a new seed; printed either way.
    fn throw() -> Dice {
        let given = std::env::var("DOORBUSTER_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().unwrap());
        println!("DOORBUSTER_SEED={seed}");
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `most`.
    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
}

/// How often a test does what it does: `short` times, or `DOORBUSTER_ROUNDS` times in a long run.
fn rounds(short: u64) -> u64 {
    let given = std::env::var("DOORBUSTER_ROUNDS").ok();
    given.map_or(short, |rounds| rounds.parse().expect("DOORBUSTER_ROUNDS is a number"))
}
