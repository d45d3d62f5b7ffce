//! The business rules as pure state machines: no clock, no I/O, no randomness, no async.
//!
//! Every machine answers a command with events or a refusal (`decide`) and changes only by
//! events (`evolve`), so each rule is a three-line table test and replay is exact. Invariant of
//! this folder: it knows std, serde, thiserror, chrono types, uuid and currencies, nothing else.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]

pub mod cart;
pub mod contact;
pub mod ids;
pub mod locale;
pub mod machine;
pub mod money;
pub mod order;
pub mod post;
pub mod product;
pub mod sealed;
pub mod sku;
#[cfg(test)]
mod testing;
pub mod time;

pub use ids::{CartId, CommandId, EntityId, Kind, OrderId, PostId, ProductId, ReservationId, Sku};
pub use locale::Locale;
pub use machine::{By, Context, Fingerprint, Machine};
pub use money::{Currency, Money};
pub use sealed::Sealed;
pub use time::Time;
