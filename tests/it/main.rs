//! The shop through its door: one binary, one module per resource.
//!
//! Each test serves a shop of its own, from a folder of its own, on a free port of the loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it does not expect should fail there"
)]

mod app;
mod backup;
mod caching;
mod cart;
mod checkout;
mod command_line;
mod commands;
mod cors;
mod documents;
mod editing;
mod exchange;
mod http2;
mod inventory;
mod live;
mod mail;
mod manners;
mod operate;
mod orders;
mod products;
mod reservations;
mod returns;
mod room;
mod shelves;
mod store;
