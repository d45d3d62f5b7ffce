//! The whole shop in one thread, under every fault, judged by a model of its own.
//!
//! Real actors and machines over the memory log; time is tokio's, paused; one seed decides
//! everything. Reading order: [`plan`] says what a seed means, [`stage`] is the world that outlives
//! a process, [`process`] is a shop in it; [`shoppers`], [`admins`] and [`operator`] act, [`history`]
//! is what clients were told, [`model`] judges, [`run`](mod@run) is one run and [`shrink`] makes a
//! failing one short. Invariant: nothing here asks the system for time, chance or another thread, so
//! a seed and a list of steps name one run for ever.

mod admins;
mod audit;
mod clock;
mod dice;
mod history;
mod model;
mod operator;
mod plan;
mod process;
mod provider;
mod run;
mod shoppers;
mod shrink;
mod stage;
mod trace;

#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "the tests and the example name different ones")]
pub(crate) use self::{
    model::{Invariant, Violation},
    plan::Mode,
    run::{Options, Report, run},
    shrink::shrink,
};
