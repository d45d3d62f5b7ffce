//! Everything outside the shop, each party a trait with real adapters and a simulator.
//!
//! The rest of the shop never learns which one it talks to, so a whole shop can run in one
//! thread with a set clock, seeded randomness and a provider that fails on demand. Invariant of
//! this folder: it imports the domain and crates, nothing else of the shop.

pub mod clock;
pub mod entropy;
pub mod mail;
pub mod payments;

pub use clock::{Clock, ShopClock};
pub use entropy::Entropy;
pub use mail::Mail;
pub use payments::Payments;
