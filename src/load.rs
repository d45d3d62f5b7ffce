//! The load generator: what `doorbuster rush` and the benches drive a shop with.
//!
//! It stands outside: it speaks HTTP like any client and imports nothing of the server but the
//! domain's ids and money, so what it proves about a shop it proves of the contract alone.
//!
//! Layout, in reading order:
//! - [`target`], [`client`]: where the shop listens; one keep-alive connection with a deadline on every call
//! - [`pace`], [`mod@run`]: when the next turn begins; the workers that take turns at a [`Script`]
//! - [`report`]: latencies and outcomes, merged over workers
//! - [`contract`]: the few JSON shapes of the contract that a shopper reads and writes
//! - [`shopper`], [`scripts`]: one honest shopper; the scripts made of it
//! - [`desk`], [`books`], [`unjudged`]: what is read around a rush; whether it balances; what is
//!   left when it can't be read
//! - [`rush`], [`trace`], [`replay`], [`args`]: the race, recorded sales, their replay, the flags

pub mod args;
pub mod books;
pub mod client;
pub mod contract;
pub mod desk;
#[cfg(test)]
mod fake;
pub mod pace;
pub mod progress;
pub mod replay;
pub mod report;
pub mod run;
pub mod rush;
pub mod scripts;
pub mod shopper;
pub mod target;
pub mod trace;
pub mod unjudged;

pub use client::{Answer, Client};
pub use pace::{Bounds, Pace};
pub use report::{Outcome, Report, Tally};
pub use run::{Plan, Script, Turn, run};
pub use target::Target;
