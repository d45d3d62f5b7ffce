//! Doorbuster: a commerce backend for the minute in which everybody comes at once.
//!
//! Reading order, from the rules to the door; each module imports only those above it:
//! [`domain`], [`journal`], [`ports`], [`views`], [`actors`], [`shop`], [`http`], [`cli`].
//! [`verify`] and [`export`] read a stopped store, [`backup`] copies any, [`exchange`] brings products
//! in and takes products and orders out; [`load`] stands outside: it talks to a running
//! shop as any client does.

pub mod actors;
pub mod backup;
pub mod cli;
pub mod domain;
pub mod exchange;
pub mod export;
pub mod http;
pub mod journal;
pub mod load;
pub mod ports;
pub mod shop;
pub mod verify;
pub mod views;

#[cfg(test)]
mod simulation;
